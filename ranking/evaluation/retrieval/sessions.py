"""Would people have been shown what they took next? Histories without their last item, and lists for them.

The recommender answers each user from their earlier items, with a history in memory. Two answers that any
recommender has to beat stand beside it: the most popular items, and those similar to the newest item.

Laws (tests/ranking/evaluation/retrieval/test_sessions.py):
- no answer knows a held out item: neither the history nor the popularity counts it;
- neither the order of the users nor that of their rows changes a figure;
- for a history of one item and without rules, the recommender answers with what is similar to that item.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vlclip.engine.store.store import Store
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.beyond import (
    Counts,
    FrequencySlice,
    coverage,
    diversity,
    exposure,
    gini,
    novelty,
    popularity,
    slices,
)
from vlclip.ranking.evaluation.retrieval.measures import measure_run
from vlclip.ranking.history.events import Event, unit_of
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search
from vlclip.ranking.statistics.arrays import Indices, Values

NOW = 1_700_000_000.0
"""The time of all requests; earlier items were taken in the seconds before it."""
CHUNK = 1000

Histories = Mapping[str, Sequence[str]]
"""Item ids by user, oldest first."""
RankedItems = Mapping[str, Sequence[str]]
"""Ranked item ids by user."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Histories without their last item, and that `next_item`, by user; `ids` are all of the store's.

    `left_out` users have a last item that is not in the store; `repeated` users had taken it before.
    """

    before: dict[str, list[str]]
    next_item: dict[str, str]
    ids: list[str]
    left_out: int
    repeated: int

    @property
    def counts(self) -> Counts:
        """How often each item of the store was taken, without held out items: `(items,)`."""
        times = Counter(item for items in self.before.values() for item in items)
        return np.array([times[item] for item in self.ids], dtype=np.int64)

    def first(self, users: int | None) -> HeldOut:
        """The same with the first users only, in the order of their names; what others took still counts.

        The order is that of the names, so that intervals do not hang on the order of a file.
        """
        return replace(self, next_item=dict(sorted(list(self.next_item.items())[:users])))


@dataclass(frozen=True, slots=True)
class Judgement:
    """How good one set of lists is: `values` `(users,)` by measure, and figures of all lists together.

    Slices are of HITS@k, by how often the next item was taken before, and by the user's items before.
    """

    values: dict[str, Values]
    coverage: float
    gini: float
    by_item: list[FrequencySlice]
    by_user: list[FrequencySlice]


def hold_out(histories: Histories, store: Store) -> HeldOut:
    """Every history split into its last item and those before; items missing in the store are skipped.

    `EvaluationError` where no user is left.
    """
    ids = [record.id for batch in store.scan(fields=("id",)) for record in batch]
    in_store = set(ids)
    before: dict[str, list[str]] = {}
    next_item: dict[str, str] = {}
    for user, items in histories.items():
        if items and items[-1] in in_store:
            before[user], next_item[user] = [item for item in items[:-1] if item in in_store], items[-1]
    if not next_item:
        raise EvaluationError(
            "no user's last item is in the store; ingest the catalogue of these histories, or check the ids"
        )
    repeated = sum(item in before[user] for user, item in next_item.items())
    return HeldOut(before, next_item, sorted(ids), len(histories) - len(next_item), repeated)


@contextmanager
def recommender_for(held_out: HeldOut, store: Store, search: Search, depth: int) -> Iterator[Recommender]:
    """A recommender whose history is the earlier items; its lists may be `depth` long."""
    deep_search = search.model_copy(update={"max_limit": max(depth, search.max_limit), "group_by": "none"})
    with closing(SqliteHistory(None)) as history:
        history.add(
            [
                Event(id=f"{user} {n}", kind="view", item=item, time=NOW - len(items) + n, user=user)
                for user, items in held_out.before.items()
                for n, item in enumerate(items)
            ]
        )
        yield Recommender(store, _no_encoder, deep_search, history, lambda: NOW)


def recommend_lists(
    held_out: HeldOut,
    recommender: Recommender,
    arm: Arm,
    depth: int,
    *,
    weights: Mapping[str, float] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, list[str]]:
    """The recommender's answer to every user, `depth` long, by an arm's profile and rules."""
    page, out = Page(limit=depth), {}
    for user in held_out.next_item:
        hits = recommender.recommend(unit_of(user), weights=weights, page=page, arm=arm)
        out[user] = [hit.id for hit in hits]
        progress()
    return out


def recommend_like_newest(
    held_out: HeldOut,
    recommender: Recommender,
    depth: int,
    *,
    weights: Mapping[str, float] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, list[str]]:
    """The items similar to every user's newest one, without the user's own; no list without a history."""
    out: dict[str, list[str]] = {}
    for user in held_out.next_item:
        if items := held_out.before[user]:
            page = Page(limit=depth, exclude=tuple(dict.fromkeys(items)))
            hits = recommender.similar(items[-1], weights=weights, page=page)
            out[user] = [hit.id for hit in hits]
        progress()
    return out


def recommend_popular(held_out: HeldOut, depth: int) -> dict[str, list[str]]:
    """The items taken most often, without the user's own; of equals the smaller id first."""
    order = np.argsort(-held_out.counts, kind="stable")
    out = {}
    for user in held_out.next_item:
        own = set(held_out.before[user])
        first = (held_out.ids[row] for row in order[: depth + len(own)])
        out[user] = [item for item in first if item not in own][:depth]
    return out


def judge_lists(held_out: HeldOut, ranked: RankedItems, store: Store, k: int, depth: int) -> Judgement:
    """The measures of lists: of their first `k` items and, for MRR, of their first `depth`."""
    qrels = {user: {item: 1.0} for user, item in held_out.next_item.items()}
    run = {user: [(item, 0.0) for item in items] for user, items in ranked.items()}
    values = measure_run(run, qrels, (f"HITS@{k}", f"nDCG@{k}", f"MRR@{depth}"))
    places, counts = {item: row for row, item in enumerate(held_out.ids)}, held_out.counts
    lists = np.full((len(held_out.next_item), k), -1, dtype=np.intp)
    for row, user in enumerate(held_out.next_item):
        row_numbers = [places[item] for item in ranked.get(user, ())[:k]]
        lists[row, : len(row_numbers)] = row_numbers
    values |= {
        f"novelty@{k}": novelty(lists, counts),
        f"diversity@{k}": _diversity(lists, held_out.ids, store),
        f"popularity@{k}": popularity(lists, counts),
    }
    hits = values[f"HITS@{k}"]
    taken_before = counts[[places[item] for item in held_out.next_item.values()]]
    own_items = np.array([len(held_out.before[user]) for user in held_out.next_item])
    return Judgement(
        values,
        coverage(lists, len(counts)),
        gini(exposure(lists, len(counts))),
        slices(hits, taken_before),
        slices(hits, own_items),
    )


def _diversity(lists: Indices, ids: Sequence[str], store: Store) -> Values:
    """The diversity of lists, reading only the vectors of items that are in some list."""
    listed = np.unique(lists[lists >= 0])
    vectors = np.zeros((len(listed), store.info.space.size), dtype=np.float32)
    for start in range(0, len(listed), CHUNK):
        chunk = [ids[row] for row in listed[start : start + CHUNK]]
        records = store.retrieve(chunk, fields=("id",), with_vector=True)
        for place, item in enumerate(chunk, start):
            record = records.get(item)
            if record is not None and record.vector is not None:
                vectors[place] = record.vector
    return diversity(np.where(lists >= 0, np.searchsorted(listed, lists), -1), vectors)


def _no_encoder() -> Any:
    raise AssertionError("recommendations and similar items need no encoder")
