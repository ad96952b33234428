"""Measures that can be worked out by hand.

Four items: a has grade 2, b grade 1, c grade 0, d was never judged. The list is c, a, d, b.
"""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.measures import condense, measure_run

STANDARD = ("nDCG@10", "MRR", "P@10", "R@10", "HITS@10", "AP", "Judged@10")
QRELS = {"q": {"a": 2, "b": 1, "c": 0}}
RUN = {"q": [("c", 4.0), ("a", 3.0), ("d", 2.0), ("b", 1.0)]}

ITEMS = tuple("abcdefgh")
graded = st.dictionaries(st.sampled_from(ITEMS), st.integers(0, 3), min_size=1)
ranked = st.lists(st.sampled_from(ITEMS), unique=True, min_size=1)


def value(name, run=RUN, qrels=QRELS, **how):
    (only,) = measure_run(run, qrels, [name], **how)[name]
    return only


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # gains 0, 2, 0, 1 at ranks 1 to 4: 2 / log2(3) + 1 / log2(5) = 1.6925;
        # the ideal order has 2 + 1 / log2(3) = 2.6309
        ("nDCG@10", 0.6433),
        ("nDCG", 0.6433),
        # the first two alone: 1.2619 / 2.6309
        ("nDCG@2", 0.4796),
        # gains 2^2 - 1 and 2^1 - 1: 3 / log2(3) + 1 / log2(5) = 2.3235; ideal: 3 + 1 / log2(3) = 3.6309
        ("nDCG-exp@10", 0.6399),
        ("MRR", 0.5),  # a is second
        ("MRR@1", 0.0),
        ("P@2", 0.5),  # a of c, a
        ("P@10", 0.2),  # two of ten places, though the list has four
        ("R@2", 0.5),  # a of a, b
        ("R@4", 1.0),
        ("HITS@1", 0.0),
        ("HITS@2", 1.0),
        ("AP", 0.5),  # precision 1/2 at a, 2/4 at b
        ("AP@2", 0.25),  # 1/2 at a, b not there
        ("Judged@2", 1.0),
        ("Judged@4", 0.75),  # all but d
        ("Judged@10", 0.75),  # of the four that are shown
    ],
)
def test_every_measure_is_what_it_is_by_hand(name, expected):
    assert value(name) == pytest.approx(expected, abs=1e-4)


def test_a_condensed_list_is_measured_without_what_nobody_judged():
    # c, a, b: 2 / log2(3) + 1 / log2(4) = 1.7619 of 2.6309
    short = condense(RUN, QRELS)
    assert [item for item, _ in short["q"]] == ["c", "a", "b"]
    assert value("nDCG@10", short) == pytest.approx(0.6697, abs=1e-4)
    assert value("Judged@10", short) == 1.0


def test_grades_that_are_means_of_raters_count_as_they_are():
    # a 1.5, b 0.5, listed b, a: 0.5 + 1.5 / log2(3) = 1.4464; ideal: 1.5 + 0.5 / log2(3) = 1.8155
    qrels, run = {"q": {"a": 1.5, "b": 0.5}}, {"q": [("b", 2.0), ("a", 1.0)]}
    assert value("nDCG", run, qrels) == pytest.approx(0.7967, abs=1e-4)
    assert value("MRR", run, qrels) == 0.5  # b is under 1
    assert value("MRR", run, qrels, relevant=0.5) == 1.0
    thirds = {"q": {"a": 5 / 3, "b": 2 / 3}}
    assert value("MRR", run, thirds, relevant=2 / 3) == 1.0


def test_a_query_without_an_answer_scores_nothing_and_one_that_was_not_judged_does_not_count():
    qrels = {"q": {"a": 1}, "silent": {"a": 1}, "absent": {"a": 1}}
    run = {"q": [("a", 1.0)], "silent": [], "other": [("a", 1.0)]}
    values = measure_run(run, qrels, STANDARD)
    assert values["nDCG@10"].tolist() == [1.0, 0.0, 0.0]
    np.testing.assert_array_equal(values["Judged@10"], [1.0, np.nan, np.nan])
    assert measure_run({}, qrels, ["MRR"])["MRR"].tolist() == [0.0, 0.0, 0.0]


def test_a_query_of_which_nothing_is_relevant_scores_nothing():
    values = measure_run({"q": [("a", 1.0)]}, {"q": {"a": 0, "b": -1}}, STANDARD)
    assert all(values[name].tolist() == [0.0] for name in STANDARD if name != "Judged@10")


@given(ranked, graded, st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=8, max_size=8))
def test_the_order_given_is_the_order_measured_whatever_the_scores(items, grades, scores):
    names = [*STANDARD, "MRR@3", "P@3", "nDCG@3", "nDCG-exp@3"]
    plain = measure_run({"q": [(item, -float(n)) for n, item in enumerate(items)]}, {"q": grades}, names)
    other = measure_run({"q": list(zip(items, scores, strict=False))}, {"q": grades}, names)
    for name in names:
        np.testing.assert_array_equal(plain[name], other[name])


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("name", ["nDCG@1", "MRR@1", "P@1", "AP@1", "R@1", "HITS@1"])
def test_of_equal_scores_the_first_is_first_whichever_its_id(order, name):
    run = {"q": [(item, 1.0) for item in order]}
    assert value(name, run, {"q": {"a": 1}}) == (order == "ab")


@given(ranked, graded)
def test_every_measure_lies_between_nothing_and_the_ideal(items, grades):
    own = measure_run({"q": [(item, 0.0) for item in items]}, {"q": grades}, STANDARD)
    assert all(0 <= values[0] <= 1 + 1e-9 for values in own.values())
    ideal = sorted(grades, key=lambda item: -grades[item])
    best = measure_run({"q": [(item, 0.0) for item in ideal]}, {"q": grades}, STANDARD)
    assert own["nDCG@10"][0] <= best["nDCG@10"][0] + 1e-9


@given(ranked, graded)
def test_condensing_is_what_trec_eval_calls_judged_only(items, grades):
    run = {"q": [(item, 0.0) for item in items]}
    own = measure_run(condense(run, {"q": grades}), {"q": grades}, ["nDCG@3"])["nDCG@3"][0]
    scored = {"q": {item: -float(n) for n, item in enumerate(items)}}
    theirs = ir_measures.calc_aggregate([ir_measures.nDCG(judged_only=True) @ 3], {"q": grades}, scored)
    assert own == pytest.approx(next(iter(theirs.values())))


@given(ranked, graded)
def test_a_common_factor_of_the_grades_does_not_change_ndcg(items, grades):
    run = {"q": [(item, 0.0) for item in items]}
    thirds = {item: grade / 3 for item, grade in grades.items()}
    assert value("nDCG@10", run, {"q": thirds}) == pytest.approx(value("nDCG@10", run, {"q": grades}))


@pytest.mark.parametrize("name", ["nDGC@10", "P", "P@0", "HITS", "Judged", "nDCG@ten", ""])
def test_a_measure_that_is_none_is_named(name):
    with pytest.raises(EvaluationError, match="no measure"):
        measure_run(RUN, QRELS, [name])


def test_without_judgements_nothing_is_measured():
    with pytest.raises(EvaluationError, match="no judgements"):
        measure_run(RUN, {}, STANDARD)
