"""A shop as it was at a past moment: what shoppers had done by then, and which items there were.

A request of that moment is answered again, with the clock set back to it. The items' fields and vectors
cannot be set back: they are today's, and a deleted item stays deleted.

Laws (tests/ranking/evaluation/replay/test_as_of.py):
- events after the moment change nothing, in whatever order the moments are answered;
- an item that was first offered later is in no list.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import cast

from vlclip.engine.encoding.embedder import Embedder
from vlclip.engine.space import Floats
from vlclip.engine.store.store import Store
from vlclip.ranking.errors import EvaluationError, HistoryError
from vlclip.ranking.evaluation.replay.logged_list import LoggedList
from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.history import History
from vlclip.ranking.lists.answer import Answer
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.boosts import seconds
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search

TEXTS = 2000
"""Search texts whose vectors stay in memory: every arm needs them, and many texts come again and again."""
MAX_LIMIT = 10_000
"""Results that a request may ask for; the limit of the service does not apply here."""
READ_ONLY = "a history as of a moment is only read; change the history it was made from"


class PastHistory:
    """A `History` that holds only the events before a moment; nothing is written to it."""

    def __init__(self, history: History, moment: Callable[[], float]) -> None:
        self._history, self._moment = history, moment

    def _until(self, before: float | None) -> float:
        return self._moment() if before is None else min(before, self._moment())

    def recent(self, unit: str, limit: int, *, before: float | None = None) -> list[Event]:
        """The newest events of a unit by that moment."""
        return self._history.recent(unit, limit, before=self._until(before))

    def popular(
        self, kinds: Mapping[Kind, float], limit: int, *, since: float = 0.0, before: float | None = None
    ) -> dict[str, float]:
        """The items with the most events by that moment."""
        return self._history.popular(kinds, limit, since=since, before=self._until(before))

    def sequences(self, *, before: float | None = None) -> Iterator[tuple[str, list[Event]]]:
        """Every unit with its events by that moment."""
        return self._history.sequences(before=self._until(before))

    def clicked(self, request_ids: Sequence[str]) -> dict[str, list[Event]]:
        """The events that these lists had led to by that moment."""
        until = self._moment()
        by_list = {
            request_id: [event for event in events if event.time < until]
            for request_id, events in self._history.clicked(request_ids).items()
        }
        return {request_id: events for request_id, events in by_list.items() if events}

    def count(self) -> int:
        """How many events there were by that moment."""
        return sum(len(events) for _, events in self.sequences())

    def add(self, events: Sequence[Event]) -> int:  # noqa: ARG002 - the signature is the protocol's
        """Refused with a `HistoryError`."""
        raise HistoryError(READ_ONLY)

    def forget(self, unit: str) -> int:  # noqa: ARG002 - the signature is the protocol's
        """Refused with a `HistoryError`."""
        raise HistoryError(READ_ONLY)

    def expire(self, before: float) -> int:  # noqa: ARG002 - the signature is the protocol's
        """Refused with a `HistoryError`."""
        raise HistoryError(READ_ONLY)

    def close(self) -> None:
        """Do nothing: the history belongs to whoever opened it."""


class PastShop:
    """Answers the requests of logged lists again, by any arm, as they would have been answered then.

    `exists_since` names a field that says since when an item has been offered, in ISO 8601 or in seconds
    since 1970; an item without that field was always there. Without `exists_since` all items were always
    there, and without a `history` no shopper has one. Errors: `EvaluationError` where no item has a time in
    the field.
    """

    def __init__(
        self,
        store: Store,
        load_embedder: Callable[[], Embedder],
        search: Search,
        history: History | None = None,
        *,
        exists_since: str | None = None,
    ) -> None:
        self._store, self._limit = store, search.limit
        self._moment = 0.0
        past = None if history is None else PastHistory(history, self._now)
        self._recommender = Recommender(
            store,
            lambda: cast("Embedder", _CachedEmbedder(load_embedder())),
            search.model_copy(update={"max_limit": MAX_LIMIT}),
            past,
            self._now,
        )
        self._since, self._offered = _offered(store, exists_since) if exists_since else ([], [])
        self._in_store: dict[str, bool] = {}

    def answer(self, logged: LoggedList, arm: Arm, *, among: Sequence[str] | None = None) -> Answer:
        """The list that `arm` would have given; with `among`, of these items alone.

        It has at least as many places as the logged one. Errors: those of the `Recommender`.
        """
        self._moment = logged.exposure.time
        page = logged.request.page
        candidates = set(logged.candidates)  # these existed, whatever their fields say now
        first_later = bisect_right(self._since, self._moment)
        later = [item for item in self._offered[first_later:] if item not in candidates]
        limit = len(arm.rules.pins) + 1
        if among is None:
            limit = max(len(logged.items), self._limit if page.limit is None else page.limit)
        page = replace(page, limit=limit, exclude=(*page.exclude, *later), among=among)
        return replace(logged.request, page=page).answer(self._recommender, arm)

    def has(self, ids: Collection[str]) -> bool:
        """Whether all of the items are still in the store."""
        unchecked = [item for item in ids if item not in self._in_store]
        if unchecked:
            records = self._store.retrieve(unchecked, fields=("id",))
            self._in_store |= {item: item in records for item in unchecked}
        return all(self._in_store[item] for item in ids)

    def _now(self) -> float:
        return self._moment


class _CachedEmbedder:
    """The part of an embedder that a `Recommender` uses; a text is embedded once for all arms."""

    def __init__(self, embedder: Embedder) -> None:
        self._embed = lru_cache(TEXTS)(lambda text: embedder.embed_query(text=text))

    def embed_query(self, *, text: str, photo: None) -> dict[str, Floats]:  # noqa: ARG002 - logs hold no photo
        return self._embed(text)


def _offered(store: Store, name: str) -> tuple[list[float], list[str]]:
    """Times when items were first offered, ascending, and their ids; items without a time are left out."""
    offers = [
        (since, record.id)
        for records in store.scan(fields=(name,))
        for record in records
        if (since := seconds(record.payload.get(name))) == since  # NaN: no time
    ]
    if not offers:
        raise EvaluationError(f"no item has a time in the field {name!r}; name another, or none")
    offers.sort()
    return [since for since, _ in offers], [item for _, item in offers]
