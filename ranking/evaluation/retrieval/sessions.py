"""Would people have been shown what they took next? Histories less their last item, ranked from a store.

The recommender answers each user from what they took before, out of a history in memory, as it would have
that day; beside it two answers that any recommender has to beat: what is most popular, and what is like the
newest item.

Laws (tests/ranking/evaluation/retrieval/test_sessions.py):
- nothing of a held out item is known to any answer: neither the history nor the popularity counts it;
- the order of a history is its file's, or its times'; rows in another order give the same;
- the recommender of a history of one item, with no rules, answers as the newest item alone does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from vlclip.engine.store.store import Store
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.beyond import (
    Counts,
    Slice,
    coverage,
    diversity,
    exposure,
    gini,
    novelty,
    popularity,
    slices,
)
from vlclip.ranking.evaluation.retrieval.judged import column, rows
from vlclip.ranking.evaluation.retrieval.measures import measured
from vlclip.ranking.history.events import Event, unit_of
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search
from vlclip.ranking.statistics.arrays import Indices, Values

NOW = 1_700_000_000.0
"""When it is asked; what was taken before was so in the seconds before."""
CHUNK = 1000

Histories = Mapping[str, Sequence[str]]
"""Item ids by user, oldest first."""
Answered = Mapping[str, Sequence[str]]
"""Ranked item ids by user."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Histories without their last item, and that item, by user; ids are all of the store's, `(items,)`.

    Left out are users whose last item is not in the store; `repeated` had taken it before.
    """

    before: dict[str, list[str]]
    wanted: dict[str, str]
    ids: list[str]
    left_out: int
    repeated: int

    @property
    def counts(self) -> Counts:
        """How often each item of the store was taken, less what is held out: `(items,)`."""
        taken = Counter(item for items in self.before.values() for item in items)
        return np.array([taken[item] for item in self.ids], dtype=np.int64)

    def first(self, users: int | None) -> HeldOut:
        """The first users alone are asked about; what the others took before still counts."""
        return self if users is None else replace(self, wanted=dict(list(self.wanted.items())[:users]))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one way to answer did: `values` `(users,)` by measure, and figures of all lists together.

    Slices are of HITS@k, by how often the wanted item was taken before, and by the user's items before.
    """

    values: dict[str, Values]
    coverage: float
    gini: float
    by_item: list[Slice]
    by_user: list[Slice]


def read_histories(path: Path) -> dict[str, list[str]]:
    """Item ids by user, oldest first: a JSON object of lists, or CSV, TSV or JSON lines, a row for an item.

    Rows have columns for user and item, guessed by name, and perhaps a time, as a number or ISO 8601; without
    one the order of the file counts. `EvaluationError` says what cannot be read.
    """
    if path.suffix == ".json":
        try:
            form = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise EvaluationError(f"{path} cannot be read: {error}") from None
        if not isinstance(form, dict) or not all(isinstance(items, list) for items in form.values()):
            raise EvaluationError(f"{path} must be an object of lists: user to item ids, oldest first")
        return {str(user): [str(item) for item in items] for user, items in form.items()}
    found: dict[str, list[tuple[float, str]]] = {}
    for number, row in rows(path):
        user, item = (str(row[column(row, field, path)]) for field in ("user", "item"))
        if not user or not item:
            raise EvaluationError(f"{path}, line {number}: a user and an item are needed; drop the line")
        time = column(row, "time", path, needed=False)
        found.setdefault(user, []).append((_seconds(row[time], path, number) if time else 0.0, item))
    return {
        user: [item for _, item in sorted(taken, key=lambda one: one[0])] for user, taken in found.items()
    }


def hold_out(histories: Histories, store: Store) -> HeldOut:
    """Every history's last item apart from it; items that the store does not have are passed over.

    `EvaluationError` where nobody is left.
    """
    ids = [record.id for batch in store.scan(fields=("id",)) for record in batch]
    known = set(ids)
    before: dict[str, list[str]] = {}
    wanted: dict[str, str] = {}
    for user, items in histories.items():
        if items and items[-1] in known:
            before[user], wanted[user] = [item for item in items[:-1] if item in known], items[-1]
    if not wanted:
        raise EvaluationError(
            "no user's last item is in the store; ingest the catalogue of these histories, or check the ids"
        )
    repeated = sum(item in before[user] for user, item in wanted.items())
    return HeldOut(before, wanted, sorted(ids), len(histories) - len(wanted), repeated)


@contextmanager
def recommender_for(held: HeldOut, store: Store, search: Search, depth: int) -> Iterator[Recommender]:
    """The recommender, knowing what was taken before; lists may be `depth` long."""
    roomy = search.model_copy(update={"max_limit": max(depth, search.max_limit)})
    with closing(SqliteHistory(None)) as history:
        history.add(
            [
                Event(id=f"{user} {n}", kind="view", item=item, time=NOW - len(items) + n, user=user)
                for user, items in held.before.items()
                for n, item in enumerate(items)
            ]
        )
        yield Recommender(store, _no_encoder, roomy, history, lambda: NOW)


def recommended(
    held: HeldOut,
    recommender: Recommender,
    arm: Arm,
    depth: int,
    *,
    weights: Mapping[str, float] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, list[str]]:
    """The recommender's answer to every user, `depth` long, by an arm's profile and rules."""
    page, out = Page(limit=depth), {}
    for user in held.wanted:
        found = recommender.recommend(unit_of(user), weights=weights, page=page, arm=arm)
        out[user] = [one.id for one in found]
        progress()
    return out


def like_the_newest(
    held: HeldOut,
    recommender: Recommender,
    depth: int,
    *,
    weights: Mapping[str, float] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, list[str]]:
    """What is similar to every user's newest item, less what they had; nothing for who has none."""
    out: dict[str, list[str]] = {}
    for user in held.wanted:
        if items := held.before[user]:
            page = Page(limit=depth, exclude=tuple(dict.fromkeys(items)))
            out[user] = [one.id for one in recommender.similar(items[-1], weights=weights, page=page)]
        progress()
    return out


def most_popular(held: HeldOut, depth: int) -> dict[str, list[str]]:
    """What was taken most often, less what the user had; of equals the smaller id first."""
    order = np.argsort(-held.counts, kind="stable")
    out = {}
    for user in held.wanted:
        own = set(held.before[user])
        first = (held.ids[row] for row in order[: depth + len(own)])
        out[user] = [item for item in first if item not in own][:depth]
    return out


def judged(held: HeldOut, answered: Answered, store: Store, k: int, depth: int) -> Judgement:
    """An answer's measures, of the first `k` of each list and, for MRR, the first `depth`."""
    qrels = {user: {item: 1.0} for user, item in held.wanted.items()}
    run = {user: [(item, 0.0) for item in items] for user, items in answered.items()}
    values = measured(run, qrels, (f"HITS@{k}", f"nDCG@{k}", f"MRR@{depth}"))
    places, counts = {item: row for row, item in enumerate(held.ids)}, held.counts
    lists = np.full((len(held.wanted), k), -1, dtype=np.intp)
    for row, user in enumerate(held.wanted):
        shown = [places[item] for item in answered.get(user, ())[:k]]
        lists[row, : len(shown)] = shown
    values |= {
        f"novelty@{k}": novelty(lists, counts),
        f"diversity@{k}": _diversity(lists, held.ids, store),
        f"popularity@{k}": popularity(lists, counts),
    }
    hits = values[f"HITS@{k}"]
    wanted = counts[[places[item] for item in held.wanted.values()]]
    had = np.array([len(held.before[user]) for user in held.wanted])
    return Judgement(
        values,
        coverage(lists, len(counts)),
        gini(exposure(lists, len(counts))),
        slices(hits, wanted),
        slices(hits, had),
    )


def _diversity(lists: Indices, ids: Sequence[str], store: Store) -> Values:
    """By the vectors of what is shown, which are not all the store has."""
    shown = np.unique(lists[lists >= 0])
    vectors = np.zeros((len(shown), store.info.space.size), dtype=np.float32)
    for start in range(0, len(shown), CHUNK):
        asked = [ids[row] for row in shown[start : start + CHUNK]]
        found = store.retrieve(asked, fields=("id",), with_vector=True)
        for place, item in enumerate(asked, start):
            record = found.get(item)
            if record is not None and record.vector is not None:
                vectors[place] = record.vector
    return diversity(np.where(lists >= 0, np.searchsorted(shown, lists), -1), vectors)


def _seconds(value: Any, path: Path, number: int) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        raise EvaluationError(
            f"{path}, line {number}: the time {value!r} is neither a number nor ISO 8601"
        ) from None


def _no_encoder() -> Any:
    raise AssertionError("recommendations and similar items are asked without an encoder")
