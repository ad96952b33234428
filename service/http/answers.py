"""The shapes of answers over HTTP, and how events become them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import Event
from vlclip.ranking.lists.answer import Strategy


class PriceRangeShape(BaseModel):
    """The lowest and the highest price in one currency."""

    low: float
    high: float
    currency: str


class VariantsShape(BaseModel):
    """The variants of a group: how many, those that can be bought, and in what they differ.

    `values` are the attributes in which they differ, each with some of its values; `more` counts the values
    that are not listed. `prices` has a range for each currency. `ids` are some of them, if there are many.
    Where `is_part`, the group is so large that all but `count` is of a part of it. `title` is what to call
    the card: as the product, else by the words that begin the titles of all variants, else as the item.
    """

    group: str
    title: str = Field(examples=["Linen shirt"])
    count: int
    available: int
    ids: list[str]
    values: dict[str, list[str | bool | float]] = Field(
        examples=[{"colour": ["blue", "red"], "size": ["S", "M"]}]
    )
    more: dict[str, int]
    prices: list[PriceRangeShape]
    is_part: bool


class ResultShape(BaseModel):
    """One item of a list; `parts` add up to `score`.

    `duplicates` are the ids of the near-duplicates that this item stands for, if they are collapsed.
    `variants` are those of its group, if the list has one item of each group; absent without a group.
    """

    id: str
    score: float
    parts: dict[str, float] = Field(examples=[{"image": 0.71, "text": 0.55}])
    item: dict[str, Any]
    duplicates: list[str]
    variants: VariantsShape | None = None


class TasteShape(BaseModel):
    """A direction of a shopper's history: its share, and the items it came from."""

    weight: float
    items: list[str]


class ExplanationShape(BaseModel):
    """How a list was made: the weights of the score's parts, and the shopper's tastes."""

    weights: dict[str, float]
    tastes: list[TasteShape]


class ListShape(BaseModel):
    """A list, best first. Send its `request_id` with the events that follow from it.

    `strategy` says what it was made from: `content`, the question alone; `history`, the shopper's events
    too; `popular`, what others do. `arm` is how it was ranked.
    """

    results: list[ResultShape]
    took_ms: float
    request_id: str
    strategy: Strategy = "content"
    arm: str = Field("default", examples=["default"])
    explanation: ExplanationShape | None = None


class AcceptedShape(BaseModel):
    """What became of the events, which are on disk: how many were new, repeated, or older than is kept.

    `repeated` were there before: their id is known of that user or session, and kind. `old` are not kept.
    """

    accepted: int
    repeated: int = 0
    old: int = 0


class EventShape(BaseModel):
    """One event as it is kept; `time` is ISO 8601 in UTC."""

    id: str
    kind: Kind
    item: str
    time: str
    request_id: str


class EventsShape(BaseModel):
    """A shopper's events, newest first."""

    events: list[EventShape]


class ForgottenShape(BaseModel):
    """How many events and logged lists of the user were removed, those of `sessions` sessions among them."""

    events: int
    lists: int = 0
    sessions: int = 0


class WrittenShape(BaseModel):
    """The outcome for one written item."""

    id: str
    status: Literal["embedded", "updated", "unchanged", "duplicate", "failed"]
    reason: str = Field("", description="Why it failed, or what of it was left out.")
    drops: list[str] = Field(
        default_factory=list, description="What of the stored item it would have dropped, so it failed."
    )
    passing: bool = Field(
        default=False, description="It failed for want of room for its photo; send the same item again later."
    )


class BatchShape(BaseModel):
    """The outcome for each item of a batch."""

    results: list[WrittenShape]
    embedded: int
    updated: int = Field(description="Fields were written, and nothing that is encoded had changed.")
    unchanged: int
    failed: int


class PatchedShape(BaseModel):
    """The outcome of one patch; `stale` segments of the vector wait for an encoding."""

    id: str
    status: Literal["patched", "unchanged", "unknown", "failed"]
    reason: str = Field("", description="Why it failed.")
    stale: list[str] = Field(examples=[["text"]])


class PatchBatchShape(BaseModel):
    """The outcome of each patch of a batch, and how many there are of each kind."""

    results: list[PatchedShape]
    patched: int
    unchanged: int
    unknown: int
    failed: int


class UnchangedShape(BaseModel):
    """The ids of the items that are stored with just that content."""

    unchanged: list[str]


class DeletedShape(BaseModel):
    """How many items were removed."""

    deleted: int


class IdsShape(BaseModel):
    """A page of the ids of all items; `next` is the `after` of the next page, null at the end."""

    ids: list[str]
    next: str | None = None


class ItemShape(BaseModel):
    """A stored item with what made its vector."""

    id: str
    item: dict[str, Any]
    provenance: dict[str, Any]


class Problem(BaseModel):
    """An error, after RFC 9457; `code` is stable."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    fields: Sequence[str] | None = Field(None, description="What a write would drop (`would-drop`).")


def event_shape(event: Event) -> EventShape:
    """An event as JSON."""
    at = datetime.fromtimestamp(event.time, UTC).isoformat()
    return EventShape(id=event.id, kind=event.kind, item=event.item, time=at, request_id=event.request_id)
