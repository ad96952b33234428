"""A client of the HTTP API, blocking and async: `Client`, `AsyncClient`.

Each question is built once, as a `_Call`, and its answer read once; the two clients only send it. The
module stands alone: it needs httpx2 and stamina, none of the engine.

Laws (tests/service/test_client.py):
- both clients send the same requests and give the same answers;
- 429 and 503 are asked again, not before the time the server names; other errors are `ApiError` at once.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, Self, TypedDict, TypeVar, Unpack
from urllib.parse import quote

import httpx2
import stamina

__all__ = ["ApiError", "Asked", "AsyncClient", "Client", "Listed", "Page", "Result", "Stored", "Written"]

T = TypeVar("T")
ATTEMPTS = 4
MAX_WAIT_S = 60.0
"""A `Retry-After` beyond it is left to the caller."""
BATCH = 100
"""Items of one request of `put_many`."""


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
    """One item of a list; `parts` add up to `score`, `duplicates` are the ids it stands for."""

    id: str
    score: float
    parts: Mapping[str, float]
    item: Mapping[str, Any]
    duplicates: Sequence[str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list, best first; its `request_id` goes with the events that come of it.

    `strategy` says what it was made from (content, history, popular), `arm` how it was ranked.
    """

    results: tuple[Result, ...]
    took_ms: float
    request_id: str
    strategy: str
    arm: str


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one written item: embedded, unchanged, duplicate, or failed for a `reason`."""

    id: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored item with what made its vector."""

    id: str
    item: Mapping[str, Any]
    provenance: Mapping[str, Any]


class Page(TypedDict, total=False):
    """What a list may be asked for; what is left out is the server's default."""

    limit: int
    offset: int
    weights: Mapping[str, float]
    filter: Mapping[str, Any]
    exclude: Sequence[str]
    collapse: bool
    diversity: float


class Asked(Page, total=False):
    """The same, and whose history is blended in."""

    user: str
    session: str


@dataclass(frozen=True, slots=True)
class _Call(Generic[T]):
    """A request, and how its answer is read."""

    method: str
    path: str
    read: Callable[[Any], T]
    sent: Mapping[str, Any]
    retried: bool = True


class Client:
    """Asks a service and waits; safe to use from several threads, best closed by `with`."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._http = httpx2.Client(
            base_url=base_url, headers=_headers(api_key), timeout=timeout, transport=transport
        )

    def similar(self, item_id: str, **asked: Unpack[Asked]) -> Listed:
        """Items like this one."""
        return self._do(_similar(item_id, asked))

    def search(self, text: str = "", *, photo: bytes | None = None, **asked: Unpack[Asked]) -> Listed:
        """Items that fit words, a photo, or both."""
        return self._do(_search(text, photo, asked))

    def recommendations(self, *, user: str = "", session: str = "", **asked: Unpack[Page]) -> Listed:
        """Items for a user, or for a session where nobody is logged in."""
        return self._do(_recommendations(user, session, asked))

    def tell(self, *events: Mapping[str, Any]) -> int:
        """Send up to 1,000 events (`kind`, `item`, `user` or `session`, …); how many were accepted.

        One without an `id` is given one here, so that it is kept once however often it is sent.
        """
        return self._do(_tell(events))

    def forget(self, user: str) -> int:
        """Remove what is kept of a user; how many events that were."""
        return self._do(_forget(user))

    def item(self, item_id: str) -> Stored:
        """One stored item."""
        return self._do(_item(item_id))

    def put(self, item_id: str, item: Mapping[str, Any], *, photo: bytes | None = None) -> Written:
        """Add or replace one item; it can be found once this returns."""
        return self._do(_put(item_id, item, photo))

    def put_many(self, items: Iterable[Mapping[str, Any]], *, batch: int = BATCH) -> list[Written]:
        """Add or replace items, each with its `id`; one outcome each, in order."""
        return [one for call in _put_many(items, batch) for one in self._do(call)]

    def delete(self, item_id: str) -> None:
        """Remove one item."""
        self._do(_delete(item_id))

    def ready(self) -> bool:
        """Whether the service answers questions."""
        try:
            return self._do(_READY)
        except ApiError as error:
            if error.status in (0, 503):
                return False
            raise

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, call: _Call[T]) -> T:
        for attempt in stamina.retry_context(on=_again, attempts=ATTEMPTS if call.retried else 1):
            with attempt:
                try:
                    answer = self._http.request(call.method, call.path, **call.sent)
                except httpx2.TransportError as error:
                    raise _unreached(error) from error
                return _read(call, answer)
        raise AssertionError  # stamina raises the last error itself


class AsyncClient:
    """Asks a service from an event loop; best closed by `async with`."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx2.AsyncClient(
            base_url=base_url, headers=_headers(api_key), timeout=timeout, transport=transport
        )

    async def similar(self, item_id: str, **asked: Unpack[Asked]) -> Listed:
        """Items like this one."""
        return await self._do(_similar(item_id, asked))

    async def search(self, text: str = "", *, photo: bytes | None = None, **asked: Unpack[Asked]) -> Listed:
        """Items that fit words, a photo, or both."""
        return await self._do(_search(text, photo, asked))

    async def recommendations(self, *, user: str = "", session: str = "", **asked: Unpack[Page]) -> Listed:
        """Items for a user, or for a session where nobody is logged in."""
        return await self._do(_recommendations(user, session, asked))

    async def tell(self, *events: Mapping[str, Any]) -> int:
        """Send up to 1,000 events; how many were accepted (see `Client.tell`)."""
        return await self._do(_tell(events))

    async def forget(self, user: str) -> int:
        """Remove what is kept of a user; how many events that were."""
        return await self._do(_forget(user))

    async def item(self, item_id: str) -> Stored:
        """One stored item."""
        return await self._do(_item(item_id))

    async def put(self, item_id: str, item: Mapping[str, Any], *, photo: bytes | None = None) -> Written:
        """Add or replace one item; it can be found once this returns."""
        return await self._do(_put(item_id, item, photo))

    async def put_many(self, items: Iterable[Mapping[str, Any]], *, batch: int = BATCH) -> list[Written]:
        """Add or replace items, each with its `id`; one outcome each, in order."""
        return [one for call in _put_many(items, batch) for one in await self._do(call)]

    async def delete(self, item_id: str) -> None:
        """Remove one item."""
        await self._do(_delete(item_id))

    async def ready(self) -> bool:
        """Whether the service answers questions."""
        try:
            return await self._do(_READY)
        except ApiError as error:
            if error.status in (0, 503):
                return False
            raise

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _do(self, call: _Call[T]) -> T:
        async for attempt in stamina.retry_context(on=_again, attempts=ATTEMPTS if call.retried else 1):
            with attempt:
                try:
                    answer = await self._http.request(call.method, call.path, **call.sent)
                except httpx2.TransportError as error:
                    raise _unreached(error) from error
                return _read(call, answer)
        raise AssertionError  # stamina raises the last error itself


def _similar(item_id: str, asked: Asked) -> _Call[Listed]:
    return _Call("GET", f"{_at(item_id)}/similar", _listed, {"params": _flat(asked)})


def _search(text: str, photo: bytes | None, asked: Asked) -> _Call[Listed]:
    if photo is None:
        return _Call("POST", "/v1/search", _listed, {"json": {"text": text, **asked}})
    form = {"text": text, **_flat(asked)}
    return _Call("POST", "/v1/search", _listed, {"data": form, "files": {"photo": photo}})


def _recommendations(user: str, session: str, asked: Page) -> _Call[Listed]:
    who = f"users/{quote(user, safe='')}" if user else f"sessions/{quote(session, safe='')}"
    return _Call("GET", f"/v1/{who}/recommendations", _listed, {"params": _flat(asked)})


def _tell(events: Sequence[Mapping[str, Any]]) -> _Call[int]:
    named = [{"id": uuid.uuid4().hex, **event} for event in events]
    return _Call("POST", "/v1/events", lambda form: int(form["accepted"]), {"json": {"events": named}})


def _forget(user: str) -> _Call[int]:
    return _Call("DELETE", f"/v1/users/{quote(user, safe='')}", lambda form: int(form["events"]), {})


def _item(item_id: str) -> _Call[Stored]:
    return _Call("GET", _at(item_id), lambda form: _as(Stored, form), {})


def _put(item_id: str, item: Mapping[str, Any], photo: bytes | None) -> _Call[Written]:
    body = dict(item)
    if photo is not None:
        body["image_base64"] = base64.b64encode(photo).decode()
    return _Call("PUT", _at(item_id), lambda form: _as(Written, form), {"json": body})


def _put_many(items: Iterable[Mapping[str, Any]], batch: int) -> Iterator[_Call[list[Written]]]:
    chunk: list[Mapping[str, Any]] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == batch:
            yield _put_chunk(chunk)
            chunk = []
    if chunk:
        yield _put_chunk(chunk)


def _put_chunk(items: list[Mapping[str, Any]]) -> _Call[list[Written]]:
    def read(form: Any) -> list[Written]:
        return [_as(Written, one) for one in form["results"]]

    return _Call("POST", "/v1/items:batch", read, {"json": items})


def _delete(item_id: str) -> _Call[None]:
    return _Call("DELETE", _at(item_id), lambda _: None, {})


_READY = _Call("GET", "/readyz", lambda form: bool(form["status"] == "ready"), {}, retried=False)


def _at(item_id: str) -> str:
    return f"/v1/items/{quote(item_id, safe='')}"


def _flat(asked: Page) -> dict[str, Any]:
    """As query parameters or form fields: what has a shape becomes JSON."""
    shaped = {"weights", "filter"}
    return {name: json.dumps(value) if name in shaped else value for name, value in asked.items()}


def _listed(form: Any) -> Listed:
    results = tuple(_as(Result, one) for one in form["results"])
    return Listed(results, form["took_ms"], form["request_id"], form["strategy"], form["arm"])


def _as(shape: type[T], form: Mapping[str, Any]) -> T:
    """`form` as a dataclass; what a newer server adds is left out."""
    return shape(**{field.name: form[field.name] for field in fields(shape)})  # type: ignore[arg-type]


def _read(call: _Call[T], answer: httpx2.Response) -> T:
    if answer.is_success:
        return call.read(answer.json() if answer.content else None)
    try:
        form = answer.json()
    except ValueError:  # a proxy's own page
        form = {}
    form = form if isinstance(form, dict) else {}
    after = answer.headers.get("retry-after", "")
    raise ApiError(
        code=form.get("code", "http-error"),
        detail=form.get("detail", f"the server answered {answer.status_code}"),
        status=answer.status_code,
        request_id=answer.headers.get("x-request-id", ""),
        retry_after_s=float(after) if after.isdigit() else 0.0,
    )


def _unreached(error: httpx2.TransportError) -> ApiError:
    code = "no-answer" if isinstance(error, httpx2.TimeoutException) else "no-connection"
    return ApiError(code, f"the service cannot be reached ({str(error) or type(error).__name__})", 0, "")


def _again(error: Exception) -> bool | float:
    """Whether to ask again, or after how many seconds: only what the server did not begin."""
    if not isinstance(error, ApiError) or error.status not in (429, 503):
        return False
    return error.retry_after_s <= MAX_WAIT_S and (error.retry_after_s or True)


def _headers(api_key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}
