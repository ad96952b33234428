"""Searches judged by people's ratings: what is asked, and how the runs stand against each other.

Laws (tests/service/commands/evaluate/test_search.py):
- a run that is written and read back is judged as it was;
- the difference of two runs changes only its sign where the other is the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vlclip.engine.encoding.embedder import Embedder
from vlclip.engine.store.store import Store
from vlclip.ranking.evaluation.retrieval.judged import answer_queries, count_unanswered
from vlclip.ranking.evaluation.retrieval.measures import RELEVANT, Qrels, Run, condense, measure_run
from vlclip.ranking.evaluation.retrieval.run_names import check_names, check_reference
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import PLAIN, Recommender
from vlclip.ranking.settings import Search
from vlclip.ranking.statistics.arrays import Values
from vlclip.ranking.statistics.significance import Standing, standings


@dataclass(frozen=True, slots=True)
class SearchVariant:
    """A way to search: the arm that ranks, and the weights of the score's parts."""

    arm: Arm
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """The ratings, the ways to search by run, runs of other engines, and how all of them are judged.

    `texts` are those of the judged queries. `against` is the run that the others are held to. The first `k`
    places are judged, of lists `depth` long; `relevant` is the grade from which an item is relevant.
    """

    qrels: Qrels
    texts: Mapping[str, str]
    variants: Mapping[str, SearchVariant]
    others: Mapping[str, Run]
    against: str
    k: int = 10
    depth: int = 100
    relevant: float = RELEVANT

    @property
    def searches(self) -> int:
        """How many searches the plan asks."""
        return len(self.variants) * len(self.texts)

    @property
    def judged_items(self) -> list[str]:
        """Every rated item once."""
        return list(dict.fromkeys(item for items in self.qrels.values() for item in items))


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReport:
    """How the runs stand by measure, and numbers of queries, ratings and rated items.

    `without_relevant` queries have no relevant item; `unanswered` are queries with an empty list, by run.
    """

    plan: SearchPlan
    standings: Mapping[str, Mapping[str, Standing]]
    unanswered: Mapping[str, int]
    queries: int
    ratings: int
    without_relevant: int
    items: int
    not_in_store: int


def search_variants(
    weights: Mapping[str, float], lexical: Sequence[float], arms: Iterable[Arm]
) -> dict[str, SearchVariant]:
    """The plain search, one for each weight of matching words, and one for each arm, by run.

    `EvaluationError` where two have one name.
    """
    variants = [(PLAIN.id, SearchVariant(PLAIN, weights))]
    variants += [
        (f"lexical={weight:g}", SearchVariant(PLAIN, {**weights, "lexical": weight})) for weight in lexical
    ]
    variants += [(arm.id, SearchVariant(arm, weights)) for arm in arms]
    check_names(name for name, _ in variants)
    return dict(variants)


def reference_run(against: str | None, names: Sequence[str]) -> str:
    """The run that the others are held to, by default the first; checked before minutes go into the runs.

    `EvaluationError` where two runs have one name, or none has that of the reference.
    """
    check_names(names)
    check_reference(against, names)
    return against or names[0]


def answer_searches(
    plan: SearchPlan,
    store: Store,
    load_embedder: Callable[[], Embedder],
    search: Search,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Run]:
    """The run of each variant; `progress` is called after each search."""
    deep_search = search.model_copy(
        update={"max_limit": max(plan.depth, search.max_limit), "group_by": "none"}
    )
    recommender = Recommender(store, load_embedder, deep_search)
    return {
        name: answer_queries(
            recommender, plan.texts, k=plan.k, depth=plan.depth, arm=variant.arm, weights=variant.weights,
            progress=progress,
        )
        for name, variant in plan.variants.items()
    }  # fmt: skip


def judge_searches(plan: SearchPlan, runs: Mapping[str, Run], stored: int) -> SearchReport:
    """The standing of the runs and of those of other engines; `stored` rated items are in the store."""
    qrels, runs = plan.qrels, {**runs, **plan.others}
    items = len(plan.judged_items)
    return SearchReport(
        plan=plan,
        standings=standings({name: _values(run, plan) for name, run in runs.items()}, plan.against),
        unanswered={name: count_unanswered(run, qrels) for name, run in runs.items()},
        queries=len(qrels),
        ratings=sum(map(len, qrels.values())),
        without_relevant=sum(max(grades.values()) < plan.relevant for grades in qrels.values()),
        items=items,
        not_in_store=items - stored,
    )


def _values(run: Run, plan: SearchPlan) -> dict[str, Values]:
    """Every measure of a run, and nDCG of its condensed list after that of the whole one."""
    k, qrels = plan.k, plan.qrels
    names = (f"nDCG@{k}", "MRR", f"P@{k}", f"R@{k}", f"HITS@{k}", "AP", f"Judged@{k}")
    values = measure_run(run, qrels, names, relevant=plan.relevant)
    short = measure_run(condense(run, qrels), qrels, names[:1])
    return {names[0]: values[names[0]], f"{names[0]} condensed": short[names[0]], **values}
