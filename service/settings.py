"""Every setting in one place, from `vlclip.toml` and `VLCLIP_*` variables, built once, passed down.

Order, the later wins: defaults, the TOML file, environment variables (`VLCLIP_STORE`,
`VLCLIP_HNSW__EF=128`), arguments of a command. The sections lie in their rooms.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from vlclip.engine.errors import SettingsError
from vlclip.engine.settings import Section
from vlclip.engine.validation import explain
from vlclip.ingestion.settings import IngestionSettings
from vlclip.ranking.settings import RankingSettings


class Api(Section):
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


class WebPage(Section):
    """What the web page shows."""

    photos: str = Field(
        "", description="folder where the relative photo paths of items start; its photos are shown"
    )


class Metrics(Section):
    """What is measured of a running service."""

    open: bool = Field(default=False, description="answer /metrics without an API key")
    probe_interval_s: float = Field(
        0.0,
        ge=0,
        description="between two comparisons of a recent search with an exact one; 0 for none",
    )


class Log(Section):
    """What a running service writes to stderr."""

    format: Literal["json", "console"] = Field("json", description="a JSON object a line, or for people")
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="of our own lines; of libraries nothing below warning"
    )
    access: bool = Field(default=False, description="a line for every request")


class Tracing(Section):
    """OpenTelemetry spans of requests."""

    endpoint: str = Field(
        "", description="collector that takes OTLP over HTTP: http://localhost:4318; empty for no spans"
    )
    sample: float = Field(
        1.0, ge=0, le=1, description="share of requests that are traced, where their caller has not decided"
    )


class Settings(IngestionSettings, RankingSettings, BaseSettings):
    """All of it. `load()` is the way to build one."""

    model_config = SettingsConfigDict(
        env_prefix="VLCLIP_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

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
            reason = explain(error.errors(), cls, whole="settings")
            raise SettingsError(f"{reason} (see docs/settings.md)") from None
        except ValueError as error:
            raise SettingsError(f"the settings file cannot be read: {error}") from None
