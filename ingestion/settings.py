"""The settings of ingestion: fetching photos, running the pipeline."""

from __future__ import annotations

from pydantic import Field

from vlclip.engine.settings import EngineSettings, Section


class Fetch(Section):
    """Limits on photos that come over HTTP, and on what they may decode to."""

    timeout_s: float = Field(10.0, gt=0, description="for one photo, redirects included")
    max_bytes: int = Field(20_000_000, ge=1, description="of one photo as it is sent")
    max_pixels: int = Field(50_000_000, ge=1, description="of one photo as it is decoded")
    max_redirects: int = Field(3, ge=0, le=20, description="followed for one photo, each checked")
    concurrency: int = Field(16, ge=1, le=256, description="connections at a time")
    allow_private: bool = Field(default=False, description="allow addresses of private networks")


class Ingest(Section):
    """How the pipeline runs."""

    batch: int = Field(256, ge=1, le=4096, description="items per batch")
    queue: int = Field(4, ge=1, le=64, description="batches waiting between stages")
    workers: int = Field(2, ge=1, le=64, description="threads that fetch and decode")


class IngestionSettings(EngineSettings):
    """All that ingestion reads."""

    fetch: Fetch = Fetch()
    ingest: Ingest = Ingest()
