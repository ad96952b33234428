"""What the operator chose about reading a catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from vlclip.engine.language import DEFAULT
from vlclip.ingestion.settings import IngestionSettings


@dataclass(frozen=True, slots=True)
class ReadingChoices:
    """The language of texts, and what unknown availability means.

    `needs_photo`: an item whose photo is named but cannot be read fails.
    """

    language: str = DEFAULT
    unknown_is_available: bool = True
    needs_photo: bool = False

    @classmethod
    def of(cls, settings: IngestionSettings, language: str = "") -> ReadingChoices:
        """The choices that the settings hold; `language` is that of a store that is there already."""
        return cls(
            language or settings.language,
            unknown_is_available=settings.ingest.unknown_availability == "available",
            needs_photo=settings.ingest.missing_photo == "fail",
        )


DEFAULT_CHOICES = ReadingChoices()
