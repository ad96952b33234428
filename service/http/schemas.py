"""The shapes of requests and answers over HTTP; pydantic stays at this border."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlclip.engine.errors import SpaceError
from vlclip.engine.filters import Filter, parse_clauses, parse_json
from vlclip.engine.item import Item
from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import MAX_ID, Event
from vlclip.ranking.lists.answer import Answer, Page, Result, Strategy
from vlclip.service.http.errors import BadRequest

Scalar = str | bool | float
Body = TypeVar("Body", bound=BaseModel)
MAX_QUERY_CHARS = 2000
Weights = Annotated[
    dict[str, float],
    Field(
        description="Weight per score part (`image`, `text`, `lexical`), from 0 to a million.",
        examples=[{"image": 1.0, "text": 0.5}],
    ),
]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SearchBody(_Shape):
    """A search by words; a photo comes as multipart/form-data beside the same fields."""

    text: str = Field("", max_length=MAX_QUERY_CHARS, examples=["red running shoes"])
    weights: Weights = Field(default_factory=dict)
    filter: dict[str, Any] = Field(
        default_factory=dict,
        description="Field to condition: a value, a list (any of), a range, `not`, `missing`.",
        examples=[{"price": {"lt": 100}, "brand": ["Nike", "Puma"]}],
    )
    exclude: list[str] = Field(default_factory=list, max_length=1000, description="Item ids to leave out.")
    limit: int | None = Field(None, description="How many results; the server has a default and a maximum.")
    offset: int = Field(0, description="How many of the best to skip.")
    collapse: bool | None = Field(
        None, description="Show one of results with near-duplicate photos; the server has a default."
    )
    diversity: float | None = Field(
        None, ge=0, le=1, description="0 is pure relevance, 1 pure variety; the arm has a default."
    )
    user: str = Field("", max_length=MAX_ID, description="Whose history is blended in.")
    session: str = Field("", max_length=MAX_ID, description="The same, for somebody not logged in.")
    exact: bool = Field(default=False, description="Compare every item: slow, for checks of the index.")
    explain: bool = Field(default=False, description="Say how the list came about.")

    def page(self) -> Page:
        """The part of the ranking this body asks for."""
        return Page(
            limit=self.limit,
            offset=self.offset,
            filter=parse_json(self.filter),
            exclude=tuple(self.exclude),
            collapse=self.collapse,
            diversity=self.diversity,
            exact=self.exact,
        )


class ListQuery(BaseModel):
    """The query parameters of a list over GET."""

    limit: int | None = Field(None, description="how many results")
    offset: int = Field(0, description="how many of the best to skip")
    weights: str | None = Field(None, description="weights per part", examples=["image=1,text=0.5"])
    filter: list[str] | None = Field(None, description="clauses, or JSON objects", examples=[["price<50"]])
    exclude: list[str] | None = Field(None, description="item ids to leave out")
    collapse: bool | None = Field(None, description="show one of results with near-duplicate photos")
    diversity: float | None = Field(None, description="0 is pure relevance, 1 pure variety")
    exact: bool = Field(default=False, description="compare every item: slow, for checks of the index")
    explain: bool = Field(default=False, description="say how the list came about")

    def page(self) -> Page:
        """The part of the ranking these parameters ask for."""
        return Page(
            limit=self.limit,
            offset=self.offset,
            filter=read_filter(self.filter),
            exclude=tuple(self.exclude or ()),
            collapse=self.collapse,
            diversity=self.diversity,
            exact=self.exact,
        )


class SimilarQuery(ListQuery):
    """The same beside an item, for a shopper."""

    user: str = Field("", description="whose history is blended in")
    session: str = Field("", description="the same, for somebody not logged in")


REPEATED = ("filter", "exclude")
"""Query parameters that may be repeated."""


class ItemBody(_Shape):
    """A product. `image` is a URL; `image_base64` carries the photo itself."""

    title: str = Field("", examples=["Nike Men Blue Running Shoes"])
    description: str = ""
    product_type: str = Field("", examples=["Sports Shoes"])
    brand: str = Field("", examples=["Nike"])
    price: float | None = Field(None, examples=[79.9])
    currency: str = Field("", examples=["EUR"])
    attributes: dict[str, Scalar | list[Scalar]] = Field(
        default_factory=dict, examples=[{"base_colour": "Blue"}]
    )
    image: str | None = Field(None, description="URL of the photo.")
    image_base64: str | None = Field(None, description="The photo's bytes in base64, instead of a URL.")
    popularity: float | None = None
    available: bool = True
    updated_at: str = ""

    def item(self, item_id: str) -> Item:
        """The `Item` under this id; an `ItemError` says what breaks a rule."""
        known = self.model_dump(exclude={"id", "image", "image_base64", "attributes"})
        photo: bytes | str | None = self.image
        if self.image_base64 is not None:
            try:
                photo = base64.b64decode(self.image_base64, validate=True)
            except ValueError as error:  # binascii.Error, and letters beyond ASCII
                raise BadRequest(f"image_base64 is not base64: {error}") from None
        attributes = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.attributes.items()
        }
        return Item(id=item_id, attributes=attributes, image=photo, **known)


class BatchItem(ItemBody):
    """A product of a batch, with its id."""

    id: str = Field(examples=["sku-1042"])


class ResultShape(BaseModel):
    """One item of a list; `parts` add up to `score`.

    `duplicates` are the ids of the items this one stands for, where near-duplicates are collapsed.
    """

    id: str
    score: float
    parts: dict[str, float] = Field(examples=[{"image": 0.71, "text": 0.55}])
    item: dict[str, Any]
    duplicates: list[str]


class TasteShape(BaseModel):
    """A direction of a shopper's history: its share, and the items it came from."""

    weight: float
    items: list[str]


class ExplanationShape(BaseModel):
    """How a list came about: the weights of its score parts, and the tastes beside the question."""

    weights: dict[str, float]
    tastes: list[TasteShape]


class ListShape(BaseModel):
    """A list, best first. Send its `request_id` with the events that come of it.

    `strategy` says what it was made from: `content`, the question alone; `history`, the shopper's events
    too; `popular`, what others do. `arm` is how it was ranked.
    """

    results: list[ResultShape]
    took_ms: float
    request_id: str
    strategy: Strategy = "content"
    arm: str = Field("default", examples=["default"])
    explanation: ExplanationShape | None = None


class EventBody(_Shape):
    """Somebody did something with an item. `user` or `session` is needed."""

    kind: Kind
    item: str = Field(min_length=1, max_length=MAX_ID, examples=["sku-1042"])
    user: str = Field("", max_length=MAX_ID, examples=["anna"])
    session: str = Field("", max_length=MAX_ID)
    request_id: str = Field("", max_length=MAX_ID, description="Of the list the item was taken from.")
    time: datetime | None = Field(None, description="ISO 8601, or seconds since 1970; now if left out.")
    value: float | None = Field(None, description="What a purchase brought.", allow_inf_nan=False)
    id: str = Field(
        "", max_length=MAX_ID, description="Your own. Sent again, it is the same event; without, it is new."
    )

    def event(self, now: float) -> Event:
        """The `Event`; a `BadEvent` says what breaks a rule."""
        known = self.model_dump(exclude={"id", "time"})
        at = now if self.time is None else utc(self.time).timestamp()
        return Event(id=self.id or uuid.uuid4().hex, time=at, **known)


class EventsBody(_Shape):
    """Up to 1,000 events."""

    events: list[EventBody] = Field(min_length=1, max_length=1000)


class AcceptedShape(BaseModel):
    """How many events were accepted; they are written a moment later."""

    accepted: int


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
    """How many events of the user were removed; their lists are gone from the log as well."""

    events: int


class WrittenShape(BaseModel):
    """What became of one written item."""

    id: str
    status: Literal["embedded", "unchanged", "duplicate", "failed"]
    reason: str = Field("", description="Why it failed.")


class BatchShape(BaseModel):
    """What became of a batch."""

    results: list[WrittenShape]
    embedded: int
    unchanged: int
    failed: int


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


def result_shape(result: Result) -> dict[str, Any]:
    """A result as JSON, the same over HTTP and on the command line."""
    return {
        "id": result.id,
        "score": round(result.score, 6),
        "parts": {name: round(part, 6) for name, part in result.parts.items()},
        "item": dict(result.item),
        "duplicates": list(result.duplicates),
    }


def event_shape(event: Event) -> EventShape:
    """An event as JSON."""
    at = datetime.fromtimestamp(event.time, UTC).isoformat()
    return EventShape(id=event.id, kind=event.kind, item=event.item, time=at, request_id=event.request_id)


def utc(time: datetime) -> datetime:
    """The time; UTC where it names no zone."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def list_shape(answer: Answer, request_id: str, took_ms: float, *, explain: bool) -> dict[str, Any]:
    """A list as JSON."""
    body: dict[str, Any] = {
        "results": [result_shape(result) for result in answer],
        "took_ms": round(took_ms, 2),
        "request_id": request_id,
        "strategy": answer.strategy,
        "arm": answer.arm.id,
    }
    if explain:
        tastes = [{"weight": round(one.weight, 4), "items": list(one.items)} for one in answer.tastes]
        body["explanation"] = {"weights": dict(answer.weights), "tastes": tastes}
    return body


def read_weights(text: str | None) -> dict[str, float]:
    """Weights from `image=1,text=0.5` or a JSON object."""
    if not text:
        return {}
    try:
        if text.lstrip().startswith("{"):
            form = json.loads(text)
        else:
            form = dict(pair.split("=", 1) for pair in text.split(","))
        return {str(name).strip(): float(value) for name, value in form.items()}
    except (ValueError, TypeError, AttributeError):
        raise SpaceError(f"cannot read the weights {text!r}; write image=1,text=0.5") from None


def read_filter(clauses: list[str] | None) -> Filter:
    """A filter from clauses such as `price<50`, or from JSON objects; all must hold."""
    conditions: list[Any] = []
    for clause in clauses or []:
        if clause.lstrip().startswith("{"):
            conditions += parse_json(_json_object(clause)).conditions
        else:
            conditions += parse_clauses([clause]).conditions
    return Filter(tuple(conditions))


def read_body(shape: type[Body], form: Any) -> Body:
    """`form` as `shape`; a `BadRequest` names the first field that is wrong."""
    try:
        if isinstance(form, bytes | str):
            return shape.model_validate_json(form)
        return shape.model_validate(form)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadRequest(f"{where}: {first['msg']}") from None


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        form = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadRequest(f"the filter is not JSON: {error}") from None
    if not isinstance(form, dict):
        raise BadRequest("the filter must be a JSON object")
    return form
