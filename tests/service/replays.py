"""A made-up replay of two arms, one of them refused, with every part that a report can have."""

from __future__ import annotations

from math import nan

from vlclip.ranking.evaluation.click_models.calibration import Calibration
from vlclip.ranking.evaluation.click_models.proxies import Proxy
from vlclip.ranking.evaluation.off_policy.terms import Estimate
from vlclip.ranking.evaluation.off_policy.verdict import Finding, Verdict
from vlclip.ranking.evaluation.replay.report import ArmReplay, Histogram, ReplayReport, Slice
from vlclip.ranking.settings import DAY_S
from vlclip.ranking.statistics.bootstrap import Figure

SINCE = 1_772_409_600.0  # 2026-03-02
FINE = Finding("support", "ok", "Every logged list has a weight over 0.")
REFUSED = Finding(
    "effective", "refused", "The estimate rests on 9 effective rows; log with more exploration."
)
CAREFUL = Finding(
    "tail", "careful", "One percent of the rows carry 38 % of the weight; look at clipped ones."
)
ASSUMES = {
    "ips": "The logged probabilities are right and cover what the arm shows.",
    "snips": "As ips; weights are brought to a mean of 1, which adds a small bias.",
    "clipped": "As ips; weights are cut, which takes what lies above away.",
    "dr": "The logged probabilities or the reward model are right.",
    "dm": "The reward model is right everywhere.",
    "cascade-dr": "Shoppers look from the top down.",
}


def estimate(name, value, half, effective=4200.0, largest=11.0, **parameters):
    weighs = name != "dm"
    return Estimate(
        estimator=name, assumes=ASSUMES[name], value=value, low=value - half, high=value + half,
        analytic_low=value - 1.02 * half, analytic_high=value + 0.98 * half, error=half / 1.96,
        effective=effective if weighs else nan, rows=12_000, mean_weight=0.994 if weighs else nan,
        quantiles={"p50": 0.8, "p90": 2.1, "p99": 5.4, "max": largest} if weighs else {},
        unsupported=0.013 if weighs else nan, parameters=parameters,
    )  # fmt: skip


def arm(name, estimates, best, findings, *, parts=(), proxies=(), difference=None):
    rise = {
        each.estimator: Figure(each.value - 0.117, each.low - 0.117, each.high - 0.117) for each in estimates
    }
    return ArmReplay(
        arm=name, estimates=tuple(estimates), uplift=rise, best=best, difference=difference,
        verdict=Verdict(tuple(findings)),
        weights=Histogram(
            edges=(0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
            counts=(150, 12, 90, 900, 5200, 4800, 800, 48),
        ),
        slices=tuple(parts), proxies=tuple(proxies),
    )  # fmt: skip


def better(name="more-text@1b2c3d4e5f60", findings=(FINE,), lift=0.0142):
    """An arm that seems better by `lift`, by six estimators."""
    value = 0.117 + lift
    return arm(
        name,
        [
            estimate("ips", value + 0.002, 0.0105),
            estimate("snips", value + 0.0004, 0.0088),
            estimate("clipped", value - 0.0010, 0.0080, clip=5.0, largest=5.0),
            estimate("dr", value, 0.0079),
            estimate("cascade-dr", value, 0.0071, effective=6100.0),
            estimate("dm", value - 0.006, 0.0030),
        ],
        "cascade-dr",
        findings,
        parts=[
            Slice(
                by="day", name=f"2026-03-{n + 2:02}", lists=1714, observed=Figure(0.117, 0.103, 0.131),
                uplift=Figure(lift + 0.006 * (-1) ** n, lift - 0.02, lift + 0.025),
            )
            for n in range(7)
        ] + [
            Slice(
                by="kind", name=kind, lists=lists, observed=Figure(level, level - 0.01, level + 0.01),
                uplift=Figure(rise, rise - 0.012, rise + 0.012),
            )
            for kind, lists, level, rise in (
                ("similar", 6400, 0.13, 0.021),
                ("search", 4100, 0.11, 0.012),
                ("recommendations", 1500, 0.08, -0.004),
            )
        ],
        proxies=[
            Proxy(
                model=model, assumes=assumes, name="clicks per list",
                arm=Figure(0.127, 0.125, 0.129), logged=Figure(0.118, 0.116, 0.12),
                difference=Figure(0.009, 0.007, 0.011),
            )
            for model, assumes in (
                ("pbm", "A click is a look at the place and a liking for the item."),
                ("dbn", "Shoppers look down until they are satisfied."),
            )
        ],
    )  # fmt: skip


def refused(name="random@0f0e0d0c0b0a"):
    """An arm that the log says nothing about; one of its estimates lies far outside."""
    return arm(
        name,
        [
            estimate("ips", 0.61, 0.9, effective=9.0, largest=4100.0),
            estimate("snips", 0.09, 0.08, effective=9.0, largest=4100.0),
            estimate("dr", nan, nan, effective=9.0),
            estimate("dm", 0.112, 0.004),
        ],
        "snips",
        [REFUSED, CAREFUL],
        difference=Figure(-0.0412, -0.121, 0.039),
    )


def replay(*, arms=None, winner="more-text@1b2c3d4e5f60", **changed):
    """A report; the log's own parts are always the same unless `changed`."""
    return ReplayReport(
        **{
            "source": "lists.parquet", "reward": "clicks", "per": "list", "lists": 12_000, "units": 3050,
            "clicks": 1404, "since": SINCE, "until": SINCE + 7 * DAY_S - 1,
            "logged_by": {"default@e3b0c44298fc": 11_800, "older@aa00bb11cc22": 200},
            "observed": Figure(0.117, 0.1108, 0.1233),
            "left_out": {"no chance in their order": 320, "a photo was searched with": 41},
            "findings": (
                Finding("propensities", "ok", "Mean weights are within 2 % of 1."),
                Finding("young", "careful", "The last day's clicks are still to come; use --until."),
            ),
            "arms": (better(), refused()) if arms is None else arms,
            "winner": winner,
            "rate_by_position": tuple(
                (place, 12_000, Figure(0.03 / place**0.6, 0.026 / place**0.6, 0.034 / place**0.6))
                for place in range(1, 11)
            ),
            "calibrations": tuple(
                Calibration(
                    model=model, assumes=f"What {model} takes for granted.",
                    predicted=tuple(0.004 * n for n in range(1, 9)),
                    observed=tuple(Figure(0.0044 * n, 0.0036 * n, 0.0053 * n) for n in range(1, 9)),
                    error=0.0011, perplexity=1.043,
                )
                for model in ("pbm", "dbn", "reward model")
            ),
        } | changed
    )  # fmt: skip
