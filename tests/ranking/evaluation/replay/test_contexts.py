"""What a log says was asked, and which of its lists cannot be asked again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.ranking.evaluation.replay.conftest import ANNA, an_arm
from vlclip.engine.filters import parse_clauses
from vlclip.ranking.evaluation.replay import contexts
from vlclip.ranking.evaluation.replay.contexts import Context, known_unit, read_context
from vlclip.ranking.experiments.exposure import Exposure, Shown


def a_list(**more):
    said = {
        "request_id": "r", "time": 1.0, "kind": "similar", "unit": "", "arm": "a@1",
        "items": (Shown("x", 2.0, {"image": 2.0}, 0.5), Shown("y", 3.0, {"image": 3.0}, 1.0)),
        "context": {"anchor": "z"},
    }  # fmt: skip
    return Exposure(**{**said, **more})


def test_what_was_asked_is_read_back(front):
    wanted = parse_clauses(["price<50", "colour=blue|red"])
    one, _ = front.similar("i1", unit=ANNA, weights={"image": 0.5}, filter=wanted, exclude=("i7",), limit=3,
                           collapse=False, diversity=0.25)  # fmt: skip
    context = read_context(one)
    assert isinstance(context, Context)
    assert (context.kind, context.anchor, context.shopper) == ("similar", "i1", ANNA)
    assert context.weights == {"image": 0.5}
    page = context.page
    assert (page.limit, page.exclude, page.collapse, page.diversity) == (3, ("i7",), False, 0.25)
    assert set(page.filter.conditions) == set(wanted.conditions)


def test_a_list_of_an_older_log_is_asked_with_the_arms_own_weights(front):
    one, _ = front.similar("i1", weights={"image": 0.5}, exclude=("i7",))
    said = {name: value for name, value in one.context.items() if name != "asked"}
    context = read_context(replace(one, context={**said, "exclude": ["i7"]}))
    assert isinstance(context, Context)
    assert context.weights == {}
    assert (context.page.limit, context.page.exclude) == (None, ("i7",))
    item = read_context(
        replace(one, context={**said, "item": said["anchor"], "anchor": ""} | {"anchor": "i1"})
    )
    assert isinstance(item, Context)


def test_an_older_list_of_the_web_page_names_its_item_otherwise():
    context = read_context(a_list(context={"item": "z"}))
    assert isinstance(context, Context)
    assert context.anchor == "z"


def test_candidates_are_what_was_dealt_and_what_stood_around_it(front):
    arm = an_arm(rules={"pins": ["i7"]}, exploration={"temperature": 0.1, "depth": 3})
    one, _ = front.similar("i1", arm, limit=6)
    context = read_context(one)
    assert isinstance(context, Context)
    dealt = tuple(item for item, _ in one.candidates)
    assert len(dealt) == 3
    assert context.shown[0] == "i7"
    assert set(context.shown[1:4]) == set(dealt)
    assert context.candidates == (*dealt, "i7", *context.shown[4:])
    assert tuple(context.candidates[row] for row in context.chosen) == context.shown
    ranking = context.ranking
    assert (ranking.pins, ranking.dealt, ranking.rest) == (("i7",), dealt, context.shown[4:])
    propensity = [shown.propensity for shown in one.items]
    chosen = ranking.next(context.shown, context.candidates)[np.arange(6), context.chosen]
    np.testing.assert_allclose(chosen, propensity)


def test_without_chance_only_what_was_shown_is_known():
    context = read_context(a_list())
    assert isinstance(context, Context)
    assert not context.is_drawn
    assert context.candidates == context.shown == context.ranking.rest == ("x", "y")
    np.testing.assert_array_equal(context.scores, [2.0, 3.0])


@pytest.mark.parametrize(
    ("knob", "reason"),
    [
        ({"items": ()}, contexts.NOTHING_SHOWN),
        ({"offset": 10}, contexts.LATER_PAGE),
        ({"kind": "search", "context": {"text": "red", "photo": True}}, contexts.PHOTO),
        ({"kind": "search", "context": {"photo": False}}, contexts.NO_WORDS),
        ({"context": {}}, contexts.NO_ANCHOR),
        ({"context": {"anchor": "z", "filter": ["price ??"]}}, contexts.BAD_FILTER),
        ({"items": (Shown("x", 1.0, {}, 0.0),)}, contexts.BAD_PROPENSITY),
        ({"unit": "3f2a", "context": {"anchor": "z", "strategy": "history"}}, contexts.STRANGER),
    ],
)
def test_what_cannot_be_asked_again_has_a_reason(knob, reason):
    assert read_context(a_list(**knob)) == reason


@pytest.mark.parametrize(
    ("kind", "strategy", "weight", "known"),
    [
        ("similar", "content", 0.3, ""),  # a profile would have counted, so there was none
        ("similar", "content", 0.0, None),  # nobody looked for one
        ("similar", "history", 0.3, None),
        ("recommendations", "popular", 0.3, ""),
        ("recommendations", "history", 0.3, None),
    ],
)
def test_of_a_hashed_unit_it_is_known_only_that_it_had_no_history(kind, strategy, weight, known):
    one = a_list(kind=kind, unit="3f2a", context={"strategy": strategy, "weights": {"history": weight}})
    assert known_unit(one) == known
    assert known_unit(replace(one, unit="session:3")) == "session:3"
