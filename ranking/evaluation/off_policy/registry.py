"""All estimators by name, each as its own file describes it.

Laws (tests/ranking/evaluation/off_policy/test_registry.py):
- an estimator that is added here is computed, checked and chosen by what its description says;
- every description is a row of the table in docs/off_policy.md.
"""

from __future__ import annotations

from typing import Any

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.estimator import Estimator
from vlclip.ranking.evaluation.off_policy.lists import LIST_ESTIMATORS
from vlclip.ranking.evaluation.off_policy.log import Choices, ListLog
from vlclip.ranking.evaluation.off_policy.single import CHOICE_ESTIMATORS
from vlclip.ranking.evaluation.off_policy.terms import Terms

ESTIMATORS: dict[str, Estimator[Any]] = {
    estimator.name: estimator for estimator in (*CHOICE_ESTIMATORS, *LIST_ESTIMATORS)
}


def find_estimator(name: str) -> Estimator[Any]:
    """The description of an estimator. Errors: `EvaluationError` for an unknown name."""
    if name not in ESTIMATORS:
        raise EvaluationError(
            f"There is no estimator {name!r}: describe it beside its function and add it to the registry, "
            f"or take one of {', '.join(ESTIMATORS)}."
        )
    return ESTIMATORS[name]


def compute_terms(log: Choices | ListLog) -> list[Terms]:
    """The terms of every estimator that reads this log. Errors: `EvaluationError` for a broken log."""
    return [estimator.evaluate(log) for estimator in ESTIMATORS.values() if estimator.reads(log)]
