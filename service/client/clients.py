"""The two clients: `Client` blocks, `AsyncClient` is awaited. Both only send calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeVar, Unpack

import httpx2
import stamina

from vlclip.service.client import calls
from vlclip.service.client.answers import (
    ApiError,
    EventCounts,
    ItemList,
    PatchOutcome,
    StoredItem,
    WriteOutcome,
)
from vlclip.service.client.calls import Call, ListOptions, ShopperOptions

T = TypeVar("T")
ATTEMPTS = 4
MAX_WAIT_S = 60.0
"""A `Retry-After` beyond it is left to the caller."""
BATCH = 100
"""Items of one request of `put_many`."""
EVENTS = 1000
"""Events of one request, the most that the service takes."""
PATCHES = 1000
"""Patches of one request of `patch_many`."""


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

    def similar(self, item_id: str, **options: Unpack[ShopperOptions]) -> ItemList:
        """Items like this one."""
        return self._send(calls.similar(item_id, options))

    def search(
        self, text: str = "", *, photo: bytes | None = None, **options: Unpack[ShopperOptions]
    ) -> ItemList:
        """Items that fit words, a photo, or both."""
        return self._send(calls.search(text, photo, options))

    def recommendations(
        self, *, user: str = "", session: str = "", **options: Unpack[ListOptions]
    ) -> ItemList:
        """Items for a user, or for a session where nobody is logged in."""
        return self._send(calls.recommendations(user, session, options))

    def tell(self, *events: Mapping[str, Any]) -> EventCounts:
        """Send events (`kind`, `item`, `user` or `session`, …); once it returns, they are on disk.

        One without an `id` is given one here, so that it is kept once however often it is sent.
        """
        return self.tell_many(events)

    def tell_many(self, events: Iterable[Mapping[str, Any]], *, batch: int = EVENTS) -> EventCounts:
        """The same from any iterable, read while it is sent, `batch` events a request.

        After an error the batches before it are kept; where each event has an `id`, send all of them again.
        """
        return calls.total(self._send(call) for call in calls.tell_many(events, batch))

    def forget(self, user: str) -> int:
        """Remove what is kept of a user; how many events that were."""
        return self._send(calls.forget(user))

    def item(self, item_id: str) -> StoredItem:
        """One stored item."""
        return self._send(calls.item(item_id))

    def put(
        self, item_id: str, item: Mapping[str, Any], *, photo: bytes | None = None, replace: bool = False
    ) -> WriteOutcome:
        """Add or replace one item; it can be found once this returns.

        Unless it is to `replace`, an `ApiError` (`would-drop`) names what the stored item would lose.
        """
        return self._send(calls.put(item_id, item, photo, replace=replace))

    def put_many(
        self, items: Iterable[Mapping[str, Any]], *, batch: int = BATCH, replace: bool = False
    ) -> list[WriteOutcome]:
        """Add or replace items, each with its `id`; one outcome each, in order."""
        sent = calls.put_many(items, batch, replace=replace)
        return [outcome for call in sent for outcome in self._send(call)]

    def patch(self, item_id: str, changes: Mapping[str, Any]) -> PatchOutcome:
        """Change fields of one item and keep all others; None removes. Nothing is encoded."""
        return self._send(calls.patch(item_id, changes))

    def patch_many(self, patches: Iterable[Mapping[str, Any]], *, batch: int = PATCHES) -> list[PatchOutcome]:
        """Change fields of items, each patch with the `id` of its item; one outcome each, in order."""
        return [outcome for call in calls.patch_many(patches, batch) for outcome in self._send(call)]

    def delete(self, item_id: str) -> None:
        """Remove one item."""
        self._send(calls.delete(item_id))

    def delete_many(self, ids: Iterable[str], *, batch: int = PATCHES) -> int:
        """Remove items; how many were there."""
        return sum([self._send(call) for call in calls.delete_many(ids, batch)])

    def unchanged(self, hashes: Mapping[str, str]) -> list[str]:
        """Those ids of content hashes by id that are stored with just that content."""
        return self._send(calls.unchanged(hashes))

    def ids(self, after: str | None = None) -> tuple[list[str], str | None]:
        """A page of the ids of all items, and the `after` of the next one, None at the end."""
        return self._send(calls.ids(after))

    def ready(self) -> bool:
        """Whether the service answers questions."""
        try:
            return self._send(calls.READY)
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

    def _send(self, call: Call[T]) -> T:
        for attempt in stamina.retry_context(on=_retry, attempts=ATTEMPTS if call.retried else 1):
            with attempt:
                try:
                    answer = self._http.request(call.method, call.path, **call.payload)
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

    async def similar(self, item_id: str, **options: Unpack[ShopperOptions]) -> ItemList:
        """Items like this one."""
        return await self._send(calls.similar(item_id, options))

    async def search(
        self, text: str = "", *, photo: bytes | None = None, **options: Unpack[ShopperOptions]
    ) -> ItemList:
        """Items that fit words, a photo, or both."""
        return await self._send(calls.search(text, photo, options))

    async def recommendations(
        self, *, user: str = "", session: str = "", **options: Unpack[ListOptions]
    ) -> ItemList:
        """Items for a user, or for a session where nobody is logged in."""
        return await self._send(calls.recommendations(user, session, options))

    async def tell(self, *events: Mapping[str, Any]) -> EventCounts:
        """Send events (see `Client.tell`)."""
        return await self.tell_many(events)

    async def tell_many(self, events: Iterable[Mapping[str, Any]], *, batch: int = EVENTS) -> EventCounts:
        """The same from any iterable (see `Client.tell_many`)."""
        return calls.total([await self._send(call) for call in calls.tell_many(events, batch)])

    async def forget(self, user: str) -> int:
        """Remove what is kept of a user; how many events that were."""
        return await self._send(calls.forget(user))

    async def item(self, item_id: str) -> StoredItem:
        """One stored item."""
        return await self._send(calls.item(item_id))

    async def put(
        self, item_id: str, item: Mapping[str, Any], *, photo: bytes | None = None, replace: bool = False
    ) -> WriteOutcome:
        """Add or replace one item; it can be found once this returns.

        Unless it is to `replace`, an `ApiError` (`would-drop`) names what the stored item would lose.
        """
        return await self._send(calls.put(item_id, item, photo, replace=replace))

    async def put_many(
        self, items: Iterable[Mapping[str, Any]], *, batch: int = BATCH, replace: bool = False
    ) -> list[WriteOutcome]:
        """Add or replace items, each with its `id`; one outcome each, in order."""
        sent = calls.put_many(items, batch, replace=replace)
        return [outcome for call in sent for outcome in await self._send(call)]

    async def patch(self, item_id: str, changes: Mapping[str, Any]) -> PatchOutcome:
        """Change fields of one item and keep all others; None removes. Nothing is encoded."""
        return await self._send(calls.patch(item_id, changes))

    async def patch_many(
        self, patches: Iterable[Mapping[str, Any]], *, batch: int = PATCHES
    ) -> list[PatchOutcome]:
        """Change fields of items, each patch with the `id` of its item; one outcome each, in order."""
        return [outcome for call in calls.patch_many(patches, batch) for outcome in await self._send(call)]

    async def delete(self, item_id: str) -> None:
        """Remove one item."""
        await self._send(calls.delete(item_id))

    async def delete_many(self, ids: Iterable[str], *, batch: int = PATCHES) -> int:
        """Remove items; how many were there."""
        return sum([await self._send(call) for call in calls.delete_many(ids, batch)])

    async def unchanged(self, hashes: Mapping[str, str]) -> list[str]:
        """Those ids of content hashes by id that are stored with just that content."""
        return await self._send(calls.unchanged(hashes))

    async def ids(self, after: str | None = None) -> tuple[list[str], str | None]:
        """A page of the ids of all items, and the `after` of the next one, None at the end."""
        return await self._send(calls.ids(after))

    async def ready(self) -> bool:
        """Whether the service answers questions."""
        try:
            return await self._send(calls.READY)
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

    async def _send(self, call: Call[T]) -> T:
        async for attempt in stamina.retry_context(on=_retry, attempts=ATTEMPTS if call.retried else 1):
            with attempt:
                try:
                    answer = await self._http.request(call.method, call.path, **call.payload)
                except httpx2.TransportError as error:
                    raise _unreached(error) from error
                return _read(call, answer)
        raise AssertionError  # stamina raises the last error itself


def _read(call: Call[T], answer: httpx2.Response) -> T:
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


def _retry(error: Exception) -> bool | float:
    """Whether to send a call again, or after how many seconds: only one that the server did not begin."""
    if not isinstance(error, ApiError) or error.status not in (429, 503):
        return False
    return error.retry_after_s <= MAX_WAIT_S and (error.retry_after_s or True)


def _headers(api_key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}
