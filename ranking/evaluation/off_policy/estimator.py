"""What an estimator is: its formula, what it takes for granted, and how far it may be trusted.

Each estimator is described once, beside its function in `single.py` or `lists.py`. Checks, the choice of the
estimator to look at first, reports and the table in docs/off_policy.md all read that description.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from vlclip.ranking.evaluation.off_policy.log import Choices, ListLog
from vlclip.ranking.evaluation.off_policy.terms import Terms
from vlclip.ranking.statistics.arrays import Values

Log = TypeVar("Log", Choices, ListLog)
Reach = Literal["own item", "items above", "whole list"]
"""How much of a list the reward of a place may depend on: its item; that and those above it; all items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator(Generic[Log]):
    """The description of one estimator of logs of type `log`.

    `evaluate` gives its terms on a log, with its parameter tuned where it has one. `assumes` says in one
    sentence what must hold for it to be right. `formula` and `when`, what it is good for, are for the docs.
    `columns` are those of the log that it needs beside rewards and the probabilities of what was logged.

    `importance_weighted` means that it weighs rows by target / propensity: it is right where propensities are
    right and support is full. `self_normalised` means that it divides by the mean of these weights. `tuned`
    means that a parameter is chosen for the least error; its interval does not know the bias of that.
    `reach` is None for single choices.
    """

    name: str
    log: type[Log]
    evaluate: Callable[[Log], Terms]
    formula: str
    assumes: str
    when: str
    columns: tuple[str, ...] = ()
    importance_weighted: bool = True
    self_normalised: bool = False
    tuned: bool = False
    reach: Reach | None = None

    @property
    def needs_model(self) -> bool:
        """Whether it needs a reward model."""
        return "predicted" in self.columns

    @property
    def trusted(self) -> bool:
        """Whether its interval covers all its error, so that it may be looked at first."""
        return self.importance_weighted and not self.tuned

    def reads(self, log: Choices | ListLog) -> bool:
        """Whether a log is of its kind and has columns for it; `evaluate` refuses half a set."""
        if not isinstance(log, self.log):
            return False
        return not self.columns or any(getattr(log, name) is not None for name in self.columns)

    def terms(
        self,
        *,
        plain: Values | None = None,
        above: Values | None = None,
        below: Values | None = None,
        weights: Values | None = None,
        parameters: Mapping[str, float] | None = None,
    ) -> Terms:
        """Its terms, as `Terms` describes them, under its name and with what it assumes."""
        return Terms(
            estimator=self.name,
            assumes=self.assumes,
            plain=plain,
            above=above,
            below=below,
            weights=weights,
            parameters=parameters or {},
        )
