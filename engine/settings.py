"""Every setting in one place, from `vlclip.toml` and `VLCLIP_*` variables, built once, passed down.

Order, the later wins: defaults, the TOML file, environment variables (`VLCLIP_STORE`,
`VLCLIP_HNSW__EF=128`), arguments of a command.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from engine.errors import SettingsError
from engine.weights import Weight


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hnsw(_Section):
    """The search graph and the memory it takes."""

    m: int = Field(24, ge=4, le=128, description="edges per node")
    ef_construct: int = Field(200, ge=8, le=2000, description="candidates while building")
    ef: int = Field(96, ge=1, le=10_000, description="candidates while searching")
    quantization: Literal["int8", "binary", "none"] = Field(
        "int8", description="what is kept in RAM beside the full vectors; always rescored"
    )
    oversampling: float = Field(2.0, ge=1, le=20, description="candidates rescored, times the limit")


class Server(_Section):
    """A Qdrant server or cluster; used when `store` is a URL."""

    api_key: SecretStr | None = Field(None, description="sent with every request")
    grpc: bool = Field(default=False, description="use gRPC for searches and writes")
    grpc_port: int = Field(6334, ge=1, le=65535)
    collection: str = Field("vlclip", pattern=r"^[A-Za-z0-9_.-]{1,200}$", description="the alias asked")
    shards: int = Field(1, ge=1, description="of a new collection")
    replicas: int = Field(1, ge=1, description="of each shard of a new collection")
    timeout_s: float = Field(30.0, gt=0, description="for one request")


class Fetch(_Section):
    """Limits on photos that come over HTTP, and on what they may decode to."""

    timeout_s: float = Field(10.0, gt=0, description="for one photo, redirects included")
    max_bytes: int = Field(20_000_000, ge=1, description="of one photo as it is sent")
    max_pixels: int = Field(50_000_000, ge=1, description="of one photo as it is decoded")
    max_redirects: int = Field(3, ge=0, le=20, description="followed for one photo, each checked")
    concurrency: int = Field(16, ge=1, le=256, description="connections at a time")
    allow_private: bool = Field(default=False, description="allow addresses of private networks")


class Ingest(_Section):
    """How the pipeline runs."""

    batch: int = Field(256, ge=1, le=4096, description="items per batch")
    queue: int = Field(4, ge=1, le=64, description="batches waiting between stages")
    workers: int = Field(2, ge=1, le=64, description="threads that fetch and decode")


class Grounding(_Section):
    """Finding the product in its photo; what is cut out is embedded."""

    model: str = Field(
        "off",
        min_length=1,
        description="off, a shipped name, a Hugging Face name, a folder, or original:FOLDER",
    )
    threshold: float | None = Field(
        None, ge=0, le=1, description="score a box has to be over; unset: the model's own, or 0.35"
    )
    padding: float = Field(0.05, ge=0, le=1, description="added on each side, as a share of the box's side")
    min_area: float = Field(0.01, ge=0, le=1, description="share of the photo a box has to cover")
    short_side: int | None = Field(
        None, ge=32, le=4096, description="pixels photos are resized to; unset: as the model was made"
    )
    batch: int = Field(8, ge=1, le=256, description="photos of one size looked at together")


class Search(_Section):
    """How lists are made when a request does not say."""

    image_weight: Weight = Field(1.0, description="of the image segment")
    text_weight: Weight = Field(1.0, description="of the text segment")
    behaviour_weight: Weight = Field(1.0, description="of the behaviour segment, where there is one")
    history_weight: Weight = Field(0.3, description="of the shopper's profile beside a question")
    lexical_weight: Weight = Field(12.0, description="for text queries; 0 turns BM25 off")
    lexical_weight_with_photo: Weight = Field(1.0, description="the same, of words beside a photo")
    vectors: int = Field(20_000, ge=0, description="items' vectors kept in memory for profiles")
    query_cache: int = Field(10_000, ge=0, description="texts whose vectors a service keeps; 0 for none")
    query_wait_ms: float = Field(
        0.0, ge=0, le=2, description="texts that waited for a batch wait longer for more; 0 for not at all"
    )
    query_runtime: Literal["auto", "torch", "onnx"] = Field(
        "auto", description="what encodes a service's texts on a CPU; auto is onnx where it is installed"
    )
    query_threads: int = Field(
        1, ge=1, le=256, description="of torch or ONNX Runtime, in a service, for one batch of texts"
    )
    pool: int = Field(100, ge=10, le=5000, description="candidates from each of the two searches")
    limit: int = Field(10, ge=1, le=1000, description="results where a request does not say")
    max_limit: int = Field(200, ge=1, le=10_000, description="most results a request may ask for")
    collapse: bool = Field(default=False, description="show one of results with near-duplicate photos")
    collapse_distance: int = Field(8, ge=0, le=17, description="photos this close are near-duplicates")


class Refinement(_Section):
    """What the text segment says: the item's own words, a text from its fields, or a model's."""

    mode: Literal["off", "fields", "llm"] = Field("off", description="who writes the texts that are embedded")
    agreement: Literal["llm", "all"] = Field(
        "llm", description="whose texts have to fit the photo at least as well as the item's own"
    )
    base_url: str = Field("", description="of an OpenAI-compatible endpoint: http://localhost:8000/v1")
    api_key: SecretStr | None = Field(None, description="sent to the endpoint")
    model: str = Field("", description="the endpoint's name for the model")
    sees: bool = Field(default=False, description="the model takes photos; they are then sent to it")
    rounds: int = Field(5, ge=1, le=5, description="most verdicts on one item's text")
    temperature: float | None = Field(0.0, ge=0, le=2, description="of the sampling")
    max_tokens: int = Field(300, ge=16, le=32_768, description="of one answer, a model's thoughts included")
    concurrency: int = Field(4, ge=1, le=256, description="items asked about at a time")
    requests_per_minute: int = Field(0, ge=0, description="most requests sent; 0 for no limit")
    tokens_per_minute: int = Field(0, ge=0, description="most tokens used; 0 for no limit")
    max_tokens_total: int = Field(
        0, ge=0, description="of one run, which then stops and can be run again to go on; 0 for no limit"
    )
    timeout_s: float = Field(60.0, gt=0, description="for one whole answer, however it arrives")
    attempts: int = Field(4, ge=1, le=10, description="for one answer, with growing waits between")
    cache: str = Field("refined.sqlite", description="file of finished texts; empty for none")


class Api(_Section):
    """What callers of the HTTP API may do and take."""

    keys: str = Field("", description="file of API keys; unset: keys.json beside the store")
    requests_per_minute: int = Field(
        0, ge=0, description="of one key that has no limit of its own, or of one address; 0 for no limit"
    )
    max_body_bytes: int = Field(32_000_000, ge=1, description="of a request with products or photos")
    timeout_s: float = Field(30.0, gt=0, description="for one answer")
    write_timeout_s: float = Field(300.0, gt=0, description="for the answer to a write of products")
    workers: int = Field(4, ge=1, le=256, description="threads that make lists")
    queue: int = Field(200, ge=0, description="lists waiting for a thread; more are answered 503")
    max_wait_s: float = Field(
        1.0, gt=0, description="expected wait for a thread over which the answer is 503 at once"
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="whose pages may ask from a browser: https://shop.example; * for all"
    )


class WebPage(_Section):
    """What the web page shows."""

    photos: str = Field(
        "", description="folder where the relative photo paths of items start; its photos are shown"
    )


class Exposures(_Section):
    """The log of what was shown to whom."""

    log: bool = Field(default=True, description="keep every list that is served")
    path: str = Field("", description="file of the log; unset: exposures.sqlite beside the store")
    queue: int = Field(10_000, ge=1, description="lists waiting to be written; more are not logged")


class History(_Section):
    """What people did: where events are kept, and for how long."""

    url: str = Field("", description="a file, or redis://host:6379/0; unset: history.sqlite beside the store")
    prefix: str = Field("vlclip:", min_length=1, description="of every key on a Redis or Valkey server")
    retention_days: float = Field(
        365.0, ge=0, allow_inf_nan=False, description="age at which an event is removed; 0 for never"
    )


class Metrics(_Section):
    """What is measured of a running service."""

    open: bool = Field(default=False, description="answer /metrics without an API key")
    probe_interval_s: float = Field(
        0.0,
        ge=0,
        description="between two comparisons of a recent search with an exact one; 0 for none",
    )


class Log(_Section):
    """What a running service writes to stderr."""

    format: Literal["json", "console"] = Field("json", description="a JSON object a line, or for people")
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="of our own lines; of libraries nothing below warning"
    )
    access: bool = Field(default=False, description="a line for every request")


class Tracing(_Section):
    """OpenTelemetry spans of requests."""

    endpoint: str = Field(
        "", description="collector that takes OTLP over HTTP: http://localhost:4318; empty for no spans"
    )
    sample: float = Field(
        1.0, ge=0, le=1, description="share of requests that are traced, where their caller has not decided"
    )


class Settings(BaseSettings):
    """All of it. `load()` is the way to build one."""

    model_config = SettingsConfigDict(
        env_prefix="VLCLIP_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    store: str = Field("./store", description="a folder, or the URL of a Qdrant server")
    clip: str = Field("vlclip-small", description="shipped name, name/pretrained, hf-hub:, or folder")
    text_encoder: str = Field("clip", description="'clip', or a sentence-transformers name or folder")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1")
    hnsw: Hnsw = Hnsw()
    server: Server = Server()
    fetch: Fetch = Fetch()
    grounding: Grounding = Grounding()
    ingest: Ingest = Ingest()
    search: Search = Search()
    refinement: Refinement = Refinement()
    history: History = History()
    exposures: Exposures = Exposures()
    experiment: str = Field("", description="TOML file of the experiment that runs; empty for none")
    api: Api = Api()
    page: WebPage = WebPage()
    metrics: Metrics = Metrics()
    log: Log = Log()
    tracing: Tracing = Tracing()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments over environment over TOML."""
        toml = TomlConfigSettingsSource(settings_cls, os.environ.get("VLCLIP_CONFIG", "vlclip.toml"))
        return init_settings, env_settings, toml

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """Settings from file, environment and `overrides` (None means: not given)."""
        config = os.environ.get("VLCLIP_CONFIG")
        if config and not Path(config).is_file():
            raise SettingsError(f"VLCLIP_CONFIG names {config!r}, which is not a file")
        try:
            return cls(**{name: value for name, value in overrides.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "settings"
            raise SettingsError(f"{where}: {first['msg']} (see docs/settings.md)") from None
        except ValueError as error:
            raise SettingsError(f"the settings file cannot be read: {error}") from None
