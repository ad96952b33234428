"""The log as arrays: the feature behind each part of a score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ranking.planted import PlantedEmbedder
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.experiments.exposure import Exposure, ShownItem
from vlclip.ranking.experiments.outcome import NOTHING, Outcome
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.learning.rows import evidence
from vlclip.ranking.lists.arm import Arm, arm_of
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search

PLAIN = Arm()
SOLD = arm_of({"id": "sold", "rules": {"boosts": [{"field": "sold", "weight": 0.2}]}}, "test")
CLICK = Outcome(clicks=2)


def a_list(items, weights, *, kind="similar", unit="user:1", arm=PLAIN, clicks=(), offset=0, **more):
    """A list of items with these parts, and its outcomes."""
    context = {"weights": weights} | more.pop("context", {})
    shown_items = tuple(ShownItem(f"i{n}", sum(parts.values()), parts) for n, parts in enumerate(items))
    exposure = Exposure(
        request_id=f"r{a_list.count}", time=1000.0 + a_list.count, kind=kind, unit=unit,
        arm=f"{arm.id}@{arm.hash}", items=shown_items, offset=offset, context=context, **more,
    )  # fmt: skip
    a_list.count += 1
    return exposure, tuple(CLICK if n in clicks else NOTHING for n in range(len(items)))


a_list.count = 0


def column(log_evidence, name):
    return log_evidence.rows.features[:, log_evidence.rows.names.index(name)]


cosine = st.floats(-1, 1, width=32)
items_of_cosines = st.lists(st.tuples(cosine, cosine, cosine), min_size=1, max_size=4)
weight = st.floats(0.01, 10)


@given(st.lists(st.tuples(weight, weight, weight, items_of_cosines), min_size=1, max_size=5))
def test_feature_times_weight_is_the_score_however_weights_change(lists):
    # the profile beside the question is scaled by the segments' weights as well
    logged = [
        a_list(
            [{"image": w * a, "text": v * b, "history": beta * (w + v) * c} for a, b, c in items],
            {"image": w, "text": v, "history": beta, "lexical": 1.0},
        )
        for w, v, beta, items in lists
    ]
    # every part varies, so every part is learned
    logged.append(
        a_list(
            [{"image": 1.0, "text": 0.0, "history": 0.0}, {"image": 0.0, "text": 1.0, "history": 2.0}],
            {"image": 1.0, "text": 1.0, "history": 1.0, "lexical": 1.0},
        )
    )
    rows = evidence([logged], PLAIN).rows
    assert rows.names == ("image", "text", "history")
    row = 0
    for w, v, beta, items in lists:
        for n in range(len(items)):
            score = rows.features[row] @ [w, v, beta * (w + v)]
            assert score == pytest.approx(sum(logged[rows.list[row]][0].items[n].parts.values()), abs=1e-5)
            row += 1


def test_rows_say_who_saw_what_where_and_clicked_it():
    weights = {"image": 2.0, "text": 0.5}
    two = [{"image": 1.0, "text": 0.25}, {"image": 0.5, "text": 0.5, "diversity": -0.1}]
    log_evidence = evidence(
        [
            [a_list(two, weights, unit="user:b", clicks=[1])],
            [
                a_list(two, weights, unit="user:a", offset=10, temperature=0.1),
                a_list(two, weights, unit="user:b"),
            ],
        ],
        PLAIN,
    )
    rows = log_evidence.rows
    assert rows.features.tolist() == [[0.5, 0.5], [0.25, 1.0]] * 3
    assert rows.clicked.tolist() == [False, True, False, False, False, False]
    assert rows.place.tolist() == [0, 1, 10, 11, 0, 1]
    assert rows.list.tolist() == [0, 0, 1, 1, 2, 2]
    assert rows.unit.tolist() == [0, 0, 1, 1, 0, 0]
    assert rows.target.tolist() == [2.0, 0.5]
    assert rows.counts == {"lists": 3, "shoppers": 2, "shown": 6, "clicked": 1}
    assert log_evidence.explored == pytest.approx(1 / 3)
    assert log_evidence.until - log_evidence.since == 2


TWO = [{"image": 1.0, "text": 0.2}, {"image": 0.5, "text": 0.5}]
BOTH = {"image": 1.0, "text": 1.0}


def test_lists_that_say_nothing_are_left_out_and_counted():
    log_evidence = evidence(
        [
            [
                a_list(TWO, BOTH),
                a_list([], BOTH),
                a_list(TWO, BOTH, unit=""),
                a_list([{"popular": 1.0}, *TWO], BOTH),
                a_list(TWO, BOTH, context={"strategy": "popular"}),
                a_list(TWO, {}),
            ]
        ],
        PLAIN,
    )
    assert log_evidence.rows.counts["lists"] == 1
    assert sum(log_evidence.left_out.values()) == 5
    assert log_evidence.left_out["popular items, which have no other parts"] == 2
    with pytest.raises(EvaluationError, match="1 \\(nothing was shown\\)"):
        evidence([[a_list([], BOTH)]], PLAIN)
    with pytest.raises(EvaluationError, match="the log has no lists"):
        evidence([], PLAIN)


def test_a_list_in_which_a_part_weighed_0_is_left_out():
    dark = [{"image": 1.0, "text": 0.0}, {"image": 0.5, "text": 0.0}]
    lists = [a_list(TWO, BOTH), a_list(TWO, BOTH), a_list(dark, {"image": 1.0, "text": 0.0})]
    log_evidence = evidence([lists], PLAIN)
    assert log_evidence.rows.counts["lists"] == 2
    assert log_evidence.left_out == {"text weighed 0, or the arm is not known": 1}


def test_a_part_that_most_lists_say_nothing_of_is_not_learned_and_costs_no_list():
    dark = {"image": 1.0, "text": 1.0, "history": 0.0}
    log_evidence = evidence(
        [[a_list(TWO, dark), a_list(TWO, dark), a_list(TWO, {**dark, "history": 0.3})]], PLAIN
    )
    assert log_evidence.rows.names == ("image", "text")
    assert log_evidence.rows.counts["lists"] == 3
    assert "it weighed 0" in log_evidence.unlearned["history"]
    assert log_evidence.reference == dark


def test_a_part_that_never_varies_is_not_learned():
    log_evidence = evidence([[a_list(TWO, {**BOTH, "behaviour": 1.0})]], PLAIN)
    assert log_evidence.unlearned == {"behaviour": "it does not vary within any list"}
    assert log_evidence.rows.names == ("image", "text")


def test_of_recommendations_nothing_is_asked_that_they_never_have():
    weights = {**BOTH, "history": 0.0, "lexical": 0.0}
    parts = [{"image": 1.0, "text": 0.2, "lexical": 0.4}, {"image": 0.5, "text": 0.5, "lexical": 0.0}]
    lists = [a_list(TWO, weights, kind="recommendations") for _ in range(5)]
    lists.append(a_list(parts, {**BOTH, "lexical": 0.8, "history": 0.0}, kind="search"))
    log_evidence = evidence([lists], PLAIN)
    assert log_evidence.rows.counts["lists"] == 6
    assert log_evidence.rows.kinds == ("recommendations", "search")
    assert column(log_evidence, "lexical").tolist() == pytest.approx([0.0] * 10 + [0.5, 0.0])


BOOSTED = [{"image": 1.0, "text": 0.2, "boost.sold": 0.1}, {"image": 0.5, "text": 0.5, "boost.sold": 0.0}]


def test_a_boost_is_known_by_its_arm():
    stronger = arm_of(
        {"id": "more", "rules": {"boosts": [{"field": "sold", "weight": 0.4}]}, "weights": {"text": 1.0}},
        "test",
    )
    lists = [a_list(BOOSTED, BOTH, arm=SOLD), a_list(BOOSTED, BOTH, arm=stronger)]
    log_evidence = evidence([lists], SOLD, [stronger])
    # 0.1 is half of the most that one boost adds, and a quarter of the most that the other adds
    assert column(log_evidence, "boost.sold").tolist() == pytest.approx([0.5, 0.0, 0.25, 0.0])
    assert log_evidence.reference["boost.sold"] == 0.2
    assert log_evidence.arms == {f"sold@{SOLD.hash}": 1, f"more@{stronger.hash}": 1}


def test_a_boost_of_an_arm_that_is_not_known_or_of_another_shape_says_nothing():
    other = arm_of({"id": "o", "rules": {"boosts": [{"field": "sold", "weight": 0.2, "half": 9}]}}, "test")
    lists = [a_list(BOOSTED, BOTH, arm=SOLD) for _ in range(2)]
    assert evidence([[*lists, a_list(BOOSTED, BOTH, arm=other)]], SOLD).left_out == {
        "boost.sold weighed 0, or the arm is not known": 1
    }
    assert evidence([[*lists, a_list(BOOSTED, BOTH, arm=other)]], SOLD, [other]).rows.counts["lists"] == 2
    assert "boost.sold" in evidence([[a_list(BOOSTED, BOTH, arm=SOLD)]], other, [SOLD]).unlearned
    # a list whose arm has no boost says nothing of boosts
    assert evidence([lists], PLAIN).rows.names == ("image", "text")


def test_in_force_is_what_most_lists_of_the_base_arm_had():
    other = arm_of({"id": "other", "weights": {"text": 2.0}}, "test")
    lists = [a_list(TWO, {"image": 1.0, "text": 2.0}, arm=other) for _ in range(3)]
    lists += [a_list(TWO, {"image": 3.0, "text": 1.0}), a_list(TWO, BOTH), a_list(TWO, BOTH)]
    assert evidence([lists], PLAIN).reference == BOTH
    assert evidence([lists], other).reference == {"image": 1.0, "text": 2.0}
    assert evidence([lists], SOLD).reference == {"image": 1.0, "text": 2.0, "boost.sold": 0.2}
    assert np.array_equal(evidence([lists], other).rows.target, [1.0, 2.0])


def test_what_the_recommender_serves_is_taken_apart_again(store):
    arm = arm_of(
        {
            "id": "all",
            "weights": {"image": 0.8, "text": 0.5, "history": 0.4, "lexical": 0.6},
            "rules": {"boosts": [{"field": "popularity", "weight": 0.3, "half": 5}]},
            "diversity": {"amount": 0.3},
        },
        "test",
    )
    history = SqliteHistory(None)
    history.add([Event(id="e", kind="view", item="i9", time=1.0, user="anna")])
    shop = Recommender(store, PlantedEmbedder, Search(), history)
    answers = {
        "similar": shop.similar("i1", shopper="user:anna", arm=arm),
        "search": shop.search("red number7", shopper="user:anna", arm=arm),
        "recommendations": shop.recommend("user:anna", arm=arm),
    }
    history.close()
    lists = [
        a_list(
            [result.parts for result in answer], dict(answer.weights), kind=kind, unit="user:anna", arm=arm
        )
        for kind, answer in answers.items()
    ]
    log_evidence = evidence([lists], arm)
    assert set(log_evidence.rows.names) == {"image", "text", "history", "lexical", "boost.popularity"}
    relevance = [result.score - result.parts["diversity"] for answer in answers.values() for result in answer]
    assert log_evidence.rows.features @ log_evidence.rows.target == pytest.approx(relevance, abs=1e-5)
    cosines = np.stack([column(log_evidence, "image"), column(log_evidence, "text")])
    assert np.abs(cosines).max() <= 1 + 1e-5
    # x / (x + 5) of a number up to 16
    assert column(log_evidence, "boost.popularity").max() <= 16 / 21 + 1e-5
