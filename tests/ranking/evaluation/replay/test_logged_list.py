"""What a log says was asked, and which of its lists cannot be asked again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.ranking.evaluation.replay.conftest import ANNA, an_arm
from vlclip.engine.filters import parse_clauses
from vlclip.ranking.evaluation.replay import logged_list
from vlclip.ranking.evaluation.replay.logged_list import (
    LoggedList,
    known_unit,
    read_logged_list,
)
from vlclip.ranking.experiments.exposure import Exposure, ShownItem


def a_list(**more):
    fields = {
        "request_id": "r", "time": 1.0, "kind": "similar", "unit": "", "arm": "a@1",
        "items": (ShownItem("x", 2.0, {"image": 2.0}, 0.5), ShownItem("y", 3.0, {"image": 3.0}, 1.0)),
        "context": {"anchor": "z"},
    }  # fmt: skip
    return Exposure(**{**fields, **more})


def test_what_was_asked_is_read_back(front):
    conditions = parse_clauses(["price<50", "colour=blue|red"])
    exposure, _ = front.similar(
        "i1", unit=ANNA, weights={"image": 0.5}, filter=conditions, exclude=("i7",), limit=3, collapse=False,
        diversity=0.25,
    )  # fmt: skip
    logged = read_logged_list(exposure)
    assert isinstance(logged, LoggedList)
    assert (logged.request.kind, logged.request.anchor, logged.request.unit) == ("similar", "i1", ANNA)
    assert logged.request.weights == {"image": 0.5}
    page = logged.request.page
    assert (page.limit, page.exclude, page.collapse, page.diversity) == (3, ("i7",), False, 0.25)
    assert set(page.filter.conditions) == set(conditions.conditions)


def test_a_list_that_does_not_say_what_its_request_named_is_ranked_by_the_arms_own_weights(front):
    exposure, _ = front.similar("i1", weights={"image": 0.5}, exclude=("i7",))
    context = {name: value for name, value in exposure.context.items() if name != "asked"}
    logged = read_logged_list(replace(exposure, context=context))
    assert isinstance(logged, LoggedList)
    assert logged.request.weights == {}
    assert (logged.request.page.limit, logged.request.page.exclude) == (None, ())


@pytest.mark.parametrize("group_by", ["group", "none", None])
def test_a_list_of_a_store_that_had_no_groups_is_asked_again_without_them(front, group_by):
    exposure, _ = front.similar("i1", group_by=group_by)
    assert read_logged_list(exposure).request.page.group_by == "none"
    of_groups = replace(exposure, context={**exposure.context, "has_groups": True})
    assert read_logged_list(of_groups).request.page.group_by == group_by


def test_candidates_are_what_was_dealt_and_what_stood_around_it(front):
    arm = an_arm(rules={"pins": ["i7"]}, exploration={"temperature": 0.1, "depth": 3})
    exposure, _ = front.similar("i1", arm, limit=6)
    logged = read_logged_list(exposure)
    assert isinstance(logged, LoggedList)
    explored = tuple(item for item, _ in exposure.candidates)
    assert len(explored) == 3
    assert logged.items[0] == "i7"
    assert set(logged.items[1:4]) == set(explored)
    assert logged.candidates == (*explored, "i7", *logged.items[4:])
    assert tuple(logged.candidates[row] for row in logged.chosen) == logged.items
    ranking = logged.ranking
    assert (ranking.pins, ranking.explored, ranking.tail) == (("i7",), explored, logged.items[4:])
    propensity = [each.propensity for each in exposure.items]
    chosen = ranking.next(logged.items, logged.candidates)[np.arange(6), logged.chosen]
    np.testing.assert_allclose(chosen, propensity)


def test_without_chance_only_what_was_shown_is_known():
    logged = read_logged_list(a_list())
    assert isinstance(logged, LoggedList)
    assert not logged.is_drawn
    assert logged.candidates == logged.items == logged.ranking.tail == ("x", "y")
    np.testing.assert_array_equal(logged.scores, [2.0, 3.0])


@pytest.mark.parametrize(
    ("knob", "reason"),
    [
        ({"items": ()}, logged_list.NOTHING_SHOWN),
        ({"offset": 10}, logged_list.LATER_PAGE),
        ({"kind": "search", "context": {"text": "red", "photo": True}}, logged_list.PHOTO),
        ({"kind": "search", "context": {"photo": False}}, logged_list.NO_WORDS),
        ({"context": {}}, logged_list.NO_ANCHOR),
        ({"context": {"anchor": "z", "filter": ["price ??"]}}, logged_list.BAD_FILTER),
        ({"items": (ShownItem("x", 1.0, {}, 0.0),)}, logged_list.BAD_PROPENSITY),
        ({"unit": "3f2a", "context": {"anchor": "z", "strategy": "history"}}, logged_list.STRANGER),
    ],
)
def test_what_cannot_be_asked_again_has_a_reason(knob, reason):
    assert read_logged_list(a_list(**knob)) == reason


@pytest.mark.parametrize(
    ("kind", "strategy", "weight", "unit"),
    [
        ("similar", "content", 0.3, ""),  # a profile would have counted, so there was none
        ("similar", "content", 0.0, None),  # nobody looked for one
        ("similar", "history", 0.3, None),
        ("recommendations", "popular", 0.3, ""),
        ("recommendations", "history", 0.3, None),
    ],
)
def test_of_a_hashed_unit_it_is_known_only_that_it_had_no_history(kind, strategy, weight, unit):
    exposure = a_list(kind=kind, unit="3f2a", context={"strategy": strategy, "weights": {"history": weight}})
    assert known_unit(exposure) == unit
    assert known_unit(replace(exposure, unit="session:3")) == "session:3"
