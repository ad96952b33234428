"""What the service answers, as the clients give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class ApiError(Exception):
    """The service refused or could not be reached: `code` is stable, `status` is 0 without an answer."""

    def __init__(
        self, code: str, detail: str, status: int, request_id: str, retry_after_s: float = 0
    ) -> None:
        super().__init__(f"{detail} ({code})")
        self.code, self.detail, self.status = code, detail, status
        self.request_id, self.retry_after_s = request_id, retry_after_s


@dataclass(frozen=True, slots=True)
class Result:
    """One item of a list; `parts` add up to `score`, `duplicates` are the ids it stands for.

    `variants` says of the variants of its group what the HTTP API says (docs/api.md); empty without a group.
    """

    id: str
    score: float
    parts: Mapping[str, float]
    item: Mapping[str, Any]
    duplicates: Sequence[str]
    variants: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemList:
    """A list, best first; its `request_id` goes with the events that come of it.

    `strategy` says what it was made from (content, history, popular), `arm` how it was ranked.
    """

    results: tuple[Result, ...]
    took_ms: float
    request_id: str
    strategy: str
    arm: str


@dataclass(frozen=True, slots=True)
class EventCounts:
    """What became of events, which are on disk: `accepted` ones are new, `repeated` ones were there before.

    `old` ones are older than the service keeps events, and are not kept.
    """

    accepted: int = 0
    repeated: int = 0
    old: int = 0


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """What became of one written item: embedded, updated, unchanged, duplicate, or failed for a `reason`."""

    id: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class PatchOutcome:
    """What became of one patch: patched, unchanged, unknown (no such item), or failed for a `reason`.

    `stale` are the segments of the vector, image or text, that wait for an encoding.
    """

    id: str
    status: str
    reason: str
    stale: Sequence[str]


@dataclass(frozen=True, slots=True)
class StoredItem:
    """A stored item with what made its vector."""

    id: str
    item: Mapping[str, Any]
    provenance: Mapping[str, Any]
