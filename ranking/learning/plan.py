"""Which lists weights are learned from, and the arm that they go into."""

from __future__ import annotations

from dataclasses import dataclass

from vlclip.ranking.experiments.log import SqliteExposures
from vlclip.ranking.experiments.outcome import joined
from vlclip.ranking.history.history import History
from vlclip.ranking.learning.rows import ClickEvidence, evidence
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPlan:
    """The arm whose weights are learned, the arms whose boosts are known, and the lists to learn from.

    Times are in seconds since 1970, UTC; `experiment` is the id of the only experiment to learn from.
    """

    base: Arm
    arms: tuple[Arm, ...] = ()
    since: float | None = None
    until: float | None = None
    experiment: str | None = None


def read_evidence(plan: LearningPlan, log: SqliteExposures, history: History) -> ClickEvidence:
    """What log and history say of the base arm's weights; `EvaluationError` if no list can be used."""
    lists = log.scan(since=plan.since, until=plan.until, experiment=plan.experiment)
    return evidence(joined(lists, history), plan.base, [*plan.arms, PLAIN])
