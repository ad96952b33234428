"""The report on an experiment: what each arm brought, and whether the experiment can be trusted.

Laws (tests/ranking/experiments/test_report.py):
- lists shown to nobody in particular and lists of other experiments do not count;
- a changed arm is another row; its units count once for the shares;
- all rows are compared with the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.experiments.experiment import ALARM, Experiment, sample_ratio
from vlclip.ranking.experiments.exposure import Exposure
from vlclip.ranking.experiments.outcome import Logged, Outcome
from vlclip.ranking.experiments.rate import click_rate, difference
from vlclip.ranking.statistics.bootstrap import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmReport:
    """One arm, `id@hash`: what its units saw and did.

    An impression is one item in one list; it was clicked or not, however often. `carts` and `purchases` are
    numbers of events, `value` is their value. `ctr` is clicks per impression. `difference` is `ctr` less that
    of the first row, and `p` its two-sided p-value, NaN if unknown; both are None in the first row. The
    intervals are of 95 %, by units.
    """

    arm: str
    units: int
    lists: int
    impressions: int
    clicks: int
    ctr: Figure
    difference: Figure | None
    p: float | None
    carts: int
    purchases: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentReport:
    """The arms in the order of the experiment's file; former versions of an arm follow its present one.

    `units` are numbers of units by arm id, `expected` those by the shares, and `ratio_p` is the p-value of
    the two; arms that are not in the file are in neither. `moved` is the number of units that saw arms of
    several ids; they count in each. `nobody` is the number of lists without a unit, which count nowhere else.
    """

    experiment: str
    arms: tuple[ArmReport, ...]
    units: dict[str, int]
    expected: dict[str, float]
    ratio_p: float
    moved: int
    nobody: int

    @property
    def is_trusted(self) -> bool:
        """Whether the units were dealt by the shares."""
        return self.ratio_p >= ALARM

    @property
    def changed(self) -> list[str]:
        """The ids of arms that were changed while the experiment ran."""
        rows = Counter(_id(arm.arm) for arm in self.arms)
        return [name for name, count in rows.items() if count > 1]


@dataclass(slots=True)
class _Tally:
    lists: int = 0
    carts: int = 0
    purchases: int = 0
    value: float = 0.0
    units: dict[str, list[int]] = field(default_factory=dict)
    """Impressions and clicks of each unit."""

    def add(self, exposure: Exposure, outcomes: Sequence[Outcome]) -> None:
        self.lists += 1
        unit = self.units.setdefault(exposure.unit, [0, 0])
        unit[0] += len(exposure.items)
        for outcome in outcomes:
            unit[1] += outcome.clicks > 0
            self.carts += outcome.carts
            self.purchases += outcome.purchases
            self.value += outcome.value


def report(experiment: Experiment, batches: Iterable[Sequence[Logged]]) -> ExperimentReport:
    """The report on these lists; memory grows with the units, not with the lists.

    `EvaluationError` if none of the lists is of this experiment and was shown to a unit.
    """
    tallies: dict[str, _Tally] = {}
    nobody = 0
    for batch in batches:
        for exposure, outcomes in batch:
            if exposure.experiment != experiment.id:
                continue
            if not exposure.unit:
                nobody += 1
                continue
            tallies.setdefault(exposure.arm, _Tally()).add(exposure, outcomes)
    if not tallies:
        raise EvaluationError(
            f"no list of the experiment {experiment.id} was shown to anybody in that time; check its id and "
            "that a service with this experiment in its settings logs"
        )
    units_by_arm = {
        arm.id: {unit for name, tally in tallies.items() if _id(name) == arm.id for unit in tally.units}
        for arm in experiment.arms
    }
    units = {name: len(members) for name, members in units_by_arm.items()}
    whole = sum(experiment.shares)
    shares = zip(units, experiment.shares, strict=True)
    return ExperimentReport(
        experiment=experiment.id,
        arms=_rows(experiment, tallies),
        units=units,
        expected={name: sum(units.values()) * share / whole for name, share in shares},
        ratio_p=sample_ratio(list(units.values()), experiment.shares),
        moved=sum(arms > 1 for arms in Counter(chain(*units_by_arm.values())).values()),
        nobody=nobody,
    )


def _rows(experiment: Experiment, tallies: dict[str, _Tally]) -> tuple[ArmReport, ...]:
    present = [f"{arm.id}@{arm.hash}" for arm in experiment.arms]
    ids = [arm.id for arm in experiment.arms]
    places = {name: ids.index(_id(name)) if _id(name) in ids else len(ids) for name in tallies}
    ordered = sorted(tallies, key=lambda name: (places[name], name not in present, name))
    rates = {name: click_rate(*zip(*tallies[name].units.values(), strict=True)) for name in ordered}
    rows = []
    for name in ordered:
        tally, rate = tallies[name], rates[name]
        compared, p = difference(rate, rates[ordered[0]]) if name != ordered[0] else (None, None)
        rows.append(
            ArmReport(
                arm=name,
                units=len(tally.units),
                lists=tally.lists,
                impressions=sum(impressions for impressions, _ in tally.units.values()),
                clicks=sum(clicks for _, clicks in tally.units.values()),
                ctr=rate.figure,
                difference=compared,
                p=p,
                carts=tally.carts,
                purchases=tally.purchases,
                value=tally.value,
            )
        )
    return tuple(rows)


def _id(arm: str) -> str:
    return arm.partition("@")[0]
