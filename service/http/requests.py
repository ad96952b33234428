"""The shapes of requests over HTTP, and how they are read; pydantic stays at this border.

Law (tests/service/http/test_requests.py): every list and every object of a shape has a limit.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field

from vlclip.engine.errors import ItemError
from vlclip.engine.filters import MAX_CONDITIONS, parse_json, read_filter
from vlclip.engine.item import MAX_ATTRIBUTES, MAX_PHOTOS, MAX_TEXT_CHARS, Item, ReferredPhoto, too_long
from vlclip.ingestion.photos.source import is_url
from vlclip.ranking.history.clock import moment
from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import AHEAD_S, MAX_ID, Event
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.settings import GroupBy
from vlclip.service.http.errors import BadRequest
from vlclip.service.http.json_body import checked
from vlclip.service.http.json_text import read_json
from vlclip.service.http.weights import MAX_WEIGHTS

Scalar = str | bool | int | float
MAX_LISTED = 1000
"""Values of one attribute, ids to leave out, events of one request."""
MAX_IDS = 5000
Values = Annotated[list[Scalar], Field(max_length=MAX_LISTED)]
Body = TypeVar("Body", bound=BaseModel)
MAX_QUERY_CHARS = 2000
Weights = Annotated[
    dict[str, float],
    Field(
        max_length=MAX_WEIGHTS,
        description="Weight per score part (`image`, `text`, `lexical`), from 0 to a million.",
        examples=[{"image": 1.0, "text": 0.5}],
    ),
]


class _StrictShape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SearchBody(_StrictShape):
    """A search by words; a photo comes as multipart/form-data beside the same fields."""

    text: str = Field("", max_length=MAX_QUERY_CHARS, examples=["red running shoes"])
    weights: Weights = Field(default_factory=dict)
    filter: dict[str, Any] = Field(
        default_factory=dict,
        max_length=MAX_CONDITIONS,
        description="Field to condition: a value, a list (any of), a range, `not`, `missing`.",
        examples=[{"price": {"lt": 100}, "brand": ["Nike", "Puma"]}],
    )
    exclude: list[str] = Field(
        default_factory=list, max_length=MAX_LISTED, description="Item ids to leave out."
    )
    limit: int | None = Field(None, description="How many results; the server has a default and a maximum.")
    offset: int = Field(0, description="How many of the best to skip.")
    collapse: bool | None = Field(
        None, description="Show one of results with near-duplicate photos; the server has a default."
    )
    diversity: float | None = Field(
        None, ge=0, le=1, description="0 is pure relevance, 1 pure variety; the arm has a default."
    )
    group_by: GroupBy | None = Field(
        None, description="group: one result for each group of variants; none: for each item."
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
            group_by=self.group_by,
            exact=self.exact,
        )


class ListQuery(BaseModel):
    """The query parameters of a list over GET."""

    limit: int | None = Field(None, description="how many results")
    offset: int = Field(0, description="how many of the best to skip")
    weights: str | None = Field(None, description="weights per part", examples=["image=1,text=0.5"])
    filter: list[str] | None = Field(
        None, max_length=MAX_CONDITIONS, description="clauses, or JSON objects", examples=[["price<50"]]
    )
    exclude: list[str] | None = Field(None, max_length=MAX_LISTED, description="item ids to leave out")
    collapse: bool | None = Field(None, description="show one of results with near-duplicate photos")
    diversity: float | None = Field(None, description="0 is pure relevance, 1 pure variety")
    group_by: GroupBy | None = Field(
        None, description="group: one result for each group of variants; none: for each item"
    )
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
            group_by=self.group_by,
            exact=self.exact,
        )


class SimilarQuery(ListQuery):
    """The query parameters of a list for a shopper, about an item."""

    user: str = Field("", description="whose history is blended in")
    session: str = Field("", description="the same, for somebody not logged in")


REPEATED = ("filter", "exclude")
"""Query parameters that may be repeated."""


class ItemBody(_StrictShape):
    """A product. `image` is a URL; `image_base64` carries the photo, and `image` then only names it."""

    title: str = Field("", examples=["Nike Men Blue Running Shoes"])
    description: str = ""
    product_type: str = Field("", examples=["Sports Shoes"])
    brand: str = Field("", examples=["Nike"])
    price: float | None = Field(None, examples=[79.9])
    price_to: float | None = Field(None, description="The upper bound where the price is a range.")
    currency: str = Field("", examples=["EUR"])
    attributes: dict[str, Scalar | Values] = Field(
        default_factory=dict, max_length=MAX_ATTRIBUTES, examples=[{"base_colour": "Blue"}]
    )
    image: str | None = Field(None, description="URL of the photo.")
    image_base64: str | None = Field(None, description="The photo's bytes in base64, instead of a URL.")
    photos: list[str] = Field(
        default_factory=list,
        max_length=MAX_PHOTOS,
        description="URLs of all photos, if there are several; the first that can be fetched is embedded.",
    )
    popularity: float | None = None
    available: bool = True
    updated_at: str = ""
    group: str = Field("", description="Items with one group are variants of one product.")
    group_title: str = Field("", description="What the product is called, whose variants share the group.")

    @property
    def names(self) -> frozenset[str]:
        """The item's fields that were sent, whatever their values."""
        sent = self.model_fields_set
        return frozenset(sent | {"image"} if "image_base64" in sent else sent)

    def item(self, item_id: str) -> Item:
        """The `Item` with this id; an `ItemError` says what breaks a rule."""
        fields = self.model_dump(exclude={"id", "image", "image_base64", "attributes", "photos"})
        photo: bytes | str | None = self.image or next(iter(self.photos), None)
        if self.image_base64 is not None:
            try:
                data = base64.b64decode(self.image_base64, validate=True)
            except ValueError as error:  # binascii.Error, and letters beyond ASCII
                raise BadRequest(f"image_base64 is not base64: {error}") from None
            photo = ReferredPhoto(data, self._reference()) if self.image else data
        attributes = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.attributes.items()
        }
        return Item(id=item_id, attributes=attributes, image=photo, photos=tuple(self.photos), **fields)

    def _reference(self) -> str:
        """`image` beside bytes: it is not read from there, so it may be a path of a catalogue."""
        path = unquote(self.image or "").replace("\\", "/")
        if not is_url(path) and ("://" in path or path.startswith("/") or ".." in path.split("/")):
            raise ItemError("image: beside image_base64 it is a URL or a path below the catalogue's folder")
        return self.image or ""

    @property
    def shortened(self) -> str:
        """A note on the texts that are cut because they are too long, "" where there are none."""
        return shortened({**self.attributes, "description": self.description})


class BatchItem(ItemBody):
    """A product of a batch, with its id."""

    id: str = Field(examples=["sku-1042"])


class HashesBody(_StrictShape):
    """Content hashes of items by id, as a feed of a catalogue computes them."""

    hashes: dict[str, str] = Field(max_length=MAX_IDS, examples=[{"sku-1042": "9b1f..."}])


class IdsBody(_StrictShape):
    """Ids of items."""

    ids: list[str] = Field(max_length=MAX_IDS, examples=[["sku-1042"]])


class EventBody(_StrictShape):
    """Somebody did something with an item. `user` or `session` is needed."""

    kind: Kind
    item: str = Field(min_length=1, max_length=MAX_ID, examples=["sku-1042"])
    user: str = Field("", max_length=MAX_ID, examples=["anna"])
    session: str = Field("", max_length=MAX_ID)
    request_id: str = Field("", max_length=MAX_ID, description="Of the list the item was taken from.")
    time: datetime | None = Field(None, description="ISO 8601, or seconds since 1970; now if left out.")
    value: float | None = Field(None, description="What a purchase brought.", allow_inf_nan=False)
    id: str = Field(
        "",
        max_length=MAX_ID,
        description="Your own. Sent again for that user or session and kind, it is the same event; without, "
        "it is new.",
    )

    def event(self, now: float) -> Event:
        """The `Event`; a `BadEvent` says what breaks a rule."""
        fields = self.model_dump(exclude={"id", "time"})
        at = now if self.time is None else utc(self.time).timestamp()
        return Event(id=self.id or uuid.uuid4().hex, time=at, **fields)


class EventsBody(_StrictShape):
    """Up to 1,000 events."""

    events: list[EventBody] = Field(min_length=1, max_length=MAX_LISTED)

    def read(self, now: float) -> list[Event]:
        """The events; an error says what breaks a rule, such as a time that lies far ahead."""
        events = [event.event(now) for event in self.events]
        for place, event in enumerate(events):
            if event.time > now + AHEAD_S:
                raise BadRequest(
                    f"events.{place}.time is {moment(event.time)}, over a day ahead of this service's clock "
                    f"({moment(now)}); send the time at which it happened, or none for now"
                )
        return events


def shortened(texts: Mapping[str, Any]) -> str:
    """A note on texts that an item cuts because they are too long, "" where there are none."""
    names = dict.fromkeys(too_long(texts))
    return f"{', '.join(names)}: only the first {MAX_TEXT_CHARS:,} characters are kept" if names else ""


def read_body(shape: type[Body], form: Any) -> Body:
    """`form` as `shape`; a `BadRequest` names the first field that is wrong."""
    return checked(shape, read_json(form) if isinstance(form, bytes | str) else form)


def utc(time: datetime) -> datetime:
    """The time; UTC if it names no zone."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)
