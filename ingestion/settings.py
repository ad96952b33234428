"""The settings of ingestion: fetching photos, running the pipeline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vlclip.engine.photos.room import Limits
from vlclip.engine.settings import EngineSettings, Section


class Fetch(Section):
    """Limits on photos: how they are fetched over HTTP, and how large they are once decoded."""

    timeout_s: float = Field(10.0, gt=0, description="time limit for one photo, redirects included")
    max_bytes: int = Field(20_000_000, ge=1, description="size limit of one photo as it is sent")
    max_pixels: int = Field(50_000_000, ge=1, description="size limit of one photo once it is decoded")
    decoding_bytes: int = Field(
        500_000_000,
        ge=1_000_000,
        description="memory that all photos being decoded may take together; a photo waits until there is "
        "room for it, and one that needs more is refused",
    )
    decoding_wait_s: float = Field(
        20.0, gt=0, description="longest wait of a photo for that room; then it fails, in a request with 503"
    )
    max_redirects: int = Field(
        3, ge=0, le=20, description="most redirects that are followed for one photo; each address is checked"
    )
    concurrency: int = Field(16, ge=1, le=256, description="most connections at the same time")
    allow_private: bool = Field(
        default=False, description="fetch photos from addresses of private networks too"
    )

    @property
    def limits(self) -> Limits:
        """What holds for every photo that is decoded."""
        return Limits(self.max_pixels, self.decoding_bytes, self.decoding_wait_s)


class Ingest(Section):
    """How catalogues are read and the pipeline runs."""

    batch: int = Field(256, ge=1, le=4096, description="items per batch")
    queue: int = Field(4, ge=1, le=64, description="most batches that wait between two stages")
    workers: int = Field(2, ge=1, le=64, description="threads that fetch and decode photos")
    missing_photo: Literal["words", "fail"] = Field(
        "words",
        description="an item whose photo cannot be read is stored with its words alone, or fails",
    )
    unknown_availability: Literal["available", "unavailable"] = Field(
        "available", description="what a word for availability means that vlclip does not know"
    )


class IngestionSettings(EngineSettings):
    """All settings that ingestion reads."""

    fetch: Fetch = Fetch()
    ingest: Ingest = Ingest()
