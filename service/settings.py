"""All settings of vlclip, read from `vlclip.toml` and `VLCLIP_*` variables, built once and passed down.

They are read in this order, and the later wins: defaults, the TOML file, environment variables
(`VLCLIP_STORE`, `VLCLIP_HNSW__EF=128`), arguments of a command. Each package defines its own sections.
"""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
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
    """Limits of the HTTP API: keys, rates, sizes, times and threads."""

    keys: str = Field(
        "",
        description="file of API keys; unset: keys.json in the store's folder records/; for a store on a "
        "server an absolute path, without which there are no keys",
    )
    require_keys: bool = Field(
        default=False, description="do not start, and answer nobody, while there is no API key"
    )
    hosts: tuple[str, ...] = Field(
        (),
        description="names by which the service may be called, besides its address and localhost: "
        "shop.example; *.shop.example: all below; *: any. Where there are keys, they are checked only if "
        "this is set",
    )
    proxies: tuple[str, ...] = Field(
        (),
        description="proxies whose word about a caller's address counts: addresses, networks (10.0.0.0/8), "
        "and unix for a Unix socket",
    )
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = Field(
        "x-forwarded-for",
        description="header in which the proxies name callers: x-forwarded-for (with -Proto and -Host), or "
        "forwarded (RFC 7239)",
    )
    requests_per_minute: int = Field(
        0, ge=0, description="limit for one key without a limit of its own, or for one address; 0: no limit"
    )
    max_body_bytes: int = Field(
        32_000_000, ge=1, description="size limit of a request with products or photos"
    )
    max_batch_bytes: int = Field(
        8_000_000, ge=1, description="size limit of a batch without photos: patches, content hashes, ids"
    )
    max_json_bytes: int = Field(
        2_000_000, ge=1, description="size limit of any other body: a search by words, events"
    )
    max_held_bytes: int = Field(
        128_000_000,
        ge=1,
        description="most bytes of all bodies held at a time; a request beyond them is refused with 503",
    )
    timeout_s: float = Field(30.0, gt=0, description="time limit of one answer")
    write_timeout_s: float = Field(300.0, gt=0, description="time limit of an answer to a write of products")
    workers: int = Field(4, ge=1, le=256, description="threads that make lists")
    queue: int = Field(
        200, ge=0, description="most lists that wait for a thread; a request beyond them is refused with 503"
    )
    max_wait_s: float = Field(
        1.0,
        gt=0,
        description="a request whose expected wait for a thread is longer is refused at once with 503",
    )
    write_workers: int = Field(
        4, ge=1, le=64, description="threads that write items, each of which may wait for photos"
    )
    write_queue: int = Field(
        16, ge=0, description="most writes that wait for a thread; one beyond them is refused with 503"
    )
    photos_timeout_s: float = Field(
        120.0,
        gt=0,
        description="time limit for all photos of one write; items whose photo has not come by then fail",
    )
    max_connections: int = Field(
        1000, ge=1, description="most connections at a time; fewer where the system allows fewer open files"
    )
    max_connections_per_address: int = Field(
        250, ge=0, description="most connections from one address that is no proxy's at a time; 0: no limit"
    )
    cors_origins: tuple[str, ...] = Field(
        (),
        description="sites whose pages may call the API from a browser: https://shop.example; *: all sites",
    )

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name != "unix":
                ip_network(name)  # its error says what is wrong
        return names


class WebPage(Section):
    """What the web page shows."""

    photos: str = Field(
        "",
        description="folder that the relative photo paths of items start from; the page shows its photos; "
        "unset: the folders of the catalogues that were ingested",
    )


class Metrics(Section):
    """What a running service measures."""

    open: bool = Field(default=False, description="answer /metrics without an API key")
    probe_interval_s: float = Field(
        0.0,
        ge=0,
        description="seconds between two recall probes (a recent search against an exact one); 0: none",
    )


class Log(Section):
    """What a running service writes to stderr."""

    format: Literal["json", "console"] = Field(
        "json", description="json: one JSON object per line; console: lines for people to read"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        description="lowest level of vlclip's own lines; lines of libraries are always warning or above",
    )
    access: bool = Field(default=False, description="write a line for every request")


class Tracing(Section):
    """OpenTelemetry spans of requests."""

    endpoint: str = Field(
        "", description="address of a collector for OTLP over HTTP: http://localhost:4318; empty: no spans"
    )
    sample: float = Field(
        1.0, ge=0, le=1, description="share of requests that are traced, if their caller has not decided"
    )


class Settings(IngestionSettings, RankingSettings, BaseSettings):
    """All settings. Build them with `load()`."""

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
        """Arguments win over environment variables, which win over the TOML file."""
        toml = TomlConfigSettingsSource(settings_cls, os.environ.get("VLCLIP_CONFIG", "vlclip.toml"))
        return init_settings, env_settings, toml

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """Settings from file, environment and `overrides` (None: not set)."""
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
