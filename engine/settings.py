"""The engine's settings: the store, the encoders, grounding, refinement.

Each room has its own sections; `vlclip.service.settings` composes them and reads file and environment.
A function takes the sections it needs: `StoreSettings`, `EncoderSettings`, or one section.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vlclip.engine.language import DEFAULT


class Section(BaseModel):
    """A part of the settings: unknown names are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Hnsw(Section):
    """The search graph and the memory it takes."""

    m: int = Field(24, ge=4, le=128, description="edges per node")
    ef_construct: int = Field(200, ge=8, le=2000, description="candidates while building")
    ef: int = Field(96, ge=1, le=10_000, description="candidates while searching")
    quantization: Literal["int8", "binary", "none"] = Field(
        "int8", description="form of the vectors in RAM, beside the full ones; always rescored"
    )
    oversampling: float = Field(2.0, ge=1, le=20, description="candidates rescored, times the limit")


class Server(Section):
    """A Qdrant server or cluster; used when `store` is a URL."""

    api_key: SecretStr | None = Field(None, description="sent with every request")
    grpc: bool = Field(default=False, description="use gRPC for searches and writes")
    grpc_port: int = Field(6334, ge=1, le=65535)
    collection: str = Field(
        "vlclip", pattern=r"^[A-Za-z0-9_.-]{1,200}$", description="alias of the current collection"
    )
    shards: int = Field(1, ge=1, description="of a new collection")
    replicas: int = Field(1, ge=1, description="of each shard of a new collection")
    timeout_s: float = Field(30.0, gt=0, description="for one request")


class Grounding(Section):
    """Finding the product in its photo; the crop is embedded."""

    model: str = Field(
        "off",
        min_length=1,
        description="off, a shipped name, a Hugging Face name, a folder, or original:FOLDER",
    )
    threshold: float | None = Field(
        None, ge=0, le=1, description="a box needs a higher score; unset: the model's own, or 0.35"
    )
    padding: float = Field(0.05, ge=0, le=1, description="added on each side, as a share of the box's side")
    min_area: float = Field(0.01, ge=0, le=1, description="least share of the photo that a box covers")
    short_side: int | None = Field(
        None, ge=32, le=4096, description="photos are resized to this, in pixels; unset: the model's own"
    )
    batch: int = Field(8, ge=1, le=256, description="photos of one size in one forward")


class Refinement(Section):
    """What the text segment says: the item's own words, a text from its fields, or a model's."""

    mode: Literal["off", "fields", "llm"] = Field(
        "off", description="the writer of the texts that are embedded"
    )
    agreement: Literal["llm", "all"] = Field(
        "llm", description="texts that stay only if they fit the photo as well as the item's own"
    )
    base_url: str = Field("", description="of an OpenAI-compatible endpoint: http://localhost:8000/v1")
    api_key: SecretStr | None = Field(None, description="sent to the endpoint")
    model: str = Field("", description="the endpoint's name for the model")
    sees: bool = Field(default=False, description="the model takes photos, so they are sent to it")
    rounds: int = Field(5, ge=1, le=5, description="most verdicts on one item's text")
    temperature: float | None = Field(0.0, ge=0, le=2, description="of the sampling")
    max_tokens: int = Field(300, ge=16, le=32_768, description="of one answer, with the model's thoughts")
    concurrency: int = Field(4, ge=1, le=256, description="items refined at a time")
    requests_per_minute: int = Field(0, ge=0, description="most requests sent; 0 for no limit")
    tokens_per_minute: int = Field(0, ge=0, description="most tokens used; 0 for no limit")
    max_tokens_total: int = Field(
        0, ge=0, description="of one run, which then stops; run it again to go on; 0 for no limit"
    )
    timeout_s: float = Field(60.0, gt=0, description="for one whole answer")
    attempts: int = Field(4, ge=1, le=10, description="for one answer, with growing waits between")
    cache: str = Field("refined.sqlite", description="file of finished texts; empty for none")


class StoreSettings(Section):
    """Where the vectors are and how they are kept."""

    store: str = Field("./store", description="a folder, or the URL of a Qdrant server")
    hnsw: Hnsw = Hnsw()
    server: Server = Server()


class EncoderSettings(Section):
    """Which models make the vectors, and of texts in which language."""

    clip: str = Field("vlclip-small", description="shipped name, name/pretrained, hf-hub:, or folder")
    text_encoder: str = Field("clip", description="'clip', or a sentence-transformers name or folder")
    language: str = Field(
        DEFAULT, description="of the texts: stop words, stems, advertising, vocabulary; see engine/languages"
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1")


class EngineSettings(StoreSettings, EncoderSettings):
    """All that the engine reads."""

    grounding: Grounding = Grounding()
    refinement: Refinement = Refinement()
