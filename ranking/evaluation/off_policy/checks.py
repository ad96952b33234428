"""Checks of a log before any estimate: small functions on arrays, each of which gives one finding.

Every check that tests a hypothesis raises a false alarm on one sound log in a thousand (`ALARM`), so a
dozen of them do on about one in a hundred. How often each is right and wrong is in docs/off_policy.md.

Laws (tests/ranking/evaluation/off_policy/test_checks.py):
- a check without its evidence gives None instead of a finding;
- the verdict is as bad as its worst finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vlclip.ranking.evaluation.off_policy.significance import equal_means_p, frequency_p, mean_p
from vlclip.ranking.evaluation.off_policy.verdict import Finding, Level
from vlclip.ranking.experiments.experiment import ALARM, sample_ratio
from vlclip.ranking.statistics.arrays import Indices, Values

REWARDED = (10, 30)
"""Rows with a reward and a weight over 0: below the first refused, below the second careful."""
OUTSIDE = (0.10, 0.01)
"""The target's probability of what was never logged: over the first refused, over the second careful."""
WEIGHT_OFF = 0.1
"""A mean weight further from 1 than this, and not by chance, is refused; a nearer one is careful."""
SUM_OFF = (0.01, 1e-6)
"""How far candidates' probabilities may be from 1 in sum."""
BAD_CLOCKS = 0.01
"""Share of impossible times over which to refuse."""


def check_numbers(reward: Values, propensity: Values, target: Values) -> Finding:
    """Whether rewards are numbers and probabilities are probabilities: all `(n,)`, propensities over 0."""
    bad = {
        "rewards that are not numbers": int((~np.isfinite(reward)).sum()),
        "propensities outside (0, 1]": int((~((propensity > 0) & (propensity <= 1 + 1e-9))).sum()),
        "target probabilities outside [0, 1]": int((~((target >= 0) & (target <= 1 + 1e-9))).sum()),
    }
    rows = format_count(reward.size)
    if not any(bad.values()):
        return Finding("numbers", "ok", f"All {rows} rewards and probabilities are possible.")
    counts = ", ".join(f"{format_count(count)} {name}" for name, count in bad.items() if count)
    return Finding("numbers", "refused", f"Of {rows} rows there are {counts}; correct the log.")


def check_sums(sums: Values) -> Finding:
    """Whether the probabilities of all candidates, summed for each row `(n,)`, come to 1."""
    off = float(np.abs(np.nan_to_num(sums, nan=np.inf) - 1).max(initial=0.0))
    level = level_over(off, SUM_OFF)
    says = f"The probabilities of the candidates sum to 1 within {off:.2g} in every row"
    if level != "ok":
        says += "; log the probability of every candidate as it was drawn, without rounding and without gaps"
    return Finding("sums", level, f"{says}.")


def check_rewards(reward: Values, weights: Values) -> Finding:
    """Whether enough rows `(n,)` with a weight over 0 have a reward."""
    rewarded = int(((reward != 0) & (weights > 0)).sum())
    level: Level = "refused" if rewarded < REWARDED[0] else "careful" if rewarded < REWARDED[1] else "ok"
    says = f"{format_count(rewarded)} rows with a reward count"
    if level != "ok":
        says += (
            f"; {REWARDED[0]} are the least and {REWARDED[1]} are enough: log longer, "
            "or count something more common"
        )
    return Finding("rewards", level, f"{says}.")


def check_exploration(propensity: Values, target: Values) -> Finding | None:
    """Refused where every propensity is 1 and the target policy differs; None where chance was at work."""
    if (propensity < 1 - 1e-9).any():
        return None
    differs = int((np.abs(target - 1) > 1e-9).sum())
    if not differs:
        return Finding("explored", "ok", "Nothing was explored, and the target policy does what was logged.")
    return Finding(
        "explored", "refused",
        f"Nothing was explored: all propensities are 1, and {format_count(differs)} of "
        f"{format_count(target.size)} rows are not what the target policy is sure to do. The log "
        "cannot tell what else would have earned; log with exploration on.",
    )  # fmt: skip


def check_support(outside: Values) -> Finding:
    """How much of the target policy the log can never show: its probability of that, for each row `(n,)`."""
    share = float(outside.mean())
    level = level_over(share, OUTSIDE)
    says = f"{100 * share:.2g} % of what the target policy would do could not have been logged"
    if level != "ok":
        says += (
            "; of that the log says nothing, and the estimate may be off by as much of the best possible "
            "reward. Explore all that the target policy may choose, or keep it to what was explored"
        )
    return Finding("outside", level, f"{says}.")


def check_mean_weight(weights: Values, unit: Indices | None = None) -> Finding:
    """Whether weights `(n,)` are 1 in the mean, as where support holds and propensities are right."""
    mean, p = float(weights.mean()), mean_p(weights, 1.0, unit)
    says = f"Importance weights are {mean:.3g} in the mean, where they should be 1 (p {p:.2g})"
    if p >= ALARM:
        return Finding("mean-weight", "ok", f"{says}.")
    level: Level = "refused" if abs(mean - 1) > WEIGHT_OFF else "careful"
    if mean < 1:
        says += (
            "; the target policy takes items that were not logged, or propensities are too high: give all "
            "of its choices a chance, and check that propensities are those of the draw"
        )
    else:
        says += "; propensities are too low: check that they are those of the draw, context for context"
    return Finding("mean-weight", level, f"{says}.")


def check_balance(
    weights: Values, predicted: Values, baseline: Values, unit: Indices | None = None
) -> Finding:
    """Whether weighted predictions `(n,)` come to what the same model expects of the target policy.

    However wrong the model is, they do where support holds and propensities are right. It finds what
    `mean_weight` does not: weights that are 1 in the mean but large where rewards are.
    """
    weighted, expected = float((weights * predicted).mean()), float(baseline.mean())
    p = mean_p(weights * predicted - baseline, 0.0, unit)
    far = abs(weighted - expected) > WEIGHT_OFF * abs(expected)
    says = (
        f"Weighted predictions come to {weighted:.3g}, "
        f"the model expects {expected:.3g} of the target (p {p:.2g})"
    )
    if p >= ALARM:
        return Finding("balance", "ok", f"{says}.")
    return Finding(
        "balance", "refused" if far else "careful",
        f"{says}; these two should be equal: propensities are wrong, some choices were never logged, or "
        "the target's probabilities are not those the model was averaged over.",
    )  # fmt: skip


def check_inverse_propensities(
    propensity: Values, candidates: Values, unit: Indices | None = None
) -> Finding:
    """Whether 1 / (propensity · candidates) is 1 in the mean, as it is if all candidates had a chance.

    `candidates` `(n,)` is how many there were. It is the mean weight of a policy that chooses evenly.
    """
    inverse = 1 / (propensity * candidates)
    mean, p = float(inverse.mean()), mean_p(inverse, 1.0, unit)
    level: Level = "ok" if p >= ALARM else "refused" if abs(mean - 1) > WEIGHT_OFF else "careful"
    says = f"Inverse propensities come to {mean:.3g} times the number of candidates (p {p:.2g})"
    if level != "ok":
        says += (
            "; they should come to 1: propensities are not those of the draw, "
            "or some candidates had no chance"
        )
    return Finding("inverse-propensities", level, f"{says}.")


def check_frequencies(chosen: Indices, probabilities: Values, place: Indices | None = None) -> Finding:
    """Whether choices `(n,)` came as often as their probabilities `(n, choices)` say, at every place."""
    groups = (
        [np.ones(len(chosen), dtype=np.bool_)]
        if place is None
        else [place == number for number in np.unique(place)]
    )
    # the least of several p is corrected for their number (Bonferroni)
    p, rows = min(
        ((frequency_p(chosen[rows], probabilities[rows]), rows) for rows in groups), key=lambda pair: pair[0]
    )
    p = min(1.0, p * len(groups))
    chosen, probabilities = chosen[rows], probabilities[rows]
    if p >= ALARM:
        return Finding(
            "frequencies", "ok", f"Items were shown as often as their propensities say (p {p:.2g})."
        )
    off = np.bincount(chosen, minlength=probabilities.shape[1]) - probabilities.sum(axis=0)
    worst = int(np.abs(off).argmax())
    times, expected = int((chosen == worst).sum()), float(probabilities[:, worst].sum())
    return Finding(
        "frequencies", "refused",
        f"Items were not shown as often as their propensities say (p {p:.2g}): "
        f"number {worst} {format_count(times)} times instead of {format_count(expected)}. "
        "The propensities are of another policy or moment; log those of the draw itself.",
    )  # fmt: skip


def check_clocks(shown_at: Values, came_at: Values, now: float) -> Finding:
    """Whether times are possible, all in seconds since 1970: of lists, and of what came of them `(n,)`.

    `came_at` is NaN where nothing came.
    """
    came = ~np.isnan(came_at)
    unread = ~np.isfinite(shown_at) | np.isinf(came_at)
    with np.errstate(invalid="ignore"):
        early = came & (came_at < shown_at) & ~unread
        late = ((shown_at > now) | (came & (came_at > now))) & ~unread
    # many lists without outcomes do not excuse errors in the few that have some
    bad, counted = int((unread | early | late).sum()), int(came.sum())
    share = max(bad / max(len(shown_at), 1), (early | np.isinf(came_at)).sum() / max(counted, 1))
    if not bad:
        return Finding("clocks", "ok", f"All times of {format_count(len(shown_at))} rows are in order.")
    return Finding(
        "clocks", "refused" if share > BAD_CLOCKS else "careful",
        f"{format_count(early.sum())} of {format_count(counted)} outcomes came before their list, "
        f"{format_count(late.sum())} rows are of a time to come, {format_count(unread.sum())} have no "
        "readable time: set the clocks, or find what joins outcomes to the wrong rows.",
    )  # fmt: skip


def check_shares(counts: Mapping[str, int], shares: Sequence[float]) -> Finding | None:
    """Whether units were dealt to arms by their shares; None for fewer than two arms.

    Fabijan et al., Diagnosing sample ratio mismatch in online controlled experiments, KDD 2019.
    """
    if len(counts) < 2 or not sum(counts.values()):
        return None
    p = sample_ratio(list(counts.values()), shares)
    whole = sum(counts.values()) / sum(shares)
    both = zip(counts.items(), shares, strict=True)
    numbers = ", ".join(
        f"{arm} {format_count(count)} of {format_count(whole * share)}" for (arm, count), share in both
    )
    if p >= ALARM:
        return Finding("dealt", "ok", f"Units were dealt as the shares say: {numbers} (p {p:.2g}).")
    return Finding(
        "dealt", "refused",
        f"Units were not dealt as the shares say: {numbers} (p {p:.2g}). What they were shown made "
        "some get lost or come twice; find out where before anything is compared.",
    )  # fmt: skip


def check_positions(
    reward: Values,
    place: Indices,
    unit: Indices | None = None,
    *,
    constants: Sequence[Values],
    pooled: bool | None = None,
) -> Finding | None:
    """Whether choices from several places `(n,)`, from 0, may be taken together; None for a single place.

    They may if rewards do not depend on the place, or if the probabilities are by place. `constants` then
    have one mean at all places, each `(n,)`: weights, inverse propensities over candidates, weight times
    prediction less baseline. `pooled` says whether probabilities are of an item over all places together,
    None where that is not known.
    """
    if len(np.unique(place)) < 2:
        return None
    rates_p = equal_means_p(reward, place, unit)
    least = min((equal_means_p(constant, place, unit) for constant in constants), default=1.0)
    constants_p = min(1.0, least * len(constants))  # Bonferroni
    first, last = int(place.min()), int(place.max())
    above, below = reward[place == first].mean(), reward[place == last].mean()
    rate = f"{above:.3g} at place {first + 1}, {below:.3g} at {last + 1}"
    if rates_p >= ALARM:
        says = f"Rewards do not depend on the place: {rate} (p {rates_p:.2g})."
        return Finding("positions", "ok", says)
    if constants_p >= ALARM and pooled is False:
        says = f"Rewards depend on the place ({rate}), and so do the probabilities (p {constants_p:.2g})."
        return Finding("positions", "ok", says)
    if constants_p < ALARM:
        why = f"and weights have not one mean at all places (p {constants_p:.2g}), so probabilities ignore it"
    else:
        why = (
            "and probabilities are of all places together"
            if pooled
            else "and nothing says that probabilities do"
        )
    return Finding(
        "positions", "refused" if constants_p < ALARM else "careful",
        f"Rewards depend on the place ({rate}) {why}. The estimate takes a good place for a good item; give "
        "probabilities by place, or use the estimators for lists.",
    )  # fmt: skip


def level_over(value: float, limits: tuple[float, float]) -> Level:
    """Refused over the first limit, careful over the second."""
    return "refused" if value > limits[0] else "careful" if value > limits[1] else "ok"


def format_count(number: float) -> str:
    """A number of things, with commas between thousands."""
    return f"{number:,.0f}"
