"""A client of the HTTP API, blocking and async: `Client`, `AsyncClient`.

Each question is built once, as a call (`calls.py`), and its answer read once; the two clients only send it.
This package stands alone: it needs httpx2 and stamina, and nothing of the engine.

Laws (tests/service/test_client.py):
- both clients send the same requests and give the same answers;
- a call that got 429 or 503 is sent again, not before the time the server names; any other error is an
  `ApiError` at once.
"""

from vlclip.service.client.answers import (
    ApiError,
    EventCounts,
    ItemList,
    PatchOutcome,
    Result,
    StoredItem,
    WriteOutcome,
)
from vlclip.service.client.calls import ListOptions, ShopperOptions
from vlclip.service.client.clients import AsyncClient, Client

__all__ = [
    "ApiError", "AsyncClient", "Client", "EventCounts", "ItemList", "ListOptions", "PatchOutcome", "Result",
    "ShopperOptions", "StoredItem", "WriteOutcome",
]  # fmt: skip
