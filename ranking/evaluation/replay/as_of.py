"""A shop as it was at a moment that is over: what had been done by then, and which items there were.

What was asked then is asked again, with the same clock. What cannot be brought back is the items' fields and
vectors: they are those of now, and an item that is gone is gone.

Laws (tests/ranking/evaluation/replay/test_as_of.py):
- what is done after the moment changes nothing, in whatever order moments are asked;
- an item that was first offered later is in no list.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from vlclip.engine.encoding.embedder import Embedder
from vlclip.engine.space import Floats
from vlclip.engine.store.store import Store
from vlclip.ranking.errors import EvaluationError, HistoryError
from vlclip.ranking.evaluation.replay.contexts import Context
from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.history import History
from vlclip.ranking.lists.answer import Answer
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.boosts import seconds
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search

WORDS_KEPT = 2000
"""Searches whose vectors are kept: each is asked of every arm, and many again and again."""
MOST = 10_000
"""Results that may be asked for: what a service allows is no matter here."""
READ_ONLY = "a history as of a moment is only read; change the history it was made from"


class PastHistory:
    """A `History` of which only what had happened by a moment is seen; nothing is written to it."""

    def __init__(self, history: History, moment: Callable[[], float]) -> None:
        self._history, self._moment = history, moment

    def _until(self, before: float | None) -> float:
        return self._moment() if before is None else min(before, self._moment())

    def recent(self, unit: str, limit: int, *, before: float | None = None) -> list[Event]:
        """The newest events of a unit by then."""
        return self._history.recent(unit, limit, before=self._until(before))

    def popular(
        self, kinds: Mapping[Kind, float], limit: int, *, since: float = 0.0, before: float | None = None
    ) -> dict[str, float]:
        """The items people had done most with by then."""
        return self._history.popular(kinds, limit, since=since, before=self._until(before))

    def sequences(self, *, before: float | None = None) -> Iterator[tuple[str, list[Event]]]:
        """Every unit with its events by then."""
        return self._history.sequences(before=self._until(before))

    def clicked(self, request_ids: Sequence[str]) -> dict[str, list[Event]]:
        """The events that had come of these lists by then."""
        until, found = self._moment(), self._history.clicked(request_ids)
        then = {one: [event for event in events if event.time < until] for one, events in found.items()}
        return {one: events for one, events in then.items() if events}

    def count(self) -> int:
        """How many events there were by then."""
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
        """Nothing: the history belongs to whoever opened it."""


class PastShop:
    """Answers logged lists again, by any arm, as they would have been answered then.

    `exists_since` names a field with the time since when an item has been offered, ISO 8601 or seconds since
    1970; items without one were always there. Without the field all items were. `history` None knows nobody.
    Errors: `EvaluationError` where no item has a time in that field.
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
            lambda: cast("Embedder", _Remembering(load_embedder())),
            search.model_copy(update={"max_limit": MOST}),
            past,
            self._now,
        )
        self._since, self._offered = _offered(store, exists_since) if exists_since else ([], [])
        self._there: dict[str, bool] = {}

    def answer(self, context: Context, arm: Arm, *, among: Sequence[str] | None = None) -> Answer:
        """The list that `arm` would have given, of these items alone where `among` is given.

        It has at least as many places as the logged one. Errors: those of the `Recommender`.
        """
        self._moment = context.exposure.time
        page = context.page
        known = set(context.candidates)  # those were there, whatever their fields say now
        later = [one for one in self._offered[bisect_right(self._since, self._moment) :] if one not in known]
        limit = len(arm.rules.pins) + 1
        if among is None:
            limit = max(len(context.shown), self._limit if page.limit is None else page.limit)
        page = replace(page, limit=limit, exclude=(*page.exclude, *later), among=among)
        asked: Mapping[str, Any] = {"weights": context.weights, "page": page, "arm": arm}
        if context.kind == "similar":
            return self._recommender.similar(context.anchor, shopper=context.shopper, **asked)
        if context.kind == "search":
            return self._recommender.search(context.text, shopper=context.shopper, **asked)
        return self._recommender.recommend(context.shopper, **asked)

    def has(self, ids: Iterable[str]) -> bool:
        """Whether all of the items are still in the store."""
        asked = list(ids)
        new = [one for one in asked if one not in self._there]
        if new:
            found = self._store.retrieve(new, fields=("id",))
            self._there |= {one: one in found for one in new}
        return all(self._there[one] for one in asked)

    def _now(self) -> float:
        return self._moment


class _Remembering:
    """What a `Recommender` asks of an embedder, which is asked for the same words by every arm."""

    def __init__(self, embedder: Embedder) -> None:
        self._asked = lru_cache(WORDS_KEPT)(lambda text: embedder.embed_query(text=text))

    def embed_query(self, *, text: str, photo: None) -> dict[str, Floats]:  # noqa: ARG002 - no photo is kept
        return self._asked(text)


def _offered(store: Store, name: str) -> tuple[list[float], list[str]]:
    """When items were first offered, earliest first, and their ids; those without a time are left out."""
    found = [
        (since, record.id)
        for records in store.scan(fields=(name,))
        for record in records
        if (since := seconds(record.payload.get(name))) == since  # NaN: no time
    ]
    if not found:
        raise EvaluationError(f"no item has a time in the field {name!r}; name another, or none")
    found.sort()
    return [since for since, _ in found], [item_id for _, item_id in found]
