"""The engine's settings: the store, the encoders, grounding, refinement.

Each package has its own sections; `vlclip.service.settings` joins them and reads file and environment.
A function takes the sections that it needs: `StoreSettings`, `EncoderSettings`, or one section.
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

    m: int = Field(24, ge=4, le=128, description="edges per node of the search graph")
    ef_construct: int = Field(
        200,
        ge=8,
        le=2000,
        description="candidates per item while the graph is built",
    )
    ef: int = Field(
        96,
        ge=1,
        le=10_000,
        description="candidates of a search in the graph",
    )
    quantization: Literal["int8", "binary", "none"] = Field(
        "int8",
        description="short form of the vectors kept in RAM; results are always rescored with the full ones",
    )
    oversampling: float = Field(
        2.0, ge=1, le=20, description="how many candidates are rescored, as a multiple of the limit"
    )


class Server(Section):
    """A Qdrant server or cluster; used when `store` is a URL."""

    api_key: SecretStr | None = Field(None, description="API key of the server, sent with every request")
    grpc: bool = Field(default=False, description="use gRPC for searches and writes")
    grpc_port: int = Field(6334, ge=1, le=65535, description="port of the server for gRPC")
    collection: str = Field(
        "vlclip", pattern=r"^[A-Za-z0-9_.-]{1,200}$", description="alias of the current collection"
    )
    shards: int = Field(1, ge=1, description="shards of a new collection")
    replicas: int = Field(1, ge=1, description="copies of each shard of a new collection")
    timeout_s: float = Field(30.0, gt=0, description="time limit of one request")


class Grounding(Section):
    """Finding the product in its photo; the crop is embedded."""

    model: str = Field(
        "off",
        min_length=1,
        description="off, the name of a shipped grounder, a Hugging Face name, a folder, or original:FOLDER",
    )
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="a box is trusted if its score is higher; unset: the model's own, or 0.35",
    )
    padding: float = Field(
        0.05, ge=0, le=1, description="what is added to the box on each side, as a share of that side"
    )
    min_area: float = Field(
        0.01, ge=0, le=1, description="a box is trusted if it covers at least this share of the photo"
    )
    short_side: int | None = Field(
        None,
        ge=32,
        le=4096,
        description="pixels of the shorter side that photos are resized to; unset: the model's own",
    )
    batch: int = Field(8, ge=1, le=256, description="photos of one size that the model takes at a time")


class Refinement(Section):
    """What the text segment is made from: the item's own words, a text from its fields, or a model's text."""

    mode: Literal["off", "fields", "llm"] = Field(
        "fields",
        description="who writes the refined text: nobody, rules from the item's fields, or a language model",
    )
    agreement: Literal["llm", "all"] = Field(
        "llm",
        description="refined texts that must fit the photo as well as raw ones: those by llm, or all",
    )
    base_url: str = Field(
        "", description="address of an OpenAI-compatible endpoint: http://localhost:8000/v1"
    )
    api_key: SecretStr | None = Field(None, description="API key that is sent to the endpoint")
    model: str = Field("", description="name of the model at the endpoint")
    sees: bool = Field(default=False, description="the model takes photos, so send them to it")
    rounds: int = Field(5, ge=1, le=5, description="most verdicts on one item's text")
    temperature: float | None = Field(0.0, ge=0, le=2, description="temperature of the model's sampling")
    max_tokens: int = Field(
        300, ge=16, le=32_768, description="most tokens of one answer, with the model's reasoning"
    )
    concurrency: int = Field(4, ge=1, le=256, description="items that are refined at the same time")
    requests_per_minute: int = Field(
        0, ge=0, description="most requests that are sent in a minute; 0: no limit"
    )
    tokens_per_minute: int = Field(0, ge=0, description="most tokens that are used in a minute; 0: no limit")
    max_tokens_total: int = Field(
        0, ge=0, description="most tokens of one run, which then stops; run it again to go on; 0: no limit"
    )
    timeout_s: float = Field(60.0, gt=0, description="time limit of one whole answer")
    attempts: int = Field(
        4, ge=1, le=10, description="most attempts to get one answer, with growing waits between them"
    )
    cache: str = Field("refined.sqlite", description="file that keeps finished texts; empty: none")


CACHE_MB = 128.0


class StoreSettings(Section):
    """Where the vectors are and how they are kept."""

    store: str = Field("./store", description="a folder, or the URL of a Qdrant server")
    disk_reserve_mb: int = Field(
        64,
        ge=16,
        le=100_000,
        description="room that writes leave free on an embedded store's disk; deletions may use most of it",
    )
    max_fields: int = Field(
        1000,
        ge=16,
        le=10_000,
        description="fields that filters can name; attributes beyond them are stored and shown only",
    )
    cache_mb: float = Field(
        CACHE_MB,
        ge=0,
        le=100_000,
        description="memory for items and rankings of an embedded store that were asked for before; 0: none",
    )
    hnsw: Hnsw = Hnsw()
    server: Server = Server()


class EncoderSettings(Section):
    """The models that make the vectors, and the language of the texts."""

    clip: str = Field(
        "vlclip-small",
        description="a shipped name, name/pretrained of open_clip, hf-hub:NAME, or a folder",
    )
    text_encoder: str = Field("clip", description="'clip', or a sentence-transformers name or folder")
    language: str = Field(
        DEFAULT, description="language of the texts: decides stop words, stems, slogans and vocabulary"
    )
    device: str = Field("auto", description="where models run: auto, cpu, cuda, cuda:1")
    runtime: Literal["auto", "onnx", "torch"] = Field(
        "auto",
        description="what runs the models; auto: onnx on a CPU for those that have graphs, else torch",
    )


class EngineSettings(StoreSettings, EncoderSettings):
    """All settings that the engine reads."""

    grounding: Grounding = Grounding()
    refinement: Refinement = Refinement()
