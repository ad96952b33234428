"""Each question to the service as a `Call`: what is sent, and how the answer is read."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import islice
from typing import Any, Generic, Literal, TypedDict, TypeVar
from urllib.parse import quote

from vlclip.service.client.answers import (
    EventCounts,
    ItemList,
    PatchOutcome,
    Result,
    StoredItem,
    WriteOutcome,
)

T = TypeVar("T")


class ListOptions(TypedDict, total=False):
    """What a list may be asked for; what is left out is the server's default."""

    limit: int
    offset: int
    weights: Mapping[str, float]
    filter: Mapping[str, Any]
    exclude: Sequence[str]
    collapse: bool
    diversity: float
    group_by: Literal["group", "none"]


class ShopperOptions(ListOptions, total=False):
    """The same, and whose history is blended in."""

    user: str
    session: str


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request and how its answer is read; `payload` are keywords of httpx2's `request`."""

    method: str
    path: str
    read: Callable[[Any], T]
    payload: Mapping[str, Any]
    retried: bool = True


def similar(item_id: str, options: ShopperOptions) -> Call[ItemList]:
    """Items like one."""
    return Call("GET", f"{_item_path(item_id)}/similar", _item_list, {"params": _flat(options)})


def search(text: str, photo: bytes | None, options: ShopperOptions) -> Call[ItemList]:
    """Items that fit words, a photo, or both."""
    if photo is None:
        return Call("POST", "/v1/search", _item_list, {"json": {"text": text, **options}})
    form = {"text": text, **_flat(options)}
    return Call("POST", "/v1/search", _item_list, {"data": form, "files": {"photo": photo}})


def recommendations(user: str, session: str, options: ListOptions) -> Call[ItemList]:
    """Items for a user, or else for a session."""
    who = f"users/{quote(user, safe='')}" if user else f"sessions/{quote(session, safe='')}"
    return Call("GET", f"/v1/{who}/recommendations", _item_list, {"params": _flat(options)})


def tell_many(events: Iterable[Mapping[str, Any]], batch: int) -> Iterator[Call[EventCounts]]:
    """Events, `batch` of them in each call, each with an id, so that a second try sends the same ones."""
    for chunk in _chunks(events, batch):
        named = [{"id": uuid.uuid4().hex, **event} for event in chunk]
        payload = {"json": {"events": named}}
        yield Call("POST", "/v1/events", lambda form: _read_as(EventCounts, form), payload)


def total(counts: Iterable[EventCounts]) -> EventCounts:
    """The sums over several requests."""
    sums = [sum(column) for column in zip(*map(astuple, counts), strict=True)]
    return EventCounts(*sums)


def forget(user: str) -> Call[int]:
    """Remove what is kept of a user."""
    return Call("DELETE", f"/v1/users/{quote(user, safe='')}", lambda form: int(form["events"]), {})


def item(item_id: str) -> Call[StoredItem]:
    """One stored item."""
    return Call("GET", _item_path(item_id), lambda form: _read_as(StoredItem, form), {})


def put(item_id: str, item: Mapping[str, Any], photo: bytes | None, *, replace: bool) -> Call[WriteOutcome]:
    """Add or replace one item."""
    body = dict(item)
    if photo is not None:
        body["image_base64"] = base64.b64encode(photo).decode()
    payload = {"json": body, "params": _replace(replace)}
    return Call("PUT", _item_path(item_id), lambda form: _read_as(WriteOutcome, form), payload)


def put_many(
    items: Iterable[Mapping[str, Any]], batch: int, *, replace: bool
) -> Iterator[Call[list[WriteOutcome]]]:
    """Add or replace items, `batch` of them in each call."""
    for chunk in _chunks(items, batch):
        payload = {"json": chunk, "params": _replace(replace)}
        yield Call("POST", "/v1/items:batch", _results_of(WriteOutcome), payload)


def patch(item_id: str, changes: Mapping[str, Any]) -> Call[PatchOutcome]:
    """Change fields of one item."""
    return Call(
        "PATCH", _item_path(item_id), lambda form: _read_as(PatchOutcome, form), {"json": dict(changes)}
    )


def patch_many(patches: Iterable[Mapping[str, Any]], batch: int) -> Iterator[Call[list[PatchOutcome]]]:
    """Change fields of items, `batch` of them in each call."""
    for chunk in _chunks(patches, batch):
        yield Call("PATCH", "/v1/items", _results_of(PatchOutcome), {"json": chunk})


def _results_of(shape: type[T]) -> Callable[[Any], list[T]]:
    return lambda form: [_read_as(shape, outcome) for outcome in form["results"]]


def _replace(replace: bool) -> dict[str, str]:  # noqa: FBT001 - it only passes it on
    return {"replace": "true"} if replace else {}


def delete(item_id: str) -> Call[None]:
    """Remove one item."""
    return Call("DELETE", _item_path(item_id), lambda _: None, {})


def delete_many(ids: Iterable[str], batch: int) -> Iterator[Call[int]]:
    """Remove items, `batch` of them in each call."""
    for chunk in _chunks(ids, batch):
        yield Call("POST", "/v1/items:delete", lambda form: int(form["deleted"]), {"json": {"ids": chunk}})


def unchanged(hashes: Mapping[str, str]) -> Call[list[str]]:
    """Which items are stored with just that content."""
    body = {"hashes": dict(hashes)}
    return Call("POST", "/v1/items:compare", lambda form: list(form["unchanged"]), {"json": body})


def ids(after: str | None) -> Call[tuple[list[str], str | None]]:
    """A page of the ids of all items."""
    params = {"after": after} if after else {}
    return Call("GET", "/v1/items", lambda form: (list(form["ids"]), form["next"]), {"params": params})


READY = Call("GET", "/readyz", lambda form: bool(form["status"] == "ready"), {}, retried=False)


def _chunks(forms: Iterable[T], size: int) -> Iterator[list[T]]:
    """The forms in lists of `size`, the last one shorter."""
    if size < 1:
        raise ValueError(f"batch is {size}; give 1 or more")
    rest = iter(forms)
    while chunk := list(islice(rest, size)):
        yield chunk


def _item_path(item_id: str) -> str:
    return f"/v1/items/{quote(item_id, safe='')}"


def _flat(options: ListOptions) -> dict[str, Any]:
    """As query parameters or form fields: what has a shape becomes JSON."""
    shaped = {"weights", "filter"}
    return {name: json.dumps(value) if name in shaped else value for name, value in options.items()}


def _item_list(form: Any) -> ItemList:
    results = tuple(_read_as(Result, result) for result in form["results"])
    return ItemList(results, form["took_ms"], form["request_id"], form["strategy"], form["arm"])


def _read_as(shape: type[T], form: Mapping[str, Any]) -> T:
    """`form` as a dataclass; what a newer server adds is left out, what an older one lacks is empty."""
    names = [field.name for field in fields(shape) if field.name in form]  # type: ignore[arg-type]
    return shape(**{name: form[name] for name in names})
