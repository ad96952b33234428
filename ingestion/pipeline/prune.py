"""Deleting from the store what the catalogue no longer has.

Laws (tests/ingestion/pipeline/test_prune.py):
- only ids that a complete read did not meet are deleted;
- where rows have no readable id or may hold other rows (the rows read and the lines of the file cannot be
  reconciled), or more than half of the items would be deleted, nothing is deleted
  unless it is forced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from vlclip.engine.store.store import Record
from vlclip.ingestion.ledger.ledger import Ledger

CHUNK = 1000


class Prunable(Protocol):
    """What pruning needs of a store."""

    def scan(self, *, fields: tuple[str, ...] | None = None, batch: int = 1000) -> Iterator[list[Record]]:
        """Every item once, in batches."""
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items by id; how many of them were there."""
        ...


def prune(
    store: Prunable, ledger: Ledger, run: int, *, nameless: int, doubtful: int = 0, force: bool
) -> tuple[int, str]:
    """How many items were deleted, and the reason if deleting was refused.

    `nameless` is the number of rows whose id could not be read, `doubtful` of those that may
    hold other rows in a quoted cell: any of them may be an item.
    """
    if nameless and not force:
        return 0, (
            f"{nameless} rows have no id that can be read and may be items of the store; correct them, "
            "or force the pruning"
        )
    if doubtful and not force:
        return 0, (
            f"{doubtful:,} rows hold lines in a quoted cell that look like rows of their own, so rows "
            "and lines of the catalogue cannot be reconciled; check the quote marks, or force the pruning"
        )
    total = doomed = 0
    for page in store.scan(fields=("id",), batch=CHUNK):
        total += len(page)
        doomed += ledger.plan_deletion(run, ledger.unclaimed(run, [record.id for record in page]))
    if doomed * 2 > total and not force:
        return 0, (
            f"{doomed:,} of {total:,} items would be deleted, more than half; check that this is the "
            "whole catalogue, or force the pruning"
        )
    deleted = 0
    while ids := ledger.planned_deletions(run, CHUNK):
        deleted += store.delete(ids)
        ledger.finish_deletion(run, ids)
    return deleted, ""
