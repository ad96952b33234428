"""Which row of an id stands for its item."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vlclip.ingestion.ledger.ledger import Ledger, judge_claims
from vlclip.ingestion.reading.entry import Batch, Entry


@dataclass(frozen=True, slots=True)
class Claim:
    """The first row of an id stands for the item; an equal one is a duplicate, another one fails."""

    ledger: Ledger
    run: int

    def __call__(self, batch: Batch) -> Batch:
        """Every entry with an id is claimed, failed ones too: their item is still in the catalogue."""
        named = [entry for entry in batch if entry.id]
        claims = iter(self.ledger.claim(self.run, [(entry.id, _row_digest(entry)) for entry in named]))
        return [_claimed(entry, next(claims)) if entry.id else entry for entry in batch]


def claim_once(batch: Batch) -> Batch:
    """`Claim` for items that are not part of a run: the rule holds among these items alone."""
    claims = judge_claims({}, [(entry.id, _row_digest(entry)) for entry in batch])
    return [_claimed(entry, claim) for entry, claim in zip(batch, claims, strict=True)]


def _claimed(entry: Entry, claim: str) -> Entry:
    if claim == "repeated":
        return replace(entry, outcome="duplicate", failure=None, item=None)
    if claim == "conflicting":
        reason = f"duplicate id: an earlier row has the id {entry.id!r} and says something else"
        return entry.failed("read", reason, of_row=True)
    return entry


def _row_digest(entry: Entry) -> str:
    """What differs between two rows of one id that are not the same."""
    return entry.content_hash or f"failed: {entry.failure and entry.failure.reason}"
