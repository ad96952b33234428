"""What an arm makes of lists that it or another arm made, through the real recommender."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from tests.ranking.evaluation.replay.conftest import ANNA, DRAWN, PLAIN, Front, an_arm
from tests.ranking.planted import INFO, planted_points
from vlclip.engine.filters import parse_json
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.replay.logged_list import LoggedList, read_logged_list
from vlclip.ranking.evaluation.replay.policy import ANCHOR_GONE, CANDIDATE_GONE, ArmPolicy, CallablePolicy
from vlclip.service.settings import Settings

BLUE = parse_json({"colour": "blue"})
ARMS = {
    "drawn": DRAWN,
    "boosted": an_arm(rules={"boosts": [{"field": "popularity", "weight": 0.3, "half": 5}]}),
    "varied": an_arm(diversity={"amount": 0.4, "window": 40}),
    "capped and varied": an_arm(diversity={"amount": 0.3, "at_most": {"colour": 8}}),
    "pinned": an_arm(rules={"pins": ["i7", "i290"]}),
    "shallow": an_arm(exploration={"temperature": 0.2, "depth": 4}),
    "by photo": an_arm(weights={"text": 0.0, "history": 0.2}),
    "several interests": an_arm(profile={"apart": 0.9}),
}


def read(row):
    logged = read_logged_list(row[0])
    assert isinstance(logged, LoggedList)
    return logged


def log_of(front, arm):
    """Lists of every kind, for a shopper and for nobody, with all that a request may set."""
    for n in range(4):
        front.did("click", f"i{n * 13}")
    front.did("purchase", "i8", user="bob")
    front.similar("i1", arm)
    front.similar("i2", arm, unit=ANNA, limit=6, exclude=("i3", "i4"), diversity=0.2)
    front.search("red item number7", arm)
    front.search("blue", arm, unit=ANNA, weights={"image": 0.3}, filter=BLUE)
    front.recommend(ANNA, arm)
    front.did("dislike", "i13")
    front.recommend(ANNA, arm, filter=BLUE)
    front.recommend("user:nobody knows", arm)
    return front.logged


@pytest.mark.parametrize("name", ARMS)
def test_the_arm_that_made_a_log_has_its_propensities_whatever_happened_since(front, name):
    arm = ARMS[name]
    log = log_of(front, arm)
    front.did("purchase", "i100", at=front.now)
    front.did("click", "i200", user="bob", at=front.now)
    policy = ArmPolicy(arm, front.past())
    for row in log:
        logged = read(row)
        chances = policy.probabilities(logged)
        rows = np.arange(len(logged.chosen))
        logging = [each.propensity for each in row[0].items]
        np.testing.assert_allclose(chances.next[rows, logged.chosen], logging, rtol=1e-9)
        np.testing.assert_allclose(chances.next.sum(axis=1), 1, rtol=1e-9)
        assert chances.outside == 0
        assert chances.own == logged.items  # chance falls alike on the same question on the same day
        assert chances.place is not None
        assert (chances.place > 0).all()


def test_an_arm_without_chance_is_certain_of_its_own_list_and_of_no_other(front):
    log = log_of(front, PLAIN)
    other = an_arm("other", exploration={"temperature": 0}, weights={"image": 0.0})
    same, another = ArmPolicy(PLAIN, front.past()), ArmPolicy(other, front.past())
    for row in log[:2]:
        logged = read(row)
        assert not logged.is_drawn
        rows = np.arange(len(logged.chosen))
        chances = same.probabilities(logged)
        np.testing.assert_array_equal(chances.next[rows, logged.chosen], 1)
        np.testing.assert_array_equal(chances.place, 1)
        assert (chances.outside, chances.own) == (0, logged.items)
        chances = another.probabilities(logged)
        assert chances.next[rows, logged.chosen].prod() == 0
        assert chances.outside == np.mean([item not in logged.items for item in chances.own]) > 0


def test_an_arm_without_chance_takes_the_candidates_in_its_own_order(front):
    logged = read(front.similar("i1", DRAWN))
    plain = an_arm("plain", exploration={"temperature": 0}, weights={"image": 0.0})
    chances = ArmPolicy(plain, front.past()).probabilities(logged)
    ranked = front.recommender.similar("i1", arm=plain, page=replace(logged.request.page, limit=200))
    order = [result.id for result in ranked if result.id in logged.candidates]
    for place, row in enumerate(chances.next):
        left = [item for item in order if item not in logged.items[:place]]
        assert [logged.candidates[column] for column in np.flatnonzero(row)] == left[:1]


@pytest.mark.parametrize("kind", ["similar", "search", "recommendations"])
def test_candidates_score_what_they_would_among_all_items(front, kind):
    for n in range(4):
        front.did("click", f"i{n * 13}")
    row = {
        "similar": lambda: front.similar("i1", unit=ANNA),
        "search": lambda: front.search("red number7", unit=ANNA, filter=BLUE),
        "recommendations": lambda: front.recommend(ANNA),
    }[kind]()
    logged = read(row)
    other = an_arm(
        "other", weights={"image": 0.1, "lexical": 0.4}, profile={"apart": 0.9},
        exploration={"temperature": 0.3, "depth": 25},
    )  # fmt: skip
    chances = ArmPolicy(other, front.past()).probabilities(logged)
    whole = front.past().answer(
        logged, other.model_copy(update={"exploration": other.exploration.model_copy(update={"depth": 300})})
    )
    scores = dict(whole.explored)
    assert len(scores) >= 90
    assert 0 < chances.outside < 1
    expected = np.array([scores[item] for item in logged.candidates])
    np.testing.assert_allclose(chances.scores, expected, rtol=1e-5)
    odds = np.exp((expected - expected.max()) / 0.3)
    np.testing.assert_allclose(chances.next[0], odds / odds.sum(), rtol=1e-4)


def test_what_caps_filters_and_rules_keep_out_has_probability_0(front):
    logged = read(front.similar("i1"))
    colours = {item: int(item[1:]) % 3 for item in logged.candidates}
    capped = ArmPolicy(an_arm("capped", diversity={"at_most": {"colour": 2}}), front.past())
    chances = capped.probabilities(logged)
    likely = [item for item, chance in zip(logged.candidates, chances.next[0], strict=True) if chance]
    assert sorted(colours[item] for item in likely) == [0, 0, 1, 1, 2, 2]
    assert np.isnan(chances.scores).sum() == len(logged.candidates) - 6
    # six may be shown, so after the places where those are used up nothing is left
    assert set(np.round(chances.next.sum(axis=1), 9)) <= {0.0, 1.0}
    blue = ArmPolicy(an_arm("blue", rules={"include": ["colour=blue"]}), front.past())
    chances = blue.probabilities(logged)
    for item, chance in zip(logged.candidates, chances.next[0], strict=True):
        assert (chance > 0) == (colours[item] == 2)
    front.did("purchase", logged.candidates[0], at=logged.exposure.time - 1)
    front.did("purchase", logged.candidates[1], at=logged.exposure.time + 1)
    hiding = ArmPolicy(an_arm("hiding", rules={"hide_bought": True}), front.past())
    bought = read((replace(logged.exposure, unit=ANNA), ()))
    first = hiding.probabilities(bought).next[0]
    assert first[0] == 0
    assert first[1] > 0


def test_a_pin_among_the_candidates_is_certain_to_come_first(front):
    logged = read(front.similar("i1"))
    pinned = logged.candidates[3]
    chances = ArmPolicy(an_arm("pinned", rules={"pins": [pinned, "i250"]}), front.past()).probabilities(
        logged
    )
    assert chances.next[0].tolist() == [float(item == pinned) for item in logged.candidates]
    assert chances.own[:2] == (pinned, "i250")
    assert chances.outside >= 0.1  # the second pin was no candidate


def test_lists_whose_items_are_gone_say_so(tmp_path, vectors, history):
    with closing(open_store(str(tmp_path / "s"), Settings.load(), INFO)) as store:
        store.upsert(planted_points(vectors)[:100])
        front = Front(store, history)
        first, second = read(front.similar("i1")), read(front.similar("i2"))
        deleted = next(item for item in first.candidates if item not in {"i2", *second.candidates})
        store.delete([deleted, "i2"])
        policy = ArmPolicy(DRAWN, front.past())
        assert policy.probabilities(first) == CANDIDATE_GONE
        assert policy.probabilities(second) == ANCHOR_GONE


def test_a_list_that_the_arm_does_not_answer_says_why(front):
    logged = read(front.similar("i5", weights={"text": 1.0}))  # an item without a photo
    request = replace(logged.request, weights={"text": 0.0})
    blind = replace(logged, request=request)
    assert "empty-query" in str(ArmPolicy(DRAWN, front.past()).probabilities(blind))


def test_any_ranker_can_be_read(front):
    logged = read(front.similar("i1"))
    count = len(logged.candidates)

    def backwards(exposure, candidates):
        assert exposure is logged.exposure
        return np.arange(len(candidates), dtype=float)

    chances = CallablePolicy("mine", backwards).probabilities(logged)
    assert chances.own == logged.candidates[::-1][: len(logged.items)]
    assert chances.next[0].tolist() == [0] * (count - 1) + [1]
    drawn = CallablePolicy("mine", backwards, temperature=1.0).probabilities(logged)
    odds = np.exp(np.arange(count))
    np.testing.assert_allclose(drawn.next[0], odds / odds.sum())
    same = CallablePolicy("mine", lambda *_: odds / odds.sum(), gives="probabilities").probabilities(logged)
    np.testing.assert_allclose(same.next, drawn.next)
    np.testing.assert_allclose(same.place, drawn.place)
    by_place = CallablePolicy("mine", lambda *_: drawn.next, gives="probabilities").probabilities(logged)
    np.testing.assert_array_equal(by_place.next, drawn.next)
    assert by_place.place is None


@pytest.mark.parametrize(
    ("gives", "call"),
    [
        ("scores", lambda _, ids: np.zeros(len(ids) - 1)),
        ("scores", lambda _, ids: np.full(len(ids), np.nan)),
        ("probabilities", lambda _, ids: np.ones(len(ids))),
        ("probabilities", lambda _, ids: np.full(len(ids), -0.1)),
    ],
)
def test_a_ranker_that_gives_something_else_is_refused(front, gives, call):
    logged = read(front.similar("i1"))
    with pytest.raises(EvaluationError, match="mine has to give"):
        CallablePolicy("mine", call, gives=gives).probabilities(logged)
