"""Vectors of queries for a service: words are encoded once for all who ask for them, many at a time.

In front of an embedder stand a cache by text and a batcher. Texts that the tokenizer reads alike are one.
A question with a photo goes straight to the embedder: hardly two ask with the same one, each is prepared by
itself before it could join a batch, and words in a batch with it would wait for so much more work.

Laws (tests/engine/encoding/test_query_encoding.py):
- it gives what the embedder gives, whoever asks at the same time, kept or not;
- an error reaches everyone who waits for what failed, and is not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from vlclip.engine.encoding.batching import Batcher, OnBatch
from vlclip.engine.encoding.query_cache import QueryCache
from vlclip.engine.space import Floats

if TYPE_CHECKING:
    from vlclip.engine.encoding.embedder import SegmentEmbedder

BATCH = 16
"""Most texts encoded together; beyond it a text's share of the time hardly falls, and all wait for all."""

Directions = dict[str, Floats]
"""Query directions `(size,)` by segment."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was asked since the start: `hits` needed no encoding, `batch_items` texts were in `batches`."""

    hits: int
    misses: int
    kept: int
    batches: int
    batch_items: int


class QueryEncoding:
    """`embed_query` of an embedder, loaded at the first question; safe to use from several threads.

    `kept` texts stay in memory, 0 for none; a batch that is not full waits `wait_s` for more.
    """

    def __init__(
        self,
        load: Callable[[], SegmentEmbedder],
        *,
        kept: int,
        wait_s: float = 0.0,
    ) -> None:
        self._load = load
        self._cache = QueryCache[str, Directions](kept)
        self._batcher = Batcher[str, Directions](
            lambda texts: load().embed_words(texts), limit=BATCH, wait_s=wait_s
        )

    def embed_query(self, *, text: str = "", photo: Image.Image | None = None) -> Directions:
        """Query directions by segment, unit length; those of words are shared and cannot be written to."""
        embedder = self._load()
        if photo is not None or not text.strip():
            return embedder.embed_query(text=text, photo=photo)
        found = self._cache.get(embedder.reading(text), lambda: _frozen(self._batcher(text)))
        return dict(found)

    def watch(self, on_batch: OnBatch) -> None:
        """Tell of every batch from now on: how many texts, and the seconds they took."""
        self._batcher.on_batch = on_batch

    def counts(self) -> Counts:
        """How often the cache had it, and how large the batches were."""
        cache, batcher = self._cache, self._batcher
        return Counts(cache.hits, cache.misses, len(cache), batcher.batches, batcher.items)


def _frozen(directions: Directions) -> Directions:
    """Copies, so that a kept vector does not keep its whole batch."""
    kept = {name: vector.copy() for name, vector in directions.items()}
    for vector in kept.values():
        vector.setflags(write=False)
    return kept
