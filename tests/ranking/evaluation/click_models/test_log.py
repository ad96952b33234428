"""Exposures and their outcomes, as arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ranking.experiments.logs import a_list, exposures
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.click_models.log import UNKNOWN, ClickLog, click_log
from vlclip.ranking.experiments.outcome import Outcome

NONE, CLICK = Outcome(), Outcome(clicks=2)
BOUGHT = Outcome(clicks=1, carts=1, purchases=2, value=30.0)


def small(**changed):
    tables = {
        "items": np.array([[0, 1], [1, 0]]),
        "clicked": np.array([[True, False], [False, False]]),
        "filled": np.array([[True, True], [True, False]]),
        "unit": np.array([0, 1]),
        "names": ("a", "b"),
    }
    return ClickLog(**tables | changed)


def test_lists_become_rows_and_page_two_begins_where_page_one_ended():
    log = click_log(
        [
            (a_list("r1", items="ab"), (CLICK, NONE)),
            (a_list("r2", items="ca", offset=2), (NONE, BOUGHT)),
            (a_list("r3", unit="user:2", items=""), ()),
            (a_list("r4", unit="user:2", items="b"), (NONE,)),
        ]
    )
    assert log.names == ("a", "b", "c")
    assert log.filled.astype(int).tolist() == [[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0]]
    assert log.items[log.filled].tolist() == [0, 1, 2, 0, 1]
    assert log.clicked.astype(int).tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert log.unit.tolist() == [0, 0, 1]
    assert [log.carts[1, 3], log.purchases[1, 3], log.value[1, 3]] == [1, 2, 30]
    assert log.carts.sum() == 1


def test_nobody_in_particular_is_somebody_else_each_time():
    log = click_log([(a_list(name, unit="", items="a"), (NONE,)) for name in "xyz"])
    assert log.unit.tolist() == [0, 1, 2]


@given(exposures, st.integers(1, 12))
def test_every_shown_item_stands_at_its_place(lists, places):
    cells = {
        (row, place): hit.item
        for row, exposure in enumerate([a for a in lists if a.items and a.offset < places])
        for place, hit in enumerate(exposure.items, exposure.offset)
        if place < places
    }
    logged = [(exposure, (NONE,) * len(exposure.items)) for exposure in lists]
    if not cells:
        with pytest.raises(EvaluationError, match="no list has items"):
            click_log(logged, places)
        return
    log = click_log(logged, places)
    assert {(r, k): log.names[log.items[r, k]] for r, k in np.argwhere(log.filled)} == cells


def test_other_lists_have_the_same_numbers_and_are_cut_to_the_same_places():
    log = click_log([(a_list("r", items="abc"), (NONE,) * 3)])
    others = log.lists_of(["ca", "bxac", "b", "a"], offsets=[0, 0, 2, 9])
    assert np.where(others.filled, others.items, 7).tolist() == [
        [2, 0, 7],
        [1, UNKNOWN, 0],
        [7, 7, 1],
        [7, 7, 7],
    ]


def test_a_split_keeps_units_whole_and_numbers_the_same():
    rng = np.random.default_rng(0)
    unit = rng.integers(0, 30, 200)
    log = small(
        items=rng.integers(0, 2, (200, 2)),
        clicked=np.zeros((200, 2), bool),
        filled=np.ones((200, 2), bool),
        unit=unit,
        carts=np.repeat(unit[:, None], 2, axis=1).astype(float),
    )
    training, test = log.split(0.2, seed=1)
    assert not set(training.unit) & set(test.unit)
    assert len(set(test.unit)) == 6
    assert len(training.unit) + len(test.unit) == 200
    assert np.array_equal(test.carts[:, 0], test.unit)
    assert training.names == test.names == log.names
    assert np.array_equal(log.split(0.2, seed=1)[1].items, test.items)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"unit": np.array([0])}, "differ in shape"),
        ({"carts": np.zeros((2, 3))}, "differ in shape"),
        ({"filled": np.zeros((2, 2), bool), "clicked": np.zeros((2, 2), bool)}, "no list of this log"),
        ({"items": np.array([[0, 2], [1, 0]])}, "item without a name"),
        ({"clicked": np.ones((2, 2), bool)}, "clicks on places that are not filled"),
    ],
)
def test_tables_that_do_not_fit_are_refused(changed, says):
    with pytest.raises(EvaluationError, match=says):
        small(**changed)


def test_one_unit_cannot_be_split():
    with pytest.raises(EvaluationError, match="none can be held out"):
        small(unit=np.array([3, 3])).split(0.5, seed=0)
