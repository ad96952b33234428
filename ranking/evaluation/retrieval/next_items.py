"""Recommendations judged by the item that each user took next: the lists of arms and of two baselines.

Laws (tests/service/commands/evaluate/test_sessions.py): every run is judged on the same users, and the
baselines stand beside the arms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from vlclip.engine.store.store import Store
from vlclip.ranking.evaluation.retrieval.run_names import check_names, check_reference
from vlclip.ranking.evaluation.retrieval.sessions import (
    HeldOut,
    Judgement,
    RankedItems,
    judge_lists,
    recommend_like_newest,
    recommend_lists,
    recommend_popular,
    recommender_for,
)
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import PLAIN
from vlclip.ranking.settings import Search
from vlclip.ranking.statistics.significance import Standing, standings

NEWEST, POPULAR = "newest item", "popular"


@dataclass(frozen=True, slots=True, kw_only=True)
class NextItemPlan:
    """The arms to judge by run, and how; `against` is the run that the others are held to.

    `weights` are those of the score's parts. The first `k` places are judged, of lists `depth` long.
    """

    arms: Mapping[str, Arm]
    against: str
    weights: Mapping[str, float] = field(default_factory=dict)
    k: int = 10
    depth: int = 100

    def list_count(self, held_out: HeldOut) -> int:
        """How many lists are asked for: by every arm, and by the newest item, one for each user."""
        return (len(self.arms) + 1) * len(held_out.next_item)


@dataclass(frozen=True, slots=True)
class NextItemReport:
    """The judgement of each run's lists, and how the runs stand by measure."""

    plan: NextItemPlan
    held_out: HeldOut
    judgements: Mapping[str, Judgement]
    standings: Mapping[str, Mapping[str, Standing]]


def next_item_plan(
    arms: Iterable[Arm], against: str | None, weights: Mapping[str, float], *, k: int, depth: int
) -> NextItemPlan:
    """The plain ranking and other arms, with lists at least `k` long.

    `EvaluationError` where two runs have one name, or none has that of the reference.
    """
    ranked_by = [PLAIN, *arms]
    names = [*(arm.id for arm in ranked_by), NEWEST, POPULAR]
    check_names(names)
    check_reference(against, names)
    return NextItemPlan(
        arms={arm.id: arm for arm in ranked_by}, against=against or PLAIN.id, weights=weights, k=k,
        depth=max(k, depth),
    )  # fmt: skip


def answer_users(
    plan: NextItemPlan,
    held_out: HeldOut,
    store: Store,
    search: Search,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, RankedItems]:
    """The lists of each run by user; `progress` is called after each list."""
    depth, weights = plan.depth, plan.weights
    with recommender_for(held_out, store, search, depth) as recommender:
        lists: dict[str, RankedItems] = {
            name: recommend_lists(held_out, recommender, arm, depth, weights=weights, progress=progress)
            for name, arm in plan.arms.items()
        }
        lists[NEWEST] = recommend_like_newest(
            held_out, recommender, depth, weights=weights, progress=progress
        )
    lists[POPULAR] = recommend_popular(held_out, depth)
    return lists


def judge_users(
    plan: NextItemPlan, held_out: HeldOut, lists: Mapping[str, RankedItems], store: Store
) -> NextItemReport:
    """How good the lists of each run are, and how the runs stand against each other."""
    judgements = {
        name: judge_lists(held_out, ranked, store, plan.k, plan.depth) for name, ranked in lists.items()
    }
    values = {name: judgement.values for name, judgement in judgements.items()}
    return NextItemReport(plan, held_out, judgements, standings(values, plan.against))
