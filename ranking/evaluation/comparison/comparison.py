"""Arms asked the same questions: their lists, how they differ, and what click models expect of them.

Chance in the order is left out: what is compared are the rankings, not two draws of one. Shoppers are as
their history says today.

Laws (tests/service/commands/test_compare.py):
- an arm differs from itself in nothing;
- every context is asked of every arm, or of none and is counted with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time

import numpy as np

from vlclip.engine.errors import FilterError
from vlclip.engine.store.store import Store
from vlclip.ranking.errors import EmptyQuery, EvaluationError, UnknownItem
from vlclip.ranking.evaluation.click_models.fitting import fit_all
from vlclip.ranking.evaluation.click_models.log import click_log
from vlclip.ranking.evaluation.click_models.proxies import Proxy, proxies
from vlclip.ranking.evaluation.comparison.contexts import Context
from vlclip.ranking.evaluation.comparison.overlap import Difference, Ranked, difference, means
from vlclip.ranking.evaluation.retrieval.beyond import diversity
from vlclip.ranking.experiments.table import read_exposures
from vlclip.ranking.lists.answer import Answer
from vlclip.ranking.lists.arm import Arm, Exploration
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.lists.vectors import Vectors
from vlclip.ranking.statistics.arrays import Indices
from vlclip.ranking.statistics.bootstrap import Figure

FIELDS = ("price", "popularity")
"""Numbers of an item whose mean over a list is told, where items have them."""
NAMES = ("title", "product_type")
PART = "part "
"""What the measure of a score's part begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmShown:
    """What an arm shows: how many distinct items, of how many, and the means of what was measured."""

    arm: str
    distinct: int
    coverage: float
    measures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Arms over the same contexts; `differences` are those of each arm after the first, from it.

    `lists` are of each arm in turn, a list a context. `proxies` are what click models expect of each arm,
    by its name, `perplexity` how well the models tell held-out clicks: 1 is perfect; `unfitted` says why
    there are none where there could be. `titles` by item.
    """

    limit: int
    contexts: tuple[Context, ...]
    arms: tuple[ArmShown, ...]
    differences: tuple[Difference, ...]
    lists: tuple[tuple[tuple[str, ...], ...], ...]
    titles: Mapping[str, str]
    left_out: Mapping[str, int]
    proxies: Mapping[str, tuple[Proxy, ...]]
    perplexity: Mapping[str, float]
    unfitted: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One context's answers, an arm each, with what was measured of them and what was logged, if it was."""

    context: Context
    answers: tuple[Answer, ...]
    measures: tuple[Mapping[str, float], ...]
    shown: tuple[str, ...]


def compare_arms(
    recommender: Recommender,
    store: Store,
    arms: Sequence[Arm],
    contexts: Sequence[Context],
    *,
    limit: int,
    log: Path | None = None,
    shown: Sequence[tuple[str, ...]] = (),
    progress: Callable[[], None] = lambda: None,
) -> Comparison:
    """The arms' first `limit` results on the contexts; the first arm is what the others are compared with.

    `shown` are what was logged for the last of the contexts; then click models are fitted on `log`.
    `EvaluationError` where nothing can be asked.
    """
    vectors, left_out = Vectors(store, time, 20_000), Counter[str]()
    logged = [()] * (len(contexts) - len(shown)) + list(shown)
    plain = [arm.model_copy(update={"exploration": Exploration()}) for arm in arms]
    asked: list[_Asked] = []
    for context, known in zip(contexts, logged, strict=True):
        answers = _answers(recommender, plain, context, limit)
        if isinstance(answers, str):
            left_out[answers] += 1
        else:
            asked.append(_Asked(context, answers, tuple(_measured(one, vectors) for one in answers), known))
        progress()
    if not asked:
        reasons = ", ".join(f"{count:,} {why}" for why, count in left_out.items())
        raise EvaluationError(
            f"nothing is left to compare on ({reasons or 'no contexts'}); give other contexts"
        )
    unit = _units([one.context for one in asked])
    ranked = [_ranked(f"{arm.id}@{arm.hash}", asked, row) for row, arm in enumerate(arms)]
    expected: dict[str, tuple[Proxy, ...]] = {}
    perplexity: dict[str, float] = {}
    unfitted = ""
    if log and any(one.shown for one in asked):
        try:
            expected, perplexity = _expected(ranked, asked, unit, log)
        except EvaluationError as error:  # too few clicks are no reason to keep the rest back
            unfitted = str(error)
    return Comparison(
        limit=limit,
        contexts=tuple(one.context for one in asked),
        arms=tuple(_shown(one, unit, store.count()) for one in ranked),
        differences=tuple(difference(ranked[0], one, unit, limit) for one in ranked[1:]),
        lists=tuple(tuple(tuple(one) for one in each.lists) for each in ranked),
        titles=_titles(store, asked),
        left_out=dict(left_out),
        proxies=expected,
        perplexity=perplexity,
        unfitted=unfitted,
    )


def _answers(
    recommender: Recommender, arms: Sequence[Arm], context: Context, limit: int
) -> tuple[Answer, ...] | str:
    """An answer an arm, or why the context is left out."""
    answers = []
    for arm in arms:
        try:
            answers.append(context.ask(recommender, arm, limit))
        except EmptyQuery:
            answers.append(Answer((), arm))
        except UnknownItem:
            return "items that are not in the store"
        except FilterError:
            return "filters that do not fit the store"
    return tuple(answers)


def _measured(answer: Answer, vectors: Vectors) -> dict[str, float]:
    """Means over a list; what none of its items has is absent."""
    values: dict[str, list[float]] = {}
    for result in answer:
        values.setdefault("score", []).append(result.score)
        for name, part in result.parts.items():
            values.setdefault(PART + name, []).append(part)
        for name in FIELDS:
            if isinstance(result.item.get(name), int | float):
                values.setdefault(name, []).append(float(result.item[name]))
    found = {name: float(np.mean(each)) for name, each in values.items()}
    rows = list(vectors.get([result.id for result in answer]).values())
    if len(rows) > 1:
        found["diversity"] = float(diversity(np.arange(len(rows))[None], np.stack(rows))[0])
    return found


def _ranked(name: str, asked: Sequence[_Asked], arm: int) -> Ranked:
    """The arm's lists; a part that no item of a list has adds nothing to its scores, which is 0."""
    names = sorted({measure for one in asked for each in one.measures for measure in each})
    return Ranked(
        arm=name,
        lists=[tuple(result.id for result in one.answers[arm]) for one in asked],
        measures={
            name: np.array(
                [
                    one.measures[arm].get(name, 0.0 if name.startswith(PART) and one.answers[arm] else np.nan)
                    for one in asked
                ]
            )
            for name in names
        },
    )


def _titles(store: Store, asked: Sequence[_Asked]) -> dict[str, str]:
    """What the items that were shown, and those that were started from, are called."""
    anchors = store.retrieve([one.context.anchor for one in asked if one.context.anchor], fields=NAMES)
    shown = {result.id: result.item for one in asked for answer in one.answers for result in answer}
    items = {item: record.payload for item, record in anchors.items()} | shown
    return {
        item: str(next((each[name] for name in NAMES if each.get(name)), "")) for item, each in items.items()
    }


def _shown(ranked: Ranked, unit: Indices, items: int) -> ArmShown:
    distinct = len({item for one in ranked.lists for item in one})
    figures = means(list(ranked.measures.values()), unit) if ranked.measures else []
    return ArmShown(
        arm=ranked.arm,
        distinct=distinct,
        coverage=distinct / items,
        measures=dict(zip(ranked.measures, figures, strict=True)),
    )


def _units(contexts: Sequence[Context]) -> Indices:
    """Whose each context is, by numbers from 0; those of nobody are units of their own."""
    numbers: dict[str | int, int] = {}
    return np.array(
        [numbers.setdefault(one.unit or row, len(numbers)) for row, one in enumerate(contexts)], dtype=np.intp
    )


def _expected(
    ranked: Sequence[Ranked], asked: Sequence[_Asked], unit: Indices, log: Path
) -> tuple[dict[str, tuple[Proxy, ...]], dict[str, float]]:
    """What click models fitted on the log expect of each arm where a list was logged, cut to its length."""
    rows = [row for row, one in enumerate(asked) if one.shown]
    clicks = click_log(read_exposures(log))
    fitted = fit_all(clicks)
    longest = [min(len(asked[row].shown), max(len(one.lists[row]) for one in ranked)) for row in rows]
    seen = clicks.lists_of([asked[row].shown[:k] for row, k in zip(rows, longest, strict=True)])
    found = {}
    for one in ranked:
        lists = clicks.lists_of([one.lists[row][:k] for row, k in zip(rows, longest, strict=True)])
        found[one.arm] = tuple(
            proxy for model, _ in fitted for proxy in proxies(model, lists, seen, unit[rows])
        )
    return found, {model.behaviour.name: perplexity for model, perplexity in fitted}
