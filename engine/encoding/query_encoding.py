"""Vectors of queries for a service: equal words are encoded once, different ones in batches.

A cache by text and a batcher stand in front of an embedder. Texts that the tokenizer reads alike share an
entry. A query with a photo goes straight to the embedder: photos hardly ever repeat, each has to be prepared
by itself before it could join a batch, and words in its batch would have to wait for it.

Laws (tests/engine/encoding/test_query_encoding.py):
- it gives what the embedder gives, whatever is queried at the same time, from the cache or not;
- an error reaches everyone who waits for it, and is not cached.
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
"""Most texts encoded together; with more, the time per text hardly falls, and all wait for all."""

Directions = dict[str, Floats]
"""Query directions `(size,)` by segment."""


@dataclass(frozen=True, slots=True)
class QueryCounts:
    """Since the start: `hits` needed no encoding, `batch_items` texts were encoded in `batches`."""

    hits: int
    misses: int
    cached: int
    """Texts whose vectors are in memory now."""
    batches: int
    batch_items: int


class QueryEncoding:
    """`embed_query` of an embedder, loaded at the first question; safe to use from several threads.

    The last `cached` texts stay in memory, 0 for none; a batch that is not full waits `wait_s` for more.
    """

    def __init__(
        self,
        load: Callable[[], SegmentEmbedder],
        *,
        cached: int,
        wait_s: float = 0.0,
    ) -> None:
        self._load = load
        self._cache = QueryCache[str, Directions](cached)
        self._batcher = Batcher[str, Directions](
            lambda texts: load().embed_words(texts), limit=BATCH, wait_s=wait_s
        )

    def embed_query(self, *, text: str = "", photo: Image.Image | None = None) -> Directions:
        """Query directions by segment, unit length; those of words are shared and cannot be written to."""
        embedder = self._load()
        if photo is not None or not text.strip():
            return embedder.embed_query(text=text, photo=photo)
        directions = self._cache.get(embedder.reading(text), lambda: _frozen(self._batcher(text)))
        return dict(directions)

    def watch(self, on_batch: OnBatch) -> None:
        """Call this after every batch from now on, with the number of texts and the seconds they took."""
        self._batcher.on_batch = on_batch

    def counts(self) -> QueryCounts:
        """How often the cache had the vectors, and how large the batches were."""
        cache, batcher = self._cache, self._batcher
        return QueryCounts(cache.hits, cache.misses, len(cache), batcher.batches, batcher.items)


def _frozen(directions: Directions) -> Directions:
    """Copies, so that a cached vector does not hold its whole batch in memory."""
    copies = {name: vector.copy() for name, vector in directions.items()}
    for vector in copies.values():
        vector.setflags(write=False)
    return copies
