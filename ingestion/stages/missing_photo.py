"""What becomes of an item whose photo cannot be read.

Laws (tests/ingestion/stages/test_missing_photo.py):
- of several photos the first that can be read is embedded, and a note counts the items of which one cannot;
- with words, an item is stored with its title or description alone and stays a dead letter of its photo;
  without, and without words of its own, it fails;
- an item that the store holds with a photo keeps it: it fails and stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vlclip.ingestion.reading.entry import Entry

PROBLEM = "photo_problem"
"""The key of a point's provenance that says why its photo is missing."""
NEXT = "a photo of the item cannot be read; its next one is embedded"
STAYS = "; until then the item stays as it is stored, with its photo"


@dataclass(frozen=True, slots=True)
class MissingPhoto:
    """`words`: items without their photo are stored with their words. `retry`: try those photos again."""

    words: bool = False
    retry: bool = False

    def settle(self, entry: Entry, reason: str) -> Entry:
        """The entry without a photo that can be read: with its words alone, or failed."""
        if entry.is_stored_with_photo:
            return entry.failed("photo", reason + STAYS)
        if not self.words or not entry.pending_item.has_words:
            return entry.failed("photo", reason)
        item = entry.pending_item
        if item.photos and isinstance(item.image, str):
            item = replace(item, image=item.photos[0])
        warnings = tuple(warning for warning in entry.warnings if warning != NEXT)
        return replace(entry, item=item, warnings=warnings, photo_problem=reason, data=None)

    def is_current(self, provenance: Mapping[str, Any]) -> bool:
        """Whether a point may stay without its photo."""
        return not provenance.get(PROBLEM) or (self.words and not self.retry)


STRICT = MissingPhoto()


def next_photo(entry: Entry) -> Entry | None:
    """The entry with the next of its photos, None after the last."""
    item = entry.pending_item
    place = item.photos.index(item.image) + 1 if item.image in item.photos else 0
    if place >= len(item.photos):
        return None
    warnings = entry.warnings if NEXT in entry.warnings else (*entry.warnings, NEXT)
    return replace(entry, item=replace(item, image=item.photos[place]), warnings=warnings)
