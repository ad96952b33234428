"""Lists that a store's memory alone was enough for, as they are sent and logged.

Shoppers ask for the same few lists over and over. One for nobody in particular is a function of the items
and rankings it was made from, so it is sent again for as long as the memory holds these. Each time it gets an
id of its own, and is logged.

Laws (tests/service/shop/test_list_memory.py):
- whatever is written in between, a list that is sent again is the one that would be made now;
- a list that depends on time, chance or a shopper is made each time;
- what is remembered stays within its bounds.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson

from vlclip.engine.store.cache.reading import Reading
from vlclip.engine.store.cache.remembered import NotRemembered, Remembered
from vlclip.engine.store.cache.store import CachedStore
from vlclip.engine.store.store import Store
from vlclip.ranking.errors import BadExposure
from vlclip.ranking.experiments.log import pack
from vlclip.ranking.lists.answer import Answer
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.lists.request import ListRequest
from vlclip.ranking.settings import Search
from vlclip.service.http.list_json import list_shape
from vlclip.service.shop.served_list import ServedList
from vlclip.service.shop.shoppers import Shoppers
from vlclip.service.shop.stages import stage

SHORT = 24
"""Results of the longest list that is made on the event loop: a longer one would hold other requests up."""
LIST_BYTES, RESULT_BYTES = 1000, 700
"""What a list, and a result of it in the log, take in memory beside their JSON and the request."""
Key = tuple[str, bytes]
"""The item and the query string of a request, which tell it from all others."""


def is_short(request: ListRequest, search: Search) -> bool:
    """Whether a list may be made on the event loop without holding others up."""
    page = request.page
    return not (page.exact or page.offset) and (page.limit or search.limit) <= SHORT


@dataclass(frozen=True, slots=True)
class _Memo:
    """A list: what is sent, what is logged, what it was made from; `size_bytes` is of its results."""

    shape: dict[str, Any]
    served_list: ServedList
    reading: Reading
    size_bytes: int


class ListMemory:
    """Makes short lists of similar items from memory. It belongs to one event loop."""

    def __init__(self, store: CachedStore, shoppers: Shoppers, search: Search) -> None:
        self._store, self._shoppers, self._search = store, shoppers, search
        self._memory = Remembered(store)
        self._recommender = Recommender(cast("Store", self._memory), _no_encoder, search)
        self._lists: OrderedDict[Key, _Memo | None] = OrderedDict()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._lists)

    def suits(self, request: ListRequest) -> bool:
        """Whether such a list may be made from memory alone: a short one of similar items, for nobody."""
        return request.kind == "similar" and not request.unit and is_short(request, self._search)

    def serve(
        self, key: Key, request: ListRequest, filter_form: Any, began: float, *, explain: bool
    ) -> tuple[bytes, ServedList] | None:
        """The list as JSON, and what is to be handed over of it; None where the engine has to be asked.

        A request that comes for the first time is not tried: its list would seldom be remembered.
        """
        if key not in self._lists:
            self._put(key, None)
            return None
        memo = self._lists[key]
        if memo is not None and self._store.holds(memo.reading):
            self._lists.move_to_end(key)
            shape, served_list = memo.shape, self._shoppers.serve_again(memo.served_list)
        else:
            try:
                with self._memory.noting() as reading:
                    answer, served_list = self._shoppers.serve(self._recommender, request, filter_form)
            except NotRemembered:
                self._put(key, None)
                return None
            shape = list_shape(answer, served_list.request_id, 0.0, explain=explain)
            self._put(key, _memo(shape, answer, served_list, reading) if answer.arm.is_steady else None)
        with stage("serialise"):
            took_ms = round(1000 * (time.perf_counter() - began), 2)
            return orjson.dumps(
                shape | {"took_ms": took_ms, "request_id": served_list.request_id}
            ), served_list

    def _put(self, key: Key, memo: _Memo | None) -> None:
        """Remember a list, or that it was asked for, and let go of those that were not asked for longest."""
        if key in self._lists:
            self._drop(key)
        self._lists[key] = memo
        self.size_bytes += _size_bytes(key, memo)
        while self.size_bytes > self._store.list_bytes:
            self._drop(next(iter(self._lists)))

    def _drop(self, key: Key) -> None:
        self.size_bytes -= _size_bytes(key, self._lists.pop(key))


def _memo(shape: dict[str, Any], answer: Answer, served_list: ServedList, reading: Reading) -> _Memo | None:
    results = orjson.dumps(shape["results"])
    shape["results"] = orjson.Fragment(results)
    if served_list.exposure is not None:
        try:
            served_list = replace(served_list, exposure=pack(served_list.exposure))
        except BadExposure:  # the log says so for each
            return None
    return _Memo(shape, served_list, reading, len(results) + RESULT_BYTES * len(answer))


def _size_bytes(key: Key, memo: _Memo | None) -> int:
    return LIST_BYTES + sum(map(len, key)) + (0 if memo is None else memo.size_bytes)


def _no_encoder() -> Any:
    raise NotRemembered
