"""What a replay found, for a table, a page or a machine to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vlclip.ranking.evaluation.click_models.calibration import Calibration
from vlclip.ranking.evaluation.click_models.proxies import Proxy
from vlclip.ranking.evaluation.off_policy.terms import Estimate
from vlclip.ranking.evaluation.off_policy.verdict import Finding, Verdict
from vlclip.ranking.statistics.bootstrap import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """An arm's uplift over what was logged in a part of the log: a day, a kind of list, a search's length.

    `by` is what it was cut by, `name` the part, `lists` how many it has.
    """

    by: str
    name: str
    lists: int
    observed: Figure
    uplift: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many weights lie between each two `edges` `(b + 1,)`: `counts` `(b,)`."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmReplay:
    """What one arm would have earned, by every estimator.

    `uplift` is each estimator's value less the logged mean, on the same resamples. `best` names the
    estimator to look at first. `difference` is that of the best estimator to the first arm's, None for it.
    """

    arm: str
    estimates: tuple[Estimate, ...]
    uplift: Mapping[str, Figure]
    best: str
    difference: Figure | None
    verdict: Verdict
    weights: Histogram
    slices: tuple[Slice, ...]
    proxies: tuple[Proxy, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """A log and what each arm would have earned on it.

    `reward` says what was counted (`clicks`, `carts`, `purchases`, `value`), `per` of what: a `list` or a
    `choice`. `observed` is the logged mean of it. `left_out` are lists that could not be replayed, by reason;
    `findings` are about the log itself. Times are in seconds since 1970, UTC. `winner` is the arm that is
    better than all others and the logged ranking, None where the log cannot tell.
    """

    source: str
    reward: str
    per: str
    lists: int
    units: int
    clicks: int
    since: float
    until: float
    logged_by: Mapping[str, int]
    observed: Figure
    left_out: Mapping[str, int]
    findings: tuple[Finding, ...]
    arms: tuple[ArmReplay, ...]
    winner: str | None
    rate_by_position: tuple[tuple[int, int, Figure], ...]
    calibrations: tuple[Calibration, ...] = ()
