"""How long the texts of a collection are on average, measured, so that its words are weighted by it.

Laws (tests/ingestion/pipeline/test_weighting.py):
- a collection is measured by the first rows of the first catalogue that fills it; later ones change nothing;
- a collection weighted anew has the words of one that was made today and measured by all of its items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vlclip.engine.item import Item
from vlclip.engine.store.lexical import BY_FIELD, WordEncoder
from vlclip.engine.store.store import Point, Store
from vlclip.ingestion.reading.catalogue import Catalogue, read_entry
from vlclip.ingestion.reading.mapping import ColumnMapping


def measure(store: Store, catalogue: Catalogue, columns: ColumnMapping) -> None:
    """Give an empty collection the average lengths of the catalogue's first rows."""
    if store.info.words.fields and not store.count():
        entries = (read_entry("", row, columns) for row in catalogue.sample)
        _weigh(store, (entry.item for entry in entries if entry.item is not None))


def weigh_anew(store: Store, *, progress: Callable[[int], None] = lambda _: None) -> int:
    """Weight the words of every stored item as a new collection would; the number of items.

    Nothing is encoded. `progress` is called with the number of items so far.
    """
    store.set_weighting(BY_FIELD)
    _weigh(store, (Item.from_payload(record.payload) for page in store.scan() for record in page))
    rewritten = 0
    for page in store.scan(with_vector=True):
        points = [
            Point(record.id, record.vector, Item.from_payload(record.payload).lexical_texts, record.payload)
            for record in page
            if record.vector is not None
        ]
        store.upsert(points)
        rewritten += len(points)
        progress(rewritten)
    store.flush()
    store.optimize()
    return rewritten


def _weigh(store: Store, items: Iterable[Item]) -> None:
    words = WordEncoder(store.info.language, store.info.words)
    lengths = words.lengths(item.lexical_texts for item in items)
    store.set_weighting(words.weighting.with_lengths(lengths))
