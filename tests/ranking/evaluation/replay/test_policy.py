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
from vlclip.ranking.evaluation.replay.contexts import Context, read_context
from vlclip.ranking.evaluation.replay.policy import GONE, NO_MORE, ArmPolicy, CallablePolicy
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


def asked(logged):
    context = read_context(logged[0])
    assert isinstance(context, Context)
    return context


def log_of(front, arm):
    """Lists of every kind, of somebody and of nobody, with what a request may ask for."""
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
    logged = log_of(front, arm)
    front.did("purchase", "i100", at=front.now)
    front.did("click", "i200", user="bob", at=front.now)
    policy = ArmPolicy(arm, front.past())
    for one in logged:
        context = asked(one)
        found = policy.probabilities(context)
        rows = np.arange(len(context.chosen))
        logging = [shown.propensity for shown in one[0].items]
        np.testing.assert_allclose(found.next[rows, context.chosen], logging, rtol=1e-9)
        np.testing.assert_allclose(found.next.sum(axis=1), 1, rtol=1e-9)
        assert found.outside == 0
        assert found.own == context.shown  # chance falls alike on the same question on the same day
        assert found.place is not None
        assert (found.place > 0).all()


def test_an_arm_without_chance_is_certain_of_its_own_list_and_of_no_other(front):
    logged = log_of(front, PLAIN)
    other = an_arm("other", exploration={"temperature": 0}, weights={"image": 0.0})
    same, another = ArmPolicy(PLAIN, front.past()), ArmPolicy(other, front.past())
    for one in logged[:2]:
        context = asked(one)
        assert not context.is_drawn
        rows = np.arange(len(context.chosen))
        found = same.probabilities(context)
        np.testing.assert_array_equal(found.next[rows, context.chosen], 1)
        np.testing.assert_array_equal(found.place, 1)
        assert (found.outside, found.own) == (0, context.shown)
        found = another.probabilities(context)
        assert found.next[rows, context.chosen].prod() == 0
        assert found.outside == np.mean([item not in context.shown for item in found.own]) > 0


def test_an_arm_without_chance_takes_the_candidates_in_its_own_order(front):
    context = asked(front.similar("i1", DRAWN))
    plain = an_arm("plain", exploration={"temperature": 0}, weights={"image": 0.0})
    found = ArmPolicy(plain, front.past()).probabilities(context)
    ranked = front.recommender.similar("i1", arm=plain, page=replace(context.page, limit=200))
    order = [one.id for one in ranked if one.id in context.candidates]
    for place, chances in enumerate(found.next):
        left = [item for item in order if item not in context.shown[:place]]
        assert [context.candidates[row] for row in np.flatnonzero(chances)] == left[:1]


@pytest.mark.parametrize("kind", ["similar", "search", "recommendations"])
def test_candidates_score_what_they_would_among_all_items(front, kind):
    for n in range(4):
        front.did("click", f"i{n * 13}")
    logged = {
        "similar": lambda: front.similar("i1", unit=ANNA),
        "search": lambda: front.search("red number7", unit=ANNA, filter=BLUE),
        "recommendations": lambda: front.recommend(ANNA),
    }[kind]()
    context = asked(logged)
    other = an_arm(
        "other", weights={"image": 0.1, "lexical": 0.4}, profile={"apart": 0.9},
        exploration={"temperature": 0.3, "depth": 25},
    )  # fmt: skip
    found = ArmPolicy(other, front.past()).probabilities(context)
    whole = front.past().answer(
        context, other.model_copy(update={"exploration": other.exploration.model_copy(update={"depth": 300})})
    )
    scores = dict(whole.explored)
    assert len(scores) >= 90
    assert 0 < found.outside < 1
    expected = np.array([scores[item] for item in context.candidates])
    np.testing.assert_allclose(found.scores, expected, rtol=1e-5)
    odds = np.exp((expected - expected.max()) / 0.3)
    np.testing.assert_allclose(found.next[0], odds / odds.sum(), rtol=1e-4)


def test_what_caps_filters_and_rules_keep_out_has_probability_0(front):
    context = asked(front.similar("i1"))
    colours = {item: int(item[1:]) % 3 for item in context.candidates}
    capped = ArmPolicy(an_arm("capped", diversity={"at_most": {"colour": 2}}), front.past())
    found = capped.probabilities(context)
    shown = [item for item, chance in zip(context.candidates, found.next[0], strict=True) if chance]
    assert sorted(colours[item] for item in shown) == [0, 0, 1, 1, 2, 2]
    assert np.isnan(found.scores).sum() == len(context.candidates) - 6
    # six may be shown, so after the places where those are used up nothing is left
    assert set(np.round(found.next.sum(axis=1), 9)) <= {0.0, 1.0}
    blue = ArmPolicy(an_arm("blue", rules={"include": ["colour=blue"]}), front.past())
    found = blue.probabilities(context)
    for item, chance in zip(context.candidates, found.next[0], strict=True):
        assert (chance > 0) == (colours[item] == 2)
    front.did("purchase", context.candidates[0], at=context.exposure.time - 1)
    front.did("purchase", context.candidates[1], at=context.exposure.time + 1)
    hiding = ArmPolicy(an_arm("hiding", rules={"hide_bought": True}), front.past())
    bought = asked((replace(context.exposure, unit=ANNA), ()))
    chances = hiding.probabilities(bought).next[0]
    assert chances[0] == 0
    assert chances[1] > 0


def test_a_pin_among_the_candidates_is_certain_to_come_first(front):
    context = asked(front.similar("i1"))
    pinned = context.candidates[3]
    found = ArmPolicy(an_arm("pinned", rules={"pins": [pinned, "i250"]}), front.past()).probabilities(context)
    assert found.next[0].tolist() == [float(item == pinned) for item in context.candidates]
    assert found.own[:2] == (pinned, "i250")
    assert found.outside >= 0.1  # the second pin was no candidate


def test_lists_whose_items_are_gone_say_so(tmp_path, vectors, history):
    with closing(open_store(str(tmp_path / "s"), Settings.load(), INFO)) as store:
        store.upsert(planted_points(vectors)[:100])
        front = Front(store, history)
        first, second = asked(front.similar("i1")), asked(front.similar("i2"))
        gone = next(item for item in first.candidates if item not in {"i2", *second.candidates})
        store.delete([gone, "i2"])
        policy = ArmPolicy(DRAWN, front.past())
        assert policy.probabilities(first) == GONE
        assert policy.probabilities(second) == NO_MORE


def test_a_list_that_the_arm_does_not_answer_says_why(front):
    context = asked(front.similar("i5", weights={"text": 1.0}))  # an item without a photo
    blind = replace(context, weights={"text": 0.0})
    assert "empty-query" in str(ArmPolicy(DRAWN, front.past()).probabilities(blind))


def test_any_ranker_can_be_asked(front):
    context = asked(front.similar("i1"))
    count = len(context.candidates)

    def backwards(exposure, candidates):
        assert exposure is context.exposure
        return np.arange(len(candidates), dtype=float)

    found = CallablePolicy("mine", backwards).probabilities(context)
    assert found.own == context.candidates[::-1][: len(context.shown)]
    assert found.next[0].tolist() == [0] * (count - 1) + [1]
    drawn = CallablePolicy("mine", backwards, temperature=1.0).probabilities(context)
    odds = np.exp(np.arange(count))
    np.testing.assert_allclose(drawn.next[0], odds / odds.sum())
    same = CallablePolicy("mine", lambda *_: odds / odds.sum(), gives="probabilities").probabilities(context)
    np.testing.assert_allclose(same.next, drawn.next)
    np.testing.assert_allclose(same.place, drawn.place)
    told = CallablePolicy("mine", lambda *_: drawn.next, gives="probabilities").probabilities(context)
    np.testing.assert_array_equal(told.next, drawn.next)
    assert told.place is None


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
    context = asked(front.similar("i1"))
    with pytest.raises(EvaluationError, match="mine has to give"):
        CallablePolicy("mine", call, gives=gives).probabilities(context)
