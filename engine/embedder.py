"""From photos and words to the fused space: which encoder fills which segment, for items and queries.

- `image`: CLIP's image tower for items and photo queries, CLIP's text tower for text queries.
- `text`: CLIP's text tower, or a sentence-transformers encoder, for items and text queries; a
  photo asks it through CLIP's image tower only when both towers share one space.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PIL import Image

from engine.space import Floats
from engine.store.store import StoreInfo


class Embedder(Protocol):
    """Turns items and queries into segments of one fused space; safe to use from several threads."""

    @property
    def info(self) -> StoreInfo:
        """Fingerprint, space and encoder names: what a store has to agree with."""
        ...

    def prepare(self, photo: Image.Image) -> Floats:
        """Resize and normalise one RGB photo: `(3, height, width)` float32, cheap to queue."""
        ...

    def embed_items(self, photos: Sequence[Floats | None], texts: Sequence[str]) -> Floats:
        """Fused vectors `(n, size)` of prepared photos and texts; None or "" leaves zeros."""
        ...

    def embed_query(self, *, text: str = "", photo: Image.Image | None = None) -> dict[str, Floats]:
        """Query directions per segment, unit length, for `FusedSpace.query_vector`."""
        ...
