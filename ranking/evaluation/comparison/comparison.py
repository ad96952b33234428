"""Arms compared on the same requests: their lists, how these differ, and what click models expect of them.

The rankings are compared without their chance, since two draws of one ranking would differ. Shoppers have
the history they have today.

Laws (tests/service/commands/test_compare.py):
- an arm does not differ from itself;
- every arm answers a request, or the request is left out for all of them and counted with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import time

import numpy as np

from vlclip.engine.errors import FilterError
from vlclip.engine.store.store import Store
from vlclip.ranking.errors import EmptyQuery, EvaluationError, UnknownItem
from vlclip.ranking.evaluation.click_models.fitting import fit_all
from vlclip.ranking.evaluation.click_models.log import click_log
from vlclip.ranking.evaluation.click_models.proxies import Proxy, proxies
from vlclip.ranking.evaluation.comparison.overlap import Difference, Ranked, difference, means
from vlclip.ranking.evaluation.retrieval.beyond import diversity
from vlclip.ranking.experiments.table import read_exposures
from vlclip.ranking.lists.answer import Answer
from vlclip.ranking.lists.arm import Arm, Exploration
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.lists.request import ListRequest
from vlclip.ranking.lists.vectors import Vectors
from vlclip.ranking.statistics.arrays import Indices
from vlclip.ranking.statistics.bootstrap import Figure

FIELDS = ("price", "popularity")
"""Numbers of an item whose mean over a list is reported, where items have them."""
NAMES = ("title", "product_type")
PART = "part "
"""Prefix of a measure that is a part of the score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmLists:
    """An arm's lists as a whole: their distinct items, as a number and as a share of the store's, and means.

    `measures` are the means of what was measured of each list, by name.
    """

    arm: str
    distinct: int
    coverage: float
    measures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Arms on the same requests; `differences` are those of each arm after the first, from the first.

    `lists` are those of each arm in turn, one for each request. `proxies` are what click models expect of
    each arm, by its name. `perplexity` says how well each model predicts held-out clicks; 1 is perfect.
    `unfitted` says why there are no proxies although a log was given. `titles` are by item.
    """

    limit: int
    requests: tuple[ListRequest, ...]
    arms: tuple[ArmLists, ...]
    differences: tuple[Difference, ...]
    lists: tuple[tuple[tuple[str, ...], ...], ...]
    titles: Mapping[str, str]
    left_out: Mapping[str, int]
    proxies: Mapping[str, tuple[Proxy, ...]]
    perplexity: Mapping[str, float]
    unfitted: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """One request: each arm's answer, what was measured of it, and the items of the logged list, if any."""

    request: ListRequest
    answers: tuple[Answer, ...]
    measures: tuple[Mapping[str, float], ...]
    logged: tuple[str, ...]


def compare_arms(
    recommender: Recommender,
    store: Store,
    arms: Sequence[Arm],
    requests: Sequence[ListRequest],
    *,
    limit: int,
    log: Path | None = None,
    logged: Sequence[tuple[str, ...]] = (),
    progress: Callable[[], None] = lambda: None,
) -> Comparison:
    """The arms' first `limit` results on the requests; the others are compared with the first arm.

    `logged` are the items of the logged lists, for the last of the requests; then click models are fitted on
    `log`. `EvaluationError` where no request can be answered.
    """
    vectors, left_out = Vectors(store, time, 20_000), Counter[str]()
    lists = [()] * (len(requests) - len(logged)) + list(logged)
    unexploring = [arm.model_copy(update={"exploration": Exploration()}) for arm in arms]
    rows: list[_Row] = []
    for request, items in zip(requests, lists, strict=True):
        answers = _answers(recommender, unexploring, request, limit)
        if isinstance(answers, str):
            left_out[answers] += 1
        else:
            rows.append(_Row(request, answers, tuple(_measures(each, vectors) for each in answers), items))
        progress()
    if not rows:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        raise EvaluationError(
            f"nothing is left to compare on ({reasons or 'no contexts'}); give other contexts"
        )
    unit = _units([row.request for row in rows])
    rankings = [_ranked(f"{arm.id}@{arm.hash}", rows, place) for place, arm in enumerate(arms)]
    expected: dict[str, tuple[Proxy, ...]] = {}
    perplexity: dict[str, float] = {}
    unfitted = ""
    if log and any(row.logged for row in rows):
        try:
            expected, perplexity = _expected(rankings, rows, unit, log)
        except EvaluationError as error:  # with too few clicks the other figures still count
            unfitted = str(error)
    return Comparison(
        limit=limit,
        requests=tuple(row.request for row in rows),
        arms=tuple(_lists(ranked, unit, store.count()) for ranked in rankings),
        differences=tuple(difference(rankings[0], ranked, unit, limit) for ranked in rankings[1:]),
        lists=tuple(tuple(tuple(items) for items in ranked.lists) for ranked in rankings),
        titles=_titles(store, rows),
        left_out=dict(left_out),
        proxies=expected,
        perplexity=perplexity,
        unfitted=unfitted,
    )


def _answers(
    recommender: Recommender, arms: Sequence[Arm], request: ListRequest, limit: int
) -> tuple[Answer, ...] | str:
    """One answer for each arm, or why the request is left out."""
    request = replace(request, page=replace(request.page, limit=limit))
    answers = []
    for arm in arms:
        try:
            answers.append(request.answer(recommender, arm))
        except EmptyQuery:
            answers.append(Answer((), arm))
        except UnknownItem:
            return "items that are not in the store"
        except FilterError:
            return "filters that do not fit the store"
    return tuple(answers)


def _measures(answer: Answer, vectors: Vectors) -> dict[str, float]:
    """Means over a list; a measure that none of its items has is absent."""
    values: dict[str, list[float]] = {}
    for result in answer:
        values.setdefault("score", []).append(result.score)
        for name, part in result.parts.items():
            values.setdefault(PART + name, []).append(part)
        for name in FIELDS:
            if isinstance(result.item.get(name), int | float):
                values.setdefault(name, []).append(float(result.item[name]))
    measures = {name: float(np.mean(numbers)) for name, numbers in values.items()}
    rows = list(vectors.get([result.id for result in answer]).values())
    if len(rows) > 1:
        measures["diversity"] = float(diversity(np.arange(len(rows))[None], np.stack(rows))[0])
    return measures


def _ranked(name: str, rows: Sequence[_Row], arm: int) -> Ranked:
    """The arm's lists; a part that no item of a list has adds nothing to its scores, so it counts as 0."""
    names = sorted({measure for row in rows for measures in row.measures for measure in measures})
    return Ranked(
        arm=name,
        lists=[tuple(result.id for result in row.answers[arm]) for row in rows],
        measures={
            name: np.array(
                [
                    row.measures[arm].get(name, 0.0 if name.startswith(PART) and row.answers[arm] else np.nan)
                    for row in rows
                ]
            )
            for name in names
        },
    )


def _titles(store: Store, rows: Sequence[_Row]) -> dict[str, str]:
    """Titles of the items in the lists and of the anchors."""
    anchors = store.retrieve([row.request.anchor for row in rows if row.request.anchor], fields=NAMES)
    payloads = {item: record.payload for item, record in anchors.items()}
    payloads |= {result.id: result.item for row in rows for answer in row.answers for result in answer}
    return {
        item: str(next((payload[name] for name in NAMES if payload.get(name)), ""))
        for item, payload in payloads.items()
    }


def _lists(ranked: Ranked, unit: Indices, items: int) -> ArmLists:
    distinct = len({item for row in ranked.lists for item in row})
    figures = means(list(ranked.measures.values()), unit) if ranked.measures else []
    return ArmLists(
        arm=ranked.arm,
        distinct=distinct,
        coverage=distinct / items,
        measures=dict(zip(ranked.measures, figures, strict=True)),
    )


def _units(requests: Sequence[ListRequest]) -> Indices:
    """The unit of each request as a number from 0; each request of nobody is a unit of its own."""
    numbers: dict[str | int, int] = {}
    keys = (request.unit or row for row, request in enumerate(requests))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def _expected(
    rankings: Sequence[Ranked], rows: Sequence[_Row], unit: Indices, log: Path
) -> tuple[dict[str, tuple[Proxy, ...]], dict[str, float]]:
    """What click models fitted on the log expect of each arm where a list was logged, cut to its length."""
    places = [place for place, row in enumerate(rows) if row.logged]
    clicks = click_log(read_exposures(log))
    fitted = fit_all(clicks)
    lengths = [
        min(len(rows[place].logged), max(len(ranked.lists[place]) for ranked in rankings)) for place in places
    ]
    logged = clicks.lists_of([rows[place].logged[:k] for place, k in zip(places, lengths, strict=True)])
    expected = {}
    for ranked in rankings:
        lists = clicks.lists_of([ranked.lists[place][:k] for place, k in zip(places, lengths, strict=True)])
        expected[ranked.arm] = tuple(
            proxy for model, _ in fitted for proxy in proxies(model, lists, logged, unit[places])
        )
    return expected, {model.behaviour.name: perplexity for model, perplexity in fitted}
