"""Items of a collection compared with their checksums.

Law (tests/engine/store/test_checksum.py): each point has one verdict; one that the engine cannot give back
counts as damaged, and the others are judged all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vlclip.engine.errors import StoreError
from vlclip.engine.item import point_id
from vlclip.engine.store.backend import Backend
from vlclip.engine.store.checksum import Verdict, verdict


def examine(backend: Backend, uuids: Sequence[str] | None, batch: int) -> Iterator[list[Verdict]]:
    """The verdicts on all points, or on those of `uuids` that are there, in batches."""
    pages = _uuids(backend, batch) if uuids is None else iter([uuids])
    for page in pages:
        yield list(_verdicts(backend, page))


def _uuids(backend: Backend, batch: int) -> Iterator[list[str]]:
    after = None
    while True:
        points, after = backend.page(after, batch, None, (), vector=False)
        yield [str(point.id) for point in points]
        if after is None:
            return


def _verdicts(backend: Backend, uuids: Sequence[str]) -> Iterator[Verdict]:
    """One for each of the points that are there; those not read together, one by one."""
    try:
        points = backend.fetch(uuids, None, vector=True)
        vectors = [point.vector() if point.vector else None for point in points]
    except StoreError:
        if len(uuids) == 1:
            yield Verdict(uuids[0], "", vector=False, payload=False)
            return
        for half in (uuids[: len(uuids) // 2], uuids[len(uuids) // 2 :]):
            yield from _verdicts(backend, half)
        return
    unnamed = set(uuids)
    strange = []
    for point, vector in zip(points, vectors, strict=True):
        item_id = point.payload.get("id")
        uuid = point_id(item_id) if isinstance(item_id, str) else ""
        if uuid in unnamed:
            unnamed.remove(uuid)
            yield verdict(uuid, point.payload, vector)
        else:
            strange.append(point)
    if strange:  # points whose id is not theirs: they are among those that were asked for by uuid
        yield from (Verdict(uuid, "", vector=None, payload=False) for uuid in sorted(unnamed))
