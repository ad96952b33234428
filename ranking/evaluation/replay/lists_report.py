"""The report on a replay of logged lists: every list estimator, the click models, and the verdict.

Laws (tests/ranking/evaluation/replay/test_lists_report.py):
- the arm that made the log would have earned what it earned;
- in a simulated shop the arm that is really better wins, and its true value lies in its interval;
- a log without chance in its lists is refused for any other arm.
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
from vlclip.ranking.evaluation.off_policy.intervals import estimate_all
from vlclip.ranking.evaluation.off_policy.log import ListLog
from vlclip.ranking.evaluation.off_policy.registry import compute_terms
from vlclip.ranking.evaluation.off_policy.rewards import cascade_model
from vlclip.ranking.evaluation.off_policy.terms import Terms
from vlclip.ranking.evaluation.replay.judging import ArmCase, RewardRows, judge_arms
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
    """Facts of the whole log that the lists are from.

    `shown_at` and `came_at` `(m,)` are the times of all lists and of their first clicks, in seconds since
    1970, NaN without a click; `now` is the time of the replay. `units` counts units by arm, where `shares` of
    an experiment say how many there should be. `clicked` is the log as click models read it.
    """

    source: str
    now: float
    shown_at: Values
    came_at: Values
    clicked: ClickLog
    units: Mapping[str, int] = field(default_factory=dict)
    shares: Sequence[float] = ()


def facts_of(
    log: Iterable[Logged], *, source: str, now: float, experiment: Experiment | None = None
) -> Facts:
    """The facts of a log, which is read once; `now` is in seconds since 1970, UTC."""
    shown_at, came_at, units = list[float](), list[float](), defaultdict[str, set[str]](set)

    def read() -> Iterator[Logged]:
        for exposure, outcomes in log:
            shown_at.append(exposure.time)
            first = [outcome.first_click for outcome in outcomes if outcome.first_click is not None]
            came_at.append(min(first, default=float("nan")))
            if exposure.unit:
                units[exposure.arm.partition("@")[0]].add(exposure.unit)
            yield exposure, outcomes

    clicked = click_log(read())
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
    """What each policy would have earned; all were replayed together. `progress` gets the name of each step.

    `with_model` fits a reward model for the doubly robust estimator. Errors: `EvaluationError`.
    """
    lists = replayed[0].lists
    progress("click models")
    fitted, calibrations = _click_models(facts.clicked)
    cases = []
    for policy in replayed:
        progress(policy.name)
        cases.append(_case(policy, facts, reward, fitted, with_model=with_model))
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
        rate_by_position=rate_by_place(rewards, lists.filled, lists.unit),
        calibrations=calibrations,
    )
    rows = RewardRows(reward=rewards.sum(axis=1), unit=lists.unit, labels=_labels(lists))
    progress("intervals")
    return judge_arms(report, rows, cases)


def rate_by_place(
    reward: Values, filled: np.typing.NDArray[np.bool_], unit: Indices
) -> tuple[tuple[int, int, Figure], ...]:
    """Each place from 1, how often it was shown, and its mean reward; `(n, K)` each but `unit` `(n,)`."""
    places = [place for place in range(filled.shape[1]) if filled[:, place].any()]
    terms = [
        Terms(estimator="", assumes="", above=reward[:, place], below=filled[:, place].astype(np.float64))
        for place in places
    ]
    rates = estimate_all(terms, unit)
    return tuple(
        (place + 1, int(filled[:, place].sum()), Figure(rate.value, rate.low, rate.high))
        for place, rate in zip(places, rates, strict=True)
    )


def _case(
    policy: ReplayedPolicy, facts: Facts, reward: Reward, fitted: Sequence[Fitted], *, with_model: bool
) -> ArmCase:
    log = policy.log(reward)
    if with_model:
        log = _with_model(log, policy)
    evidence = Evidence.of_lists(
        log,
        outside=policy.outside,
        shown_at=facts.shown_at,
        came_at=facts.came_at,
        now=facts.now,
        counts=facts.units if facts.shares else None,
        shares=facts.shares,
    )
    return ArmCase(
        arm=policy.name,
        terms=compute_terms(log),
        evidence=evidence,
        proxies=_proxies(policy, facts, fitted),
    )


def _with_model(log: ListLog, policy: ReplayedPolicy) -> ListLog:
    lists = policy.lists
    predicted, baseline = cascade_model(
        policy.features,
        lists.chosen,
        log.reward,
        lists.filled,
        policy.target_next.astype(np.float64),
        lists.unit,
    )
    return replace(log, predicted=predicted, baseline=baseline)


def _click_models(log: ClickLog) -> tuple[list[Fitted], tuple[Calibration, ...]]:
    """Click models, best at predicting held-out clicks first, with calibrations; none without clicks."""
    if not log.clicked.any() or len(np.unique(log.unit)) < 2:
        return [], ()
    models = [model for model, _ in sorted(fit_all(log), key=lambda fitted: fitted[1])]
    _, test = log.split(HELD_OUT, SEED)
    return models, tuple(calibration(model, test) for model in models)


def _proxies(policy: ReplayedPolicy, facts: Facts, fitted: Sequence[Fitted]) -> list[Proxy]:
    """All measures that the best model expects, and the clicks per list that the others expect."""
    expected: list[Proxy] = []
    for place, model in enumerate(fitted):
        own, logged = (facts.clicked.lists_of(items) for items in (policy.own, policy.lists.items))
        measures = proxies(model, own, logged, policy.lists.unit)
        expected += measures if place == 0 else measures[:1]
    return expected


def _labels(lists: LoggedLists) -> dict[str, np.typing.NDArray[np.str_]]:
    return {
        "day": lists.day.astype(np.str_),
        "kind": np.array(lists.kinds)[lists.kind],
        "logged by": np.array([name.partition("@")[0] for name in lists.arms])[lists.arm],
    }
