"""Each finding at each of its levels, on logs whose numbers can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2, chisquare

from tests.ranking.evaluation.off_policy.worlds import draw, draw_lists, shelf, shop
from vlclip.ranking.evaluation.off_policy import checks, estimate_checks
from vlclip.ranking.evaluation.off_policy.evidence import Evidence, judge
from vlclip.ranking.evaluation.off_policy.log import Choices
from vlclip.ranking.evaluation.off_policy.significance import equal_means_p, frequency_p, mean_p, sum_by_unit
from vlclip.ranking.evaluation.off_policy.tail import tail_shape
from vlclip.ranking.evaluation.off_policy.terms import Estimate, Terms
from vlclip.ranking.evaluation.off_policy.verdict import Finding, Verdict

NOW = 1_000_000.0


def an_estimate(name="ips", low=1.0, high=2.0, **knobs):
    defaults = {
        "assumes": "nothing", "value": (low + high) / 2, "analytic_low": low, "analytic_high": high,
        "error": 0.25, "effective": 1000.0, "rows": 5000, "mean_weight": 1.0, "quantiles": {},
        "unsupported": 0.0,
    }  # fmt: skip
    return Estimate(estimator=name, low=low, high=high, **defaults | knobs)


def level(finding):
    assert finding.says.endswith(".")
    return finding.level


# --- probabilities ---


def test_what_is_no_probability_is_counted_and_refused():
    half = np.full(4, 0.5)
    assert level(checks.check_numbers(half, half, half)) == "ok"
    # 0, a NaN and 1.2 cannot be propensities; 0 can be a target's
    finding = checks.check_numbers(half, np.array([0.5, 0, np.nan, 1.2]), np.array([0, 1, 0.5, 0.5]))
    assert level(finding) == "refused"
    assert "3 propensities outside (0, 1]" in finding.says
    assert "target" not in finding.says
    assert (
        "1 rewards that are not numbers" in checks.check_numbers(np.array([np.inf]), half[:1], half[:1]).says
    )


@pytest.mark.parametrize(
    ("sums", "expected"),
    [([1.0, 1.0], "ok"), ([1.0, 1.005], "careful"), ([1.0, 0.9], "refused"), ([np.nan], "refused")],
)
def test_candidates_share_out_a_probability_of_one(sums, expected):
    assert level(checks.check_sums(np.array(sums))) == expected


def test_items_are_shown_as_often_as_their_propensities_say():
    half = np.full((1000, 2), 0.5)
    place = np.repeat([0, 1], 500)

    def showing(first):
        return np.repeat([0, 1], [first, 1000 - first])

    # 500 are expected with a deviation of sqrt(1000 / 4) = 15.8: 520 is 1.3 of them, 600 is 6.3
    assert level(checks.check_frequencies(showing(520), half)) == "ok"
    finding = checks.check_frequencies(showing(600), half)
    assert level(finding) == "refused"
    assert "number 0 600 times instead of 500" in finding.says
    # 500 of each, but one at the first place and the other at the second
    assert level(checks.check_frequencies(showing(500), half)) == "ok"
    finding = checks.check_frequencies(showing(500), half, place)
    assert level(finding) == "refused"
    assert "number 0 500 times instead of 250" in finding.says


@given(st.lists(st.integers(0, 3), min_size=40, max_size=80))
def test_where_probabilities_are_the_same_in_every_row_counts_are_tested_by_pearsons_chi_square(chosen):
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    counts = np.bincount(chosen, minlength=4)
    # at 40 rows a tenth is expected less than five times, so it is one with the others
    expected = len(chosen) * shares
    frequent = expected >= 5
    if not frequent.all():
        counts, expected = (
            np.append(counts[frequent], counts[~frequent].sum()),
            np.append(expected[frequent], expected[~frequent].sum()),
        )
    probabilities = np.tile(shares, (len(chosen), 1))
    assert frequency_p(np.array(chosen), probabilities) == pytest.approx(
        chisquare(counts, expected).pvalue, abs=1e-9
    )


def test_inverse_propensities_come_to_the_number_of_candidates():
    two = np.full(100, 2.0)
    # 1 / (0.5 · 2) = 1; claimed 0.48 and 0.4 it is 1.04 and 1.25 in every row
    assert level(checks.check_inverse_propensities(np.full(100, 0.5), two)) == "ok"
    assert level(checks.check_inverse_propensities(np.full(100, 0.48), two)) == "careful"
    assert level(checks.check_inverse_propensities(np.full(100, 0.4), two)) == "refused"


# --- support ---


def test_a_log_without_exploration_says_nothing_about_another_order():
    ones = np.ones(10)
    assert checks.check_exploration(np.full(10, 0.9), ones) is None
    assert level(checks.check_exploration(ones, ones)) == "ok"
    finding = checks.check_exploration(ones, np.array([1.0] * 7 + [0, 0, 0.5]))
    assert level(finding) == "refused"
    assert "3 of 10 rows" in finding.says


@pytest.mark.parametrize(("share", "expected"), [(0.005, "ok"), (0.05, "careful"), (0.2, "refused")])
def test_what_could_not_be_logged_is_a_share_of_the_target(share, expected):
    # in half of the rows twice the share, in the others nothing
    finding = checks.check_support(np.repeat([2 * share, 0.0], 50))
    assert level(finding) == expected
    assert f"{100 * share:.2g} %" in finding.says


def test_weights_are_one_in_the_mean_where_nothing_is_missing():
    # logging (1/2, 1/2), target (3/4, 1/4): weights are 1.5 and 0.5, with a deviation of 0.5
    def log(rows, first):
        return np.repeat([1.5, 0.5], [first, rows - first])

    assert level(checks.check_mean_weight(log(100, 50))) == "ok"
    # 1.05 with an error of 0.05 is chance; with one of 0.005 it is not
    assert level(checks.check_mean_weight(log(100, 55))) == "ok"
    finding = checks.check_mean_weight(log(10_000, 5_500))
    assert level(finding) == "careful"
    assert "propensities are too low" in finding.says
    # 1.3 is no small matter
    assert level(checks.check_mean_weight(log(10_000, 8_000))) == "refused"


def test_weighted_predictions_come_to_what_the_model_expects_of_the_target():
    # logging (1/2, 1/2), target (3/4, 1/4), the model expects 0.2 and 0.4: 0.25 under the target
    weights, predicted = np.tile([1.5, 0.5], 5000), np.tile([0.2, 0.4], 5000)
    assert level(checks.check_balance(weights, predicted, np.full(10_000, 0.25))) == "ok"
    # propensities of (0.45, 0.55) make it 0.167 · 2 and 0.0909 · 2 of each half, 0.2576
    lying = np.tile([0.75 / 0.45, 0.25 / 0.55], 5000)
    finding = checks.check_balance(lying, predicted, np.full(10_000, 0.25))
    assert level(finding) == "careful"
    assert "0.258, the model expects 0.25" in finding.says
    # (0.35, 0.65): 0.75 / 0.35 · 0.1 + 0.25 / 0.65 · 0.2 = 0.291
    lying = np.tile([0.75 / 0.35, 0.25 / 0.65], 5000)
    assert level(checks.check_balance(lying, predicted, np.full(10_000, 0.25))) == "refused"


def test_weights_below_one_mean_that_something_was_never_logged():
    # logging (1/2, 1/2, 0), target (0.4, 0.4, 0.2): every weight is 0.8
    finding = checks.check_mean_weight(np.full(10, 0.8))
    assert level(finding) == "refused"
    assert "not logged" in finding.says
    assert level(checks.check_mean_weight(np.full(10, 0.96))) == "careful"


# --- how much there is ---


@pytest.mark.parametrize(
    ("effective", "rows", "expected"),
    # 400 of 100,000 is less than one in a hundred
    [
        (49, 100, "refused"),
        (50, 100, "careful"),
        (299, 300, "careful"),
        (300, 300, "ok"),
        (400, 100_000, "careful"),
    ],
)
def test_rows_are_worth_fewer_of_the_targets_own(effective, rows, expected):
    assert level(estimate_checks.check_size(effective, rows)) == expected


def test_an_estimator_without_weights_has_no_effective_rows():
    assert estimate_checks.check_size(float("nan"), 1000) is None


@pytest.mark.parametrize(
    ("clicks", "expected"), [(9, "refused"), (10, "careful"), (29, "careful"), (30, "ok")]
)
def test_only_rewards_with_a_weight_count(clicks, expected):
    reward = np.repeat([1.0, 0.0, 1.0], [clicks, 100, 100])
    weights = np.repeat([2.0, 2.0, 0.0], [clicks, 100, 100])
    assert level(checks.check_rewards(reward, weights)) == expected


@pytest.mark.parametrize(("parts", "expected"), [(10, "ok"), (5, "careful"), (3, "refused")])
def test_no_unit_may_carry_the_estimate(parts, expected):
    # so many units that carry the same, and many that carry nothing
    assert level(estimate_checks.check_largest_unit(np.repeat([4.0, 0.0], [parts, 50]))) == expected
    # the rows of one unit are taken together
    unit = np.repeat(np.arange(parts + 50), 3)
    assert (
        level(estimate_checks.check_largest_unit(np.repeat([4.0, 0.0], [3 * parts, 150]), unit)) == expected
    )


def test_nothing_is_carried_where_there_is_nothing():
    assert estimate_checks.check_largest_unit(np.zeros(5)) is None


def pareto(shape, rows=20_000, seed=1):
    """Weights whose chance to be over x falls as x to the power of -1 / shape."""
    return np.random.default_rng(seed).random(rows) ** -shape


@pytest.mark.parametrize(("shape", "expected"), [(0.2, "ok"), (0.6, "careful"), (0.9, "refused")])
def test_weights_with_a_long_tail_make_intervals_too_short(shape, expected):
    mean_shape = np.mean([tail_shape(pareto(shape, seed=seed)) for seed in range(20)])
    assert mean_shape == pytest.approx(shape, abs=0.05)
    assert level(estimate_checks.check_weight_tail(pareto(shape, 400_000))) == expected
    # the longest tail counts
    assert level(estimate_checks.check_weight_tail(pareto(0.1), pareto(shape, 400_000))) == expected


def test_the_tail_of_weights_that_all_but_equal_each_other_is_not_seen():
    assert tail_shape(np.repeat([0.5, 1.5], 500)) is None
    assert estimate_checks.check_weight_tail(np.ones(1000)) is None


@given(st.integers(0, 100), st.floats(0.01, 100))
def test_the_shape_of_a_tail_has_no_unit_and_no_order(seed, unit):
    weights = pareto(0.4, 500, seed)
    assert tail_shape(weights[::-1] * unit) == pytest.approx(tail_shape(weights), abs=1e-6)


def test_bounded_weights_have_a_negative_shape():
    assert tail_shape(np.random.default_rng(2).random(20_000)) < -0.5


# --- clocks and arms ---


def test_outcomes_come_after_what_they_are_of():
    shown_at, came_at = np.full(1000, NOW - 100), np.full(1000, np.nan)
    assert level(checks.check_clocks(shown_at, came_at, NOW)) == "ok"
    came_at[:200] = NOW - 50
    assert level(checks.check_clocks(shown_at, came_at, NOW)) == "ok"
    came_at[0] = NOW - 101
    finding = checks.check_clocks(shown_at, came_at, NOW)
    assert level(finding) == "careful"
    assert "1 of 200 outcomes came before their list" in finding.says
    # 3 of 200 outcomes are over one in a hundred, though 3 of 1,000 rows are not
    came_at[:3] = NOW - 101
    assert level(checks.check_clocks(shown_at, came_at, NOW)) == "refused"


def test_times_to_come_and_times_that_are_none_are_no_times():
    shown_at, came_at = np.full(1000, NOW - 100), np.full(1000, np.nan)
    shown_at[:5] = NOW + 1
    finding = checks.check_clocks(shown_at, came_at, NOW)
    assert level(finding) == "careful"
    assert "5 rows are of a time to come" in finding.says
    shown_at[:20] = np.nan
    finding = checks.check_clocks(shown_at, came_at, NOW)
    assert level(finding) == "refused"
    assert "20 have no readable time" in finding.says
    assert level(checks.check_clocks(np.full(10, NOW), np.full(10, np.inf), NOW)) == "refused"


def test_units_are_dealt_as_the_shares_say():
    # 5,000 of 10,000 are expected with a deviation of 50: 5,060 is 1.2 of them, 5,200 is 4
    assert level(checks.check_shares({"a": 5060, "b": 4940}, (1, 1))) == "ok"
    finding = checks.check_shares({"a": 5200, "b": 4800}, (1, 1))
    assert level(finding) == "refused"
    assert "a 5,200 of 5,000, b 4,800 of 5,000" in finding.says
    assert checks.check_shares({"a": 10}, (1,)) is None
    assert checks.check_shares({"a": 0, "b": 0}, (1, 1)) is None


# --- places ---


def two_places(first, second, weights=(1.0, 1.0), pooled=False, rows=1000):
    """The finding about two places with that many clicks each, and a weight for each place."""
    reward = np.concatenate([np.repeat([1.0, 0.0], [clicks, rows - clicks]) for clicks in (first, second)])
    place = np.repeat([0, 1], rows)
    return checks.check_positions(reward, place, constants=[np.repeat(weights, rows)], pooled=pooled)


def test_places_matter_only_where_there_are_several():
    assert checks.check_positions(np.arange(9.0), np.zeros(9, dtype=np.intp), constants=[]) is None


def test_choices_of_several_places_go_together_where_rewards_do_not_depend_on_them():
    # 100 and 110 of 1,000 differ by 10 with a deviation of about 14
    finding = two_places(100, 110, (0.5, 1.5), pooled=True)
    assert level(finding) == "ok"
    assert "do not depend" in finding.says


def test_places_are_taken_for_merit_where_rewards_depend_on_them_and_probabilities_do_not():
    # 100 and 20 of 1,000 differ by 80 with a deviation of about 11
    assert level(two_places(100, 20)) == "ok"
    assert level(two_places(100, 20, pooled=True)) == "careful"
    assert level(two_places(100, 20, pooled=None)) == "careful"
    # the target's items stand mostly at the second place; of one weight a place there is no chance left
    finding = two_places(100, 20, (0.5, 1.5))
    assert level(finding) == "refused"
    assert "0.1 at place 1, 0.02 at 2" in finding.says


def test_two_groups_are_compared_by_the_two_sample_score_test():
    # means 0.1 and 0.02, 0.06 together: 0.08² over 0.06 · 0.94 · 2 / 1000 is a chi-square of 56.7
    reward = np.repeat([1.0, 0.0, 1.0, 0.0], [100, 900, 20, 980])
    place = np.repeat([0, 1], 1000)
    expected = chi2.sf(0.08**2 / (0.06 * 0.94 * 2 / 1000), 1)
    assert equal_means_p(reward, place) / expected == pytest.approx(1, rel=1e-6)


# --- the estimates ---


def test_both_intervals_of_an_estimate_say_the_same():
    assert level(estimate_checks.check_intervals(an_estimate(analytic_low=0.9, analytic_high=2.1))) == "ok"
    # 1 to 2 and 0.5 to 1.9: ends lie 0.5 apart, over a quarter of 1.4
    assert (
        level(estimate_checks.check_intervals(an_estimate(analytic_low=0.5, analytic_high=1.9))) == "careful"
    )
    assert estimate_checks.check_intervals(an_estimate(low=1.0, high=1.0)) is None
    assert estimate_checks.check_intervals(an_estimate(analytic_low=float("nan"))) is None


@pytest.mark.parametrize(
    ("mean", "expected"), [(0.45, "refused"), (0.75, "careful"), (0.95, "ok"), (1.3, "ok")]
)
def test_what_an_estimator_does_not_weigh_is_in_no_interval(mean, expected):
    finding = estimate_checks.check_weight_left(an_estimate("dros", mean_weight=mean))
    assert level(finding) == expected
    assert f"dros weighs {100 * mean:.0f} %" in finding.says


@pytest.mark.parametrize(
    ("first", "others", "expected"),
    [
        ("sniips", {"rips": 299.0, "snsips": 20.0}, "careful"),  # the most of those that assume less
        ("sniips", {"rips": 300.0, "snsips": 20.0}, "ok"),
        ("iips", {"sniips": 5000.0}, "careful"),  # it assumes as much
    ],
)
def test_places_are_taken_for_independent_only_where_that_could_be_checked(first, others, expected):
    estimates = [an_estimate(name, effective=effective) for name, effective in others.items()]
    finding = estimate_checks.check_independent_places(an_estimate(first), estimates)
    assert level(finding) == expected


def test_an_estimator_that_looks_at_the_list_above_takes_nothing_for_granted():
    assert estimate_checks.check_independent_places(an_estimate("snrips"), []) is None


def test_an_estimator_without_weights_keeps_none():
    assert estimate_checks.check_weight_left(an_estimate("dm", mean_weight=float("nan"))) is None


def test_estimators_that_should_all_be_right_agree():
    ips, snips = an_estimate("ips", 1, 2), an_estimate("snips", 1.9, 3)
    far = an_estimate("dr", 2.5, 3)
    assert level(estimate_checks.check_agreement([ips, snips])) == "ok"
    finding = estimate_checks.check_agreement([ips, snips, far])
    assert level(finding) == "careful"
    assert "dr says 2.5 to 3, ips 1 to 2" in finding.says


def test_only_estimators_that_should_be_right_are_asked():
    ips = an_estimate("ips", 1, 2)
    clipped = an_estimate("clipped_ips", 0.1, 0.2, mean_weight=0.5)
    few = an_estimate("dr", 3, 4, effective=20.0)
    model = an_estimate("dm", 3, 4, effective=float("nan"), mean_weight=float("nan"))
    by_replay = an_estimate("replay", 3, 4)
    assert estimate_checks.check_agreement([ips, clipped, few, model, by_replay]) is None


# --- the tests under them ---

weights = arrays(np.float64, st.integers(5, 60), elements=st.floats(0, 9).map(lambda value: round(value, 3)))


@given(weights)
def test_rows_said_twice_by_their_unit_say_nothing_more(values):
    twice = np.concatenate([values, values])
    unit = np.tile(np.arange(len(values)), 2)
    group = np.arange(len(values)) % 2
    assert mean_p(twice, 1.0, unit) == pytest.approx(mean_p(values, 1.0), abs=1e-6)
    both = equal_means_p(twice, np.concatenate([group, group]), unit)
    assert both == pytest.approx(equal_means_p(values, group), abs=1e-6)


def test_numbers_of_units_without_rows_are_nobody():
    assert sum_by_unit(np.array([1.0, 2, 3]), np.array([7, 2, 7])).tolist() == [2, 4]


def test_skewed_weights_are_found_off_as_often_as_said():
    rng = np.random.default_rng(1)
    # exp of a normal is 1 in the mean, and a plain t-test finds one in six too low at 5 %
    values = np.exp(rng.normal(-0.5, 1, (2000, 100)))
    share = np.mean([mean_p(row, 1.0) < 0.05 for row in values])
    plain = np.abs((values.mean(axis=1) - 1) / values.std(axis=1)) * 10 > 1.96
    assert share < plain.mean()
    assert 0.03 < share < 0.09


# --- all together ---


def test_nothing_known_is_nothing_said():
    assert judge(Evidence()) == Verdict(())
    assert judge(Evidence()).level == "ok"


def test_a_verdict_is_as_bad_as_its_worst_finding():
    ok, careful, refused = (Finding("x", level, "Says.") for level in ("ok", "careful", "refused"))
    assert Verdict((ok, careful, ok)).level == "careful"
    assert Verdict((careful, refused, ok)).level == "refused"
    assert Verdict((ok,)).level == "ok"


def test_from_impossible_numbers_nothing_is_computed():
    half = np.full(3, 0.5)
    log = Choices(reward=half, propensity=np.zeros(3), target=half)
    assert [item.code for item in judge(Evidence.of_choices(log)).findings] == ["numbers"]


def test_all_that_is_known_is_judged():
    log = draw(shop(1, places=3), 5000, 2)
    verdict = judge(
        Evidence.of_choices(
            log.choices, place=log.place, pooled=False, outside=log.outside, sums=log.claimed.sum(axis=1),
            candidates=np.full(5000, 20.0), chosen=log.item, probabilities=log.claimed,
            terms=Terms(estimator="ips", assumes="support", plain=log.choices.weights * log.choices.reward),
            estimate=an_estimate(), estimates=[an_estimate(), an_estimate("dr")],
            shown_at=np.full(5000, NOW), came_at=np.full(5000, np.nan), now=NOW,
            counts={"a": 500, "b": 510}, shares=(1, 1),
        )
    )  # fmt: skip
    assert {item.code for item in verdict.findings} == {
        "numbers", "rewards", "mean-weight", "inverse-propensities", "positions", "size", "skewed", "tails",
        "disagreement", "clocks", "dealt", "sums", "frequencies", "outside", "heavy", "balance", "kept",
    }  # fmt: skip
    assert verdict.level == "ok"


def test_of_lists_the_places_that_were_filled_are_rows():
    log = draw_lists(shelf(1), 4000, 2)
    verdict = judge(Evidence.of_lists(log))
    assert {item.code for item in verdict.findings} == {
        "numbers",
        "rewards",
        "mean-weight",
        "balance",
        "positions",
        "heavy",
        "size",
    }
    assert verdict.level == "ok"
    log.filled[:, 2] = False
    assert Evidence.of_lists(log).reward.shape == (8000,)
    log.filled[:, 1] = False
    assert "positions" not in {item.code for item in judge(Evidence.of_lists(log)).findings}


@pytest.mark.parametrize(
    ("knobs", "fault", "code"),
    [
        ({"missing": 2}, None, "mean-weight"),
        ({}, "wrong propensities", "inverse-propensities"),
        ({"places": 3}, "pooled places", "positions"),
    ],
)
def test_logs_that_cannot_answer_are_told_from_those_that_can(knobs, fault, code):
    def verdict(world, seed, fault):
        log = draw(world, 5000, seed, fault=fault)
        evidence = Evidence.of_choices(
            log.choices,
            place=log.place,
            pooled=False,
            candidates=np.full(5000, 20.0 - int((world.logging.sum(axis=(0, 1)) == 0).sum())),
        )
        return judge(evidence)

    for seed in range(5):
        broken = verdict(shop(seed, **knobs), seed, fault)
        assert code in {item.code for item in broken.findings if item.level == "refused"}
        assert verdict(shop(seed, places=knobs.get("places", 1)), seed, None).level != "refused"
