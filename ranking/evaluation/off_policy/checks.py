"""What is looked at of a log before any estimate: small functions on arrays, each gives one finding.

Every check that tests a hypothesis cries wolf on one sound log in a thousand (`ALARM`), so a dozen of them
together do on about one in a hundred. How often each of them is right and wrong is in docs/off_policy.md.

Laws (tests/ranking/evaluation/off_policy/test_checks.py):
- a check says nothing of what it is not told: None instead of a finding;
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
"""Rows with a reward and a weight over 0: refused below the first, to be taken with care below the second."""
OUTSIDE = (0.10, 0.01)
"""The target's probability of what was never logged over which to refuse, and over which to take care."""
WEIGHT_OFF = 0.1
"""A mean weight further from 1 than this, and not by chance, is refused; a nearer one needs care."""
SUM_OFF = (0.01, 1e-6)
"""How far candidates' probabilities may be from 1 in sum."""
BAD_CLOCKS = 0.01
"""Share of impossible times over which to refuse."""


def numbers(reward: Values, propensity: Values, target: Values) -> Finding:
    """Whether rewards are numbers and probabilities are probabilities: all `(n,)`, propensities over 0."""
    bad = {
        "rewards that are no numbers": int((~np.isfinite(reward)).sum()),
        "propensities outside (0, 1]": int((~((propensity > 0) & (propensity <= 1 + 1e-9))).sum()),
        "target probabilities outside [0, 1]": int((~((target >= 0) & (target <= 1 + 1e-9))).sum()),
    }
    if not any(bad.values()):
        return Finding("numbers", "ok", f"All {said(reward.size)} rewards and probabilities are possible.")
    found = ", ".join(f"{said(many)} {what}" for what, many in bad.items() if many)
    return Finding("numbers", "refused", f"Of {said(reward.size)} rows there are {found}; mend the log.")


def sums(sums: Values) -> Finding:
    """Whether the probabilities of all candidates, summed for each row `(n,)`, come to 1."""
    off = float(np.abs(np.nan_to_num(sums, nan=np.inf) - 1).max(initial=0.0))
    level = level_over(off, SUM_OFF)
    says = f"The probabilities of the candidates sum to 1 within {off:.2g} in every row"
    if level != "ok":
        says += (
            "; log the probability of every candidate as it was drawn, without rounding or leaving any out"
        )
    return Finding("sums", level, f"{says}.")


def rewards(reward: Values, weights: Values) -> Finding:
    """Whether enough rows `(n,)` with a weight over 0 have a reward."""
    found = int(((reward != 0) & (weights > 0)).sum())
    level: Level = "refused" if found < REWARDED[0] else "careful" if found < REWARDED[1] else "ok"
    says = f"{said(found)} rows with a reward count"
    if level != "ok":
        says += (
            f"; {REWARDED[0]} are the least and {REWARDED[1]} are well: log longer, or count what is commoner"
        )
    return Finding("rewards", level, f"{says}.")


def explored(propensity: Values, target: Values) -> Finding | None:
    """Refused where every propensity is 1 and the target policy differs; None where chance was at work."""
    if (propensity < 1 - 1e-9).any():
        return None
    differs = int((np.abs(target - 1) > 1e-9).sum())
    if not differs:
        return Finding("explored", "ok", "Nothing was explored, and the target policy does what was logged.")
    return Finding(
        "explored", "refused",
        f"Nothing was explored: all propensities are 1, and {said(differs)} of {said(target.size)} rows "
        "are not what the target policy is sure to do. The log cannot tell what else would have earned; "
        "log with exploration on.",
    )  # fmt: skip


def outside(outside: Values) -> Finding:
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


def mean_weight(weights: Values, unit: Indices | None = None) -> Finding:
    """Whether weights `(n,)` are 1 in the mean, as where support holds and propensities are right."""
    mean, p = float(weights.mean()), mean_p(weights, 1.0, unit)
    says = f"Importance weights are {mean:.3g} in the mean, where they should be 1 (p {p:.2g})"
    if p >= ALARM:
        return Finding("mean-weight", "ok", f"{says}.")
    level: Level = "refused" if abs(mean - 1) > WEIGHT_OFF else "careful"
    if mean < 1:
        says += (
            "; the target policy wants things that were not logged, or propensities are too high: give all "
            "of its choices a chance, and check that propensities are those of the draw"
        )
    else:
        says += "; propensities are too low: check that they are those of the draw, context for context"
    return Finding("mean-weight", level, f"{says}.")


def balance(weights: Values, predicted: Values, baseline: Values, unit: Indices | None = None) -> Finding:
    """Whether weighted predictions `(n,)` come to what the same model expects of the target policy.

    However wrong the model is, they do where support holds and propensities are right. It finds what
    `mean_weight` does not: weights that are 1 in the mean but large where rewards are.
    """
    seen, told = float((weights * predicted).mean()), float(baseline.mean())
    p = mean_p(weights * predicted - baseline, 0.0, unit)
    far = abs(seen - told) > WEIGHT_OFF * abs(told)
    says = f"Weighted predictions come to {seen:.3g}, the model expects {told:.3g} of the target (p {p:.2g})"
    if p >= ALARM:
        return Finding("balance", "ok", f"{says}.")
    return Finding(
        "balance", "refused" if far else "careful",
        f"{says}; these two should be one number: propensities are wrong, some choices were never logged, or "
        "the target's probabilities are not those the model was averaged over.",
    )  # fmt: skip


def inverse_propensities(propensity: Values, candidates: Values, unit: Indices | None = None) -> Finding:
    """Whether 1 / (propensity · candidates) is 1 in the mean, as it is if all candidates had a chance.

    `candidates` `(n,)` is how many there were. It is the mean weight of a policy that chooses evenly.
    """
    found = 1 / (propensity * candidates)
    mean, p = float(found.mean()), mean_p(found, 1.0, unit)
    level: Level = "ok" if p >= ALARM else "refused" if abs(mean - 1) > WEIGHT_OFF else "careful"
    says = f"Inverse propensities come to {mean:.3g} times the number of candidates (p {p:.2g})"
    if level != "ok":
        says += "; they should to 1: propensities are not those of the draw, or some candidates had no chance"
    return Finding("inverse-propensities", level, f"{says}.")


def frequencies(chosen: Indices, probabilities: Values, place: Indices | None = None) -> Finding:
    """Whether choices `(n,)` came as often as their probabilities `(n, choices)` say, at every place."""
    groups = (
        [np.ones(len(chosen), dtype=np.bool_)]
        if place is None
        else [place == one for one in np.unique(place)]
    )
    # the least of several p is as probable as one so much smaller (Bonferroni)
    p, rows = min(((frequency_p(chosen[of], probabilities[of]), of) for of in groups), key=lambda one: one[0])
    p = min(1.0, p * len(groups))
    chosen, probabilities = chosen[rows], probabilities[rows]
    if p >= ALARM:
        return Finding(
            "frequencies", "ok", f"Items were shown as often as their propensities say (p {p:.2g})."
        )
    off = np.bincount(chosen, minlength=probabilities.shape[1]) - probabilities.sum(axis=0)
    worst = int(np.abs(off).argmax())
    seen, told = int((chosen == worst).sum()), float(probabilities[:, worst].sum())
    return Finding(
        "frequencies", "refused",
        f"Items were not shown as often as their propensities say (p {p:.2g}): number {worst} {said(seen)} "
        f"times instead of {said(told)}. The propensities are of another policy or moment; log those of "
        "the draw itself.",
    )  # fmt: skip


def clocks(shown_at: Values, came_at: Values, now: float) -> Finding:
    """Whether times are possible, all in seconds since 1970: of lists, and of what came of them `(n,)`.

    `came_at` is NaN where nothing came.
    """
    came = ~np.isnan(came_at)
    unread = ~np.isfinite(shown_at) | np.isinf(came_at)
    with np.errstate(invalid="ignore"):
        early = came & (came_at < shown_at) & ~unread
        late = ((shown_at > now) | (came & (came_at > now))) & ~unread
    # what is wrong with few outcomes is not excused by many lists without any
    bad, counted = int((unread | early | late).sum()), int(came.sum())
    share = max(bad / max(len(shown_at), 1), (early | np.isinf(came_at)).sum() / max(counted, 1))
    if not bad:
        return Finding("clocks", "ok", f"All times of {said(len(shown_at))} rows are in order.")
    return Finding(
        "clocks", "refused" if share > BAD_CLOCKS else "careful",
        f"{said(early.sum())} of {said(counted)} outcomes came before their list, {said(late.sum())} "
        f"rows are of a time to come, {said(unread.sum())} have no readable time: set the clocks, or find "
        "what joins outcomes to the wrong rows.",
    )  # fmt: skip


def dealt(counts: Mapping[str, int], shares: Sequence[float]) -> Finding | None:
    """Whether units were dealt to arms by their shares; None for one arm or none.

    Fabijan et al., Diagnosing sample ratio mismatch in online controlled experiments, KDD 2019.
    """
    if len(counts) < 2 or not sum(counts.values()):
        return None
    p = sample_ratio(list(counts.values()), shares)
    whole = sum(counts.values()) / sum(shares)
    both = zip(counts.items(), shares, strict=True)
    found = ", ".join(f"{arm} {said(many)} of {said(whole * share)}" for (arm, many), share in both)
    if p >= ALARM:
        return Finding("dealt", "ok", f"Units were dealt as the shares say: {found} (p {p:.2g}).")
    return Finding(
        "dealt", "refused",
        f"Units were not dealt as the shares say: {found} (p {p:.2g}). Some were lost, or came twice, by "
        "what they were shown; find out where before anything is compared.",
    )  # fmt: skip


def positions(
    reward: Values,
    place: Indices,
    unit: Indices | None = None,
    *,
    constants: Sequence[Values],
    pooled: bool | None = None,
) -> Finding | None:
    """Whether choices from several places `(n,)`, from 0, may be taken together; None for a single place.

    They may if rewards do not depend on the place, or if the probabilities do know it. `constants` are what
    then has one mean at all places, each `(n,)`: weights, inverse propensities over candidates, weight
    times prediction less baseline. `pooled` says whether probabilities are of an item over all places
    together, None where that is not known.
    """
    if len(np.unique(place)) < 2:
        return None
    rates_p = equal_means_p(reward, place, unit)
    least = min((equal_means_p(one, place, unit) for one in constants), default=1.0)
    known_p = min(1.0, least * len(constants))  # Bonferroni
    first, last = int(place.min()), int(place.max())
    above, below = reward[place == first].mean(), reward[place == last].mean()
    rate = f"{above:.3g} at place {first + 1}, {below:.3g} at {last + 1}"
    if rates_p >= ALARM:
        says = f"Rewards do not depend on the place: {rate} (p {rates_p:.2g})."
        return Finding("positions", "ok", says)
    if known_p >= ALARM and pooled is False:
        says = f"Rewards depend on the place ({rate}), and so do the probabilities (p {known_p:.2g})."
        return Finding("positions", "ok", says)
    if known_p < ALARM:
        why = (
            f"and weights do not come to the same at all places (p {known_p:.2g}), so probabilities ignore it"
        )
    else:
        why = (
            "and probabilities are of all places together"
            if pooled
            else "and nobody says that probabilities do"
        )
    return Finding(
        "positions", "refused" if known_p < ALARM else "careful",
        f"Rewards depend on the place ({rate}) {why}. The estimate takes a good place for a good item; give "
        "probabilities by place, or use the estimators for lists.",
    )  # fmt: skip


def level_over(found: float, over: tuple[float, float]) -> Level:
    """Refused over the first limit, careful over the second."""
    return "refused" if found > over[0] else "careful" if found > over[1] else "ok"


def said(number: float) -> str:
    """A number of things, as people write it."""
    return f"{number:,.0f}"
