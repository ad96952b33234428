"""A log replayed: for every list what each policy makes of it, as the arrays that estimators read.

Policies are replayed on the same lists: one that any of them cannot answer is left out of all, and counted.

Laws (tests/ranking/evaluation/replay/test_replayed.py):
- the policy that made a log has ratios of 1, on every list and place;
- every list of the log is either in every policy's rows or counted with a reason;
- replayed with others or alone, a policy has the same rows for the same lists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.log import ListLog
from vlclip.ranking.evaluation.replay.contexts import BAD_PROPENSITY, Context, read_context
from vlclip.ranking.evaluation.replay.lists import Ids, Lists, Reward, Row, Same, filled, gathered, row_of
from vlclip.ranking.evaluation.replay.policy import Policy, Probabilities
from vlclip.ranking.experiments.outcome import Logged
from vlclip.ranking.statistics.arrays import Values

FEATURES = ("logged_score", "logged_place", "score")
"""What is known of a candidate: see `Replayed.features`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a policy makes of these lists.

    `target` and `place_target` `(n, K)` are its probabilities, as in `ListLog`; the second is None where it
    is not known. `target_next` `(n, K, C)` float32 is the probability of each candidate at each place, given
    the items shown above it. `outside` `(n,)` is the share of its own list that was no candidate, `own` the
    ids of such a list, `scores` `(n, C)` what it ranks candidates by, NaN where it would not show one.
    `left_out` counts lists by reason.
    """

    name: str
    lists: Lists
    target: Values
    place_target: Values | None
    target_next: NDArray[np.float32]
    outside: Values
    own: Ids
    scores: Values
    left_out: Mapping[str, int]

    def log(self, reward: Reward = "clicks") -> ListLog:
        """What list estimators read."""
        lists = self.lists
        return ListLog(
            reward=lists.reward[reward],
            propensity=lists.propensity,
            target=self.target,
            filled=lists.shown,
            place_propensity=lists.place_propensity if self.place_target is not None else None,
            place_target=self.place_target,
            unit=lists.unit,
        )

    @property
    def features(self) -> Values:
        """What a reward model may know of candidates, `(n, C, 3)` by `FEATURES`; 0 for those not there.

        The score and the place, from 0, that they had when the list was made, and the policy's own score,
        the lowest of the list for what it would not show.
        """
        lists = self.lists
        known = np.where(np.isnan(self.scores), np.inf, self.scores)
        lowest = known.min(axis=1, keepdims=True, initial=np.inf)
        own = np.where(np.isfinite(known), known, np.where(np.isfinite(lowest), lowest, 0.0))
        place = np.broadcast_to(np.arange(lists.there.shape[1]), lists.there.shape)
        stacked = np.stack([lists.scores, place, own], axis=2)
        return np.where(lists.there[:, :, None], stacked, 0.0)


def replay(
    logged: Iterable[Logged],
    policies: Sequence[Policy],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Replayed, ...]:
    """What each policy makes of the lists that all can answer, in the order of the log.

    `progress` is told the lists so far. Errors: `EvaluationError` where no list can be replayed.
    """
    left_out = Counter[str]()
    rows: list[Row] = []
    answers: list[list[_Answer]] = [[] for _ in policies]
    ids = Same()
    for count, (one, outcomes) in enumerate(logged, 1):
        context = read_context(one)
        found: list[Probabilities] = []
        why = context if isinstance(context, str) else ""
        if isinstance(context, Context):
            for policy in policies:
                answer = policy.probabilities(context)
                if isinstance(answer, str):
                    why = answer
                    break
                found.append(answer)
        if isinstance(context, Context) and not why:
            row = row_of(context, outcomes, ids)
            why = "" if (row.place_propensity > 0).all() else BAD_PROPENSITY
        if why:
            left_out[why] += 1
        else:
            rows.append(row)
            for of_policy, answer in zip(answers, found, strict=True):
                of_policy.append(_answer(answer, row, ids))
        progress(count)
    if not rows:
        reasons = ", ".join(f"{count:,} ({reason})" for reason, count in left_out.items())
        raise EvaluationError(f"no list can be replayed; left out: {reasons or 'none, the log is empty'}")
    lists = gathered(rows)
    return tuple(
        _replayed(policy.name, lists, of_policy, dict(left_out))
        for policy, of_policy in zip(policies, answers, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What is kept of a policy's probabilities for it."""

    target: Values
    place: Values | None
    next: NDArray[np.float32]
    outside: float
    scores: Values
    own: tuple[str, ...]


def _answer(found: Probabilities, row: Row, ids: Same) -> _Answer:
    return _Answer(
        target=found.next[np.arange(len(row.chosen)), row.chosen],
        place=found.place,
        next=found.next.astype(np.float32),
        outside=found.outside,
        scores=found.scores,
        own=ids.of(found.own),
    )


def _replayed(name: str, lists: Lists, answers: list[_Answer], left_out: Mapping[str, int]) -> Replayed:
    places, candidates = lists.shown.shape, lists.there.shape
    known = [one.place for one in answers if one.place is not None]
    target = filled(np.ones(places), [one.target for one in answers])
    outside = np.array([one.outside for one in answers])
    scores = filled(np.full(candidates, np.nan), [one.scores for one in answers])
    own = tuple(one.own for one in answers)
    place = filled(np.ones(places), known) if len(known) == len(answers) else None
    target_next = np.zeros((*places, candidates[1]), dtype=np.float32)
    for n in range(len(answers) - 1, -1, -1):
        one = answers.pop()  # each is let go of as it is copied, so that memory does not double
        target_next[n, : one.next.shape[0], : one.next.shape[1]] = one.next
    return Replayed(
        name=name, lists=lists, target=target, place_target=place, target_next=target_next, outside=outside,
        own=own, scores=scores, left_out=left_out,
    )  # fmt: skip
