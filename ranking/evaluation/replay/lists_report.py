"""A replay of logged lists, judged: every list estimator, what click models expect, and the verdict.

Laws (tests/ranking/evaluation/replay/test_lists_report.py):
- the arm that made the log would have earned what it earned;
- the arm that is better in a shop whose truth is known wins, and the truth lies in its interval;
- a log in which nothing was left to chance is refused for any other arm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vlclip.ranking.evaluation.click_models.calibration import Calibration, calibration
from vlclip.ranking.evaluation.click_models.fitting import HELD_OUT, SEED, Fitted, fit_all
from vlclip.ranking.evaluation.click_models.log import ClickLog, click_log
from vlclip.ranking.evaluation.click_models.proxies import Proxy, proxies
from vlclip.ranking.evaluation.off_policy.evidence import Evidence
from vlclip.ranking.evaluation.off_policy.intervals import estimates
from vlclip.ranking.evaluation.off_policy.log import ListLog
from vlclip.ranking.evaluation.off_policy.registry import every_estimator
from vlclip.ranking.evaluation.off_policy.rewards import cascade_model
from vlclip.ranking.evaluation.off_policy.terms import Terms
from vlclip.ranking.evaluation.replay.judging import Candidate, Rows, judged
from vlclip.ranking.evaluation.replay.lists import LoggedLists, Reward
from vlclip.ranking.evaluation.replay.replayed import ReplayedPolicy
from vlclip.ranking.evaluation.replay.report import ReplayReport
from vlclip.ranking.experiments.experiment import Experiment
from vlclip.ranking.experiments.outcome import Logged
from vlclip.ranking.statistics.arrays import Indices, Values
from vlclip.ranking.statistics.bootstrap import Figure

UNKNOWN = Figure(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What else is known of the log the lists are from.

    `shown_at` and `came_at` `(m,)` are the times of lists and of their first clicks, in seconds since 1970,
    NaN without one, `now` that of the replay. `units` are numbers of units by arm, where `shares` of an
    experiment say how many there should be. `clicked` is the log as click models read it.
    """

    source: str
    now: float
    shown_at: Values
    came_at: Values
    clicked: ClickLog
    units: Mapping[str, int] = field(default_factory=dict)
    shares: Sequence[float] = ()


def facts_of(
    logged: Iterable[Logged], *, source: str, now: float, experiment: Experiment | None = None
) -> Facts:
    """The facts of a log that is read once; `now` is in seconds since 1970, UTC."""
    shown_at, came_at, units = list[float](), list[float](), defaultdict[str, set[str]](set)

    def watched() -> Iterator[Logged]:
        for one, outcomes in logged:
            shown_at.append(one.time)
            first = [found.first_click for found in outcomes if found.first_click is not None]
            came_at.append(min(first, default=float("nan")))
            if one.unit:
                units[one.arm.partition("@")[0]].add(one.unit)
            yield one, outcomes

    clicked = click_log(watched())
    arms = experiment.arms if experiment else ()
    return Facts(
        source=source,
        now=now,
        shown_at=np.array(shown_at),
        came_at=np.array(came_at),
        clicked=clicked,
        units={arm.id: len(units[arm.id]) for arm in arms},
        shares=experiment.shares if experiment else (),
    )


def list_report(
    replayed: Sequence[ReplayedPolicy],
    facts: Facts,
    reward: Reward = "clicks",
    *,
    with_model: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> ReplayReport:
    """What each policy would have earned; all were replayed together. `progress` is told what is done.

    `with_model` fits a reward model for the doubly robust estimator. Errors: `EvaluationError`.
    """
    lists = replayed[0].lists
    progress("click models")
    fitted, calibrations = _click_models(facts.clicked)
    candidates = []
    for one in replayed:
        progress(one.name)
        candidates.append(_candidate(one, facts, reward, fitted, with_model=with_model))
    rewards = lists.reward[reward]
    report = ReplayReport(
        source=facts.source,
        reward=reward,
        per="list",
        lists=len(lists.time),
        units=len(np.unique(lists.unit)),
        clicks=int(lists.reward["clicks"].sum()),
        since=float(lists.time.min()),
        until=float(lists.time.max()),
        logged_by=dict(zip(lists.arms, np.bincount(lists.arm).tolist(), strict=True)),
        observed=UNKNOWN,
        left_out=replayed[0].left_out,
        findings=(),
        arms=(),
        winner=None,
        rate_by_position=rate_by_place(rewards, lists.shown, lists.unit),
        calibrations=calibrations,
    )
    rows = Rows(reward=rewards.sum(axis=1), unit=lists.unit, labels=_labels(lists))
    progress("intervals")
    return judged(report, rows, candidates)


def rate_by_place(
    reward: Values, shown: np.typing.NDArray[np.bool_], unit: Indices
) -> tuple[tuple[int, int, Figure], ...]:
    """Each place from 1, how often it was shown, and its mean reward; `(n, K)` each but `unit` `(n,)`."""
    filled = [place for place in range(shown.shape[1]) if shown[:, place].any()]
    terms = [
        Terms(estimator="", assumes="", above=reward[:, place], below=shown[:, place].astype(np.float64))
        for place in filled
    ]
    found = estimates(terms, unit)
    return tuple(
        (place + 1, int(shown[:, place].sum()), Figure(one.value, one.low, one.high))
        for place, one in zip(filled, found, strict=True)
    )


def _candidate(
    one: ReplayedPolicy, facts: Facts, reward: Reward, fitted: Sequence[Fitted], *, with_model: bool
) -> Candidate:
    log = one.log(reward)
    if with_model:
        log = _with_model(log, one)
    known = Evidence.of_lists(
        log,
        outside=one.outside,
        shown_at=facts.shown_at,
        came_at=facts.came_at,
        now=facts.now,
        counts=facts.units if facts.shares else None,
        shares=facts.shares,
    )
    return Candidate(
        arm=one.name, terms=every_estimator(log), evidence=known, proxies=_proxies(one, facts, fitted)
    )


def _with_model(log: ListLog, one: ReplayedPolicy) -> ListLog:
    lists = one.lists
    predicted, baseline = cascade_model(
        one.features, lists.chosen, log.reward, lists.shown, one.target_next.astype(np.float64), lists.unit
    )
    return replace(log, predicted=predicted, baseline=baseline)


def _click_models(log: ClickLog) -> tuple[list[Fitted], tuple[Calibration, ...]]:
    """Click models, the best at telling held-out clicks first, and how each does; none without clicks."""
    if not log.clicked.any() or len(np.unique(log.unit)) < 2:
        return [], ()
    found = sorted(fit_all(log), key=lambda one: one[1])
    _, held = log.split(HELD_OUT, SEED)
    return [one for one, _ in found], tuple(calibration(one, held) for one, _ in found)


def _proxies(one: ReplayedPolicy, facts: Facts, fitted: Sequence[Fitted]) -> list[Proxy]:
    """Everything the best model expects, and of the others the clicks a list."""
    out: list[Proxy] = []
    for place, model in enumerate(fitted):
        own, logged = (facts.clicked.lists_of(items) for items in (one.own, one.lists.items))
        found = proxies(model, own, logged, one.lists.unit)
        out += found if place == 0 else found[:1]
    return out


def _labels(lists: LoggedLists) -> dict[str, np.typing.NDArray[np.str_]]:
    return {
        "day": lists.day.astype(np.str_),
        "kind": np.array(lists.kinds)[lists.kind],
        "logged by": np.array([name.partition("@")[0] for name in lists.arms])[lists.arm],
    }
