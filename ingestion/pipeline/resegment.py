"""A collection filled from the vectors of another one, with a segment more, less or learned anew.

Nothing is encoded again.

Laws (tests/ingestion/pipeline/test_resegment.py):
- segments that both collections have are equal, bit for bit; looked-up segments are those of the lookups;
- words weigh what they did;
- ingesting the same catalogue into the new collection finds nothing changed;
- running it again, also after an interruption, gives the same collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from vlclip.engine.encoding.embedder import Lookups
from vlclip.engine.item import Item
from vlclip.engine.space import Floats, FusedSpace
from vlclip.engine.store.store import Point, Record, Store


def resegment(
    source: Store, target: Store, lookups: Lookups, *, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Copy every item of `source` to `target`, whose further segments `lookups` fill; the number of items.

    `progress` is called with the number of items copied so far. Items that `target` holds and `source` does
    not are removed.
    """
    copied = 0
    target.set_weighting(source.info.words)
    for records in source.scan(with_vector=True):
        target.upsert(list(_points(records, source.info.space, target, lookups)))
        copied += len(records)
        progress(copied)
    for records in target.scan(fields=("id",)):
        ids = [record.id for record in records]
        remaining = source.retrieve(ids, fields=("id",))
        target.delete([item_id for item_id in ids if item_id not in remaining])
    target.flush()
    target.optimize()
    return copied


def _points(records: Sequence[Record], space: FusedSpace, target: Store, lookups: Lookups) -> Iterator[Point]:
    stored = np.stack([_vector(record) for record in records])
    ids, source_slices = [record.id for record in records], space.slices()
    fused = np.zeros((len(records), target.info.space.size), dtype=np.float32)
    for name, span in target.info.space.slices().items():
        if name in lookups:
            fused[:, span] = lookups[name].rows(ids)
        else:
            fused[:, span] = stored[:, source_slices[name]]
    for record, vector in zip(records, fused, strict=True):
        payload = _payload(record.payload, target.info.fingerprint)
        yield Point(record.id, vector, Item.from_payload(record.payload).lexical_texts, payload)


def _payload(payload: Mapping[str, Any], fingerprint: str) -> dict[str, Any]:
    return {**payload, "provenance": {**(payload.get("provenance") or {}), "fingerprint": fingerprint}}


def _vector(record: Record) -> Floats:
    if record.vector is None:
        raise AssertionError("scanned with its vector")
    return record.vector
