"""A log replayed: the probabilities of each policy for every list, as the arrays that estimators read.

All policies are replayed on the same lists. A list that one of them cannot answer is left out of all of them,
and counted.

Laws (tests/ranking/evaluation/replay/test_replayed.py):
- the policy that made a log has ratios of 1, on every list and place;
- every list of the log is either in every policy's rows or counted with a reason;
- a policy has the same rows for the same lists, replayed alone or with others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.log import ListLog
from vlclip.ranking.evaluation.replay.lists import (
    Ids,
    InternedIds,
    ListRow,
    LoggedLists,
    Reward,
    fill_rows,
    list_row,
    stack_rows,
)  # fmt: skip
from vlclip.ranking.evaluation.replay.logged_list import BAD_PROPENSITY, LoggedList, read_logged_list
from vlclip.ranking.evaluation.replay.policy import Policy, Probabilities
from vlclip.ranking.experiments.outcome import Logged, Outcome
from vlclip.ranking.statistics.arrays import Values

FEATURES = ("logged_score", "logged_place", "score")
"""Features of a candidate: see `ReplayedPolicy.features`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedPolicy:
    """A policy's probabilities for these lists.

    `target` and `place_target` `(n, K)` are as in `ListLog`; the second is None where it is not known.
    `target_next` `(n, K, C)` float32 is the probability of each candidate at each place, given the items
    shown above it. `own` are the ids of the policy's own lists, `outside` `(n,)` the share of each that was
    no candidate. `scores` `(n, C)` are those it ranks candidates by, NaN for one it would not show.
    `left_out` counts lists by reason.
    """

    name: str
    lists: LoggedLists
    target: Values
    place_target: Values | None
    target_next: NDArray[np.float32]
    outside: Values
    own: Ids
    scores: Values
    left_out: Mapping[str, int]

    def log(self, reward: Reward = "clicks") -> ListLog:
        """The log as list estimators read it."""
        lists = self.lists
        return ListLog(
            reward=lists.reward[reward],
            propensity=lists.propensity,
            target=self.target,
            filled=lists.filled,
            place_propensity=lists.place_propensity if self.place_target is not None else None,
            place_target=self.place_target,
            unit=lists.unit,
        )

    @property
    def features(self) -> Values:
        """Features of candidates for a reward model, `(n, C, 3)` by `FEATURES`; 0 where there is none.

        They are the candidate's score and place, from 0, when the list was made, and the policy's own score.
        A candidate that the policy would not show has the lowest score of the list.
        """
        lists = self.lists
        scores = np.where(np.isnan(self.scores), np.inf, self.scores)
        lowest = scores.min(axis=1, keepdims=True, initial=np.inf)
        own = np.where(np.isfinite(scores), scores, np.where(np.isfinite(lowest), lowest, 0.0))
        place = np.broadcast_to(np.arange(lists.is_candidate.shape[1]), lists.is_candidate.shape)
        stacked = np.stack([lists.scores, place, own], axis=2)
        return np.where(lists.is_candidate[:, :, None], stacked, 0.0)


def replay(
    log: Iterable[Logged],
    policies: Sequence[Policy],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[ReplayedPolicy, ...]:
    """Each policy on the lists that all of them can answer, in the order of the log.

    `progress` is called with the number of lists read. Errors: `EvaluationError` where no list can be
    replayed.
    """
    left_out = Counter[str]()
    rows: list[ListRow] = []
    answers: list[list[_Answer]] = [[] for _ in policies]
    ids = InternedIds()
    for count, (exposure, outcomes) in enumerate(log, 1):
        logged = read_logged_list(exposure)
        replayed = logged if isinstance(logged, str) else _answers(logged, outcomes, policies, ids)
        if isinstance(replayed, str):
            left_out[replayed] += 1
        else:
            row, row_answers = replayed
            rows.append(row)
            for column, answer in zip(answers, row_answers, strict=True):
                column.append(answer)
        progress(count)
    if not rows:
        reasons = ", ".join(f"{count:,} ({reason})" for reason, count in left_out.items())
        raise EvaluationError(f"no list can be replayed; left out: {reasons or 'none, the log is empty'}")
    lists = stack_rows(rows)
    return tuple(
        _replayed(policy.name, lists, column, dict(left_out))
        for policy, column in zip(policies, answers, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """The part of a policy's probabilities for a list that stays in memory."""

    target: Values
    place: Values | None
    next: NDArray[np.float32]
    outside: float
    scores: Values
    own: tuple[str, ...]


def _answers(
    logged: LoggedList, outcomes: Sequence[Outcome], policies: Sequence[Policy], ids: InternedIds
) -> tuple[ListRow, list[_Answer]] | str:
    """The list's row and each policy's answer, or why the list is left out."""
    chances = []
    for policy in policies:
        each = policy.probabilities(logged)
        if isinstance(each, str):
            return each
        chances.append(each)
    row = list_row(logged, outcomes, ids)
    if not (row.place_propensity > 0).all():
        return BAD_PROPENSITY
    return row, [_answer(each, row, ids) for each in chances]


def _answer(chances: Probabilities, row: ListRow, ids: InternedIds) -> _Answer:
    return _Answer(
        target=chances.next[np.arange(len(row.chosen)), row.chosen],
        place=chances.place,
        next=chances.next.astype(np.float32),
        outside=chances.outside,
        scores=chances.scores,
        own=ids.intern(chances.own),
    )


def _replayed(
    name: str, lists: LoggedLists, answers: list[_Answer], left_out: Mapping[str, int]
) -> ReplayedPolicy:
    places, candidates = lists.filled.shape, lists.is_candidate.shape
    target = fill_rows(np.ones(places), [answer.target for answer in answers])
    outside = np.array([answer.outside for answer in answers])
    scores = fill_rows(np.full(candidates, np.nan), [answer.scores for answer in answers])
    own = tuple(answer.own for answer in answers)
    at_place = [answer.place for answer in answers if answer.place is not None]
    place_target = fill_rows(np.ones(places), at_place) if len(at_place) == len(answers) else None
    target_next = np.zeros((*places, candidates[1]), dtype=np.float32)
    for n in range(len(answers) - 1, -1, -1):
        chances = answers.pop().next  # released as soon as it is copied, so that memory does not double
        target_next[n, : chances.shape[0], : chances.shape[1]] = chances
    return ReplayedPolicy(
        name=name, lists=lists, target=target, place_target=place_target, target_next=target_next,
        outside=outside, own=own, scores=scores, left_out=left_out,
    )  # fmt: skip
