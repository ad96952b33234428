"""What users took next, of a shop whose vectors are planted."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ranking.planted import COUNT
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.sessions import (
    HeldOut,
    hold_out,
    judge_lists,
    recommend_like_newest,
    recommend_lists,
    recommend_popular,
    recommender_for,
)
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.arm import Arm, Profile, Rules
from vlclip.ranking.settings import Search

HISTORIES = {"anna": ["i1", "i2", "i3"], "ben": ["i1", "i9", "i1"], "cleo": ["i4"], "gone": ["i1", "sold"]}
SEARCH = Search()


@pytest.fixture
def held_out(store):
    return hold_out(HISTORIES, store)


def test_the_last_item_is_held_out_and_counted_nowhere(held_out):
    assert held_out.next_item == {"anna": "i3", "ben": "i1", "cleo": "i4"}
    assert held_out.before == {"anna": ["i1", "i2"], "ben": ["i1", "i9"], "cleo": []}
    assert (held_out.left_out, held_out.repeated, len(held_out.ids)) == (1, 1, COUNT)
    counts = dict(zip(held_out.ids, held_out.counts.tolist(), strict=True))
    assert {item: n for item, n in counts.items() if n} == {"i1": 2, "i2": 1, "i9": 1}


def test_with_nobody_left_it_is_said_why(store):
    with pytest.raises(EvaluationError, match="ingest the catalogue of these histories"):
        hold_out({"gone": ["sold"]}, store)


def test_of_fewer_users_the_others_still_count(held_out):
    first = held_out.first(1)
    assert list(first.next_item) == ["anna"]
    np.testing.assert_array_equal(first.counts, held_out.counts)
    assert held_out.first(None) == held_out


def test_what_is_popular_comes_in_order_without_what_was_had(held_out):
    popular = recommend_popular(held_out, 3)
    assert popular["cleo"] == ["i1", "i2", "i9"]
    assert popular["anna"] == ["i9", "i0", "i10"]  # i1 and i2 were theirs; then the smallest ids


def test_nothing_held_out_reaches_the_recommender(held_out, store):
    others = HeldOut(held_out.before, dict.fromkeys(held_out.next_item, "i7"), held_out.ids, 0, 0)
    answers = []
    for split in (held_out, others):
        with recommender_for(split, store, SEARCH, 20) as shop:
            answers.append((recommend_lists(split, shop, Arm(), 20), recommend_like_newest(split, shop, 20)))
    assert answers[0] == answers[1]


def test_a_history_of_one_item_is_answered_as_the_newest_item_is(held_out, store):
    arm = Arm(profile=Profile(events=1), rules=Rules(hide_history=True))
    short = HeldOut({"u": ["i5"], "v": ["i30"]}, {"u": "i6", "v": "i31"}, held_out.ids, 0, 0)
    with recommender_for(short, store, SEARCH, 30) as shop:
        assert recommend_lists(short, shop, arm, 30) == recommend_like_newest(short, shop, 30)


def test_lists_may_be_longer_than_the_settings_allow(held_out, store):
    with recommender_for(held_out, store, Search(max_limit=10), 40) as shop:
        assert len(recommend_lists(held_out.first(1), shop, Arm(), 40)["anna"]) == 40


def test_a_user_without_items_before_gets_what_others_took(held_out, store):
    with recommender_for(held_out, store, SEARCH, 3) as shop:
        lists = recommend_lists(held_out, shop, Arm(), 3)
        assert "cleo" not in recommend_like_newest(held_out, shop, 3)
    assert lists["cleo"][0] == "i1"


def test_every_figure_by_hand(held_out, store):
    # anna's is second, ben's is not there, cleo has no list
    judgement = judge_lists(held_out, {"anna": ["i8", "i3"], "ben": ["i8"]}, store, 2, 10)
    assert judgement.values["HITS@2"].tolist() == [1.0, 0.0, 0.0]
    assert judgement.values["nDCG@2"].tolist() == pytest.approx([1 / np.log2(3), 0, 0])
    assert judgement.values["MRR@10"].tolist() == [0.5, 0.0, 0.0]
    assert judgement.coverage == 2 / COUNT
    # i8 twice and i3 once of 300: 298 nothings, then places 299 and 300
    assert judgement.gini == pytest.approx((297 * 1 + 299 * 2) / (COUNT * 3))
    np.testing.assert_array_equal(judgement.values["popularity@2"], [0, 0, np.nan])
    np.testing.assert_allclose(judgement.values["novelty@2"], [np.log2(COUNT + 4)] * 2 + [np.nan])
    vectors = store.retrieve(["i3", "i8"], with_vector=True)
    cosine = float(vectors["i3"].vector @ vectors["i8"].vector) / 2  # both have two segments of length 1
    np.testing.assert_allclose(judgement.values["diversity@2"], [1 - cosine, np.nan, np.nan], atol=1e-6)
    # i3 and i4 were not taken before, i1 twice; anna and ben had two items, cleo none
    assert [(part.name, part.n) for part in judgement.by_item] == [
        ("0", 2),
        ("1-4", 1),
        ("5-19", 0),
        ("20+", 0),
    ]
    assert judgement.by_item[0].figure.value == 0.5
    assert [(part.name, part.n) for part in judgement.by_user] == [
        ("0", 1),
        ("1-4", 2),
        ("5-19", 0),
        ("20+", 0),
    ]


def test_an_answer_is_what_the_recommender_gives_that_user(held_out, store):
    with recommender_for(held_out, store, SEARCH, 5) as shop:
        answer = shop.recommend("user:anna", page=Page(limit=5))
        assert recommend_lists(held_out, shop, Arm(), 5)["anna"] == [hit.id for hit in answer]
        assert answer.strategy == "history"


def test_the_order_of_the_users_changes_no_figure(store):
    answers = []
    for histories in (HISTORIES, dict(reversed(HISTORIES.items()))):
        held_out = hold_out(histories, store).first(None)
        with recommender_for(held_out, store, SEARCH, 10) as shop:
            judgement = judge_lists(held_out, recommend_lists(held_out, shop, Arm(), 10), store, 5, 10)
        answers.append({name: values.tolist() for name, values in judgement.values.items()})
    assert answers[0] == answers[1]
