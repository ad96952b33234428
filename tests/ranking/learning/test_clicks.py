"""The click model recovers the slopes and examinations that its clicks were drawn from."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad

from tests.ranking.clicking import EXAMINATION, clicked_rows
from vlclip.ranking.learning.clicks import Loss, design, examination_of, fit

TRUE, FORCE = (3.0, 9.0), (1.0, 0.3)


@pytest.fixture(scope="module")
def rows():
    return clicked_rows(TRUE, FORCE, lists=1500, seed=1)


@given(seed=st.integers(0, 1000), strength=st.sampled_from([0.0, 0.1, 3.0]))
@settings(max_examples=10)
def test_the_gradient_is_that_of_the_loss(seed, strength):
    loss = Loss(design(clicked_rows((2.0, 1.0), FORCE, lists=20, seed=3)), np.array(FORCE), strength)
    rng = np.random.default_rng(seed)
    point = loss.start() + rng.normal(size=len(loss.start())) * 0.3
    point[-14:-1] = -np.abs(point[-14:-1])  # examinations, which are at most 1
    off = check_grad(lambda at: loss(at)[0], lambda at: loss(at)[1], point)
    assert off < 1e-5


def test_slopes_and_examination_are_found_again(rows):
    model = fit(design(rows), rows.target, 0.0)
    assert model.slopes == pytest.approx(TRUE, abs=1.0)  # over 8 such logs the first slope spreads by 0.6
    examination = np.exp(model.log_examination[:10])
    assert examination / examination[0] == pytest.approx(EXAMINATION, abs=0.08)
    assert (examination <= 1).all()


def test_without_places_the_weights_in_force_seem_truer_than_they_are(rows):
    flat = fit(design(replace(rows, place=np.zeros_like(rows.place))), rows.target, 0.0)
    model = fit(design(rows), rows.target, 0.0)
    # the photo weighs a third of the text; by clicks alone it would weigh as much, since it came first
    assert model.slopes[0] / model.slopes[1] == pytest.approx(1 / 3, abs=0.1)
    assert flat.slopes[0] / flat.slopes[1] > 0.9


def test_lists_that_are_clicked_less_for_another_reason_change_nothing():
    rows = clicked_rows(TRUE, FORCE, lists=1500, seed=2, moods=2.0)
    model = fit(design(rows), rows.target, 0.0)
    # 0.36 to 0.50 in 8 such logs; with one slope for within and between lists, 0 in all of them
    assert model.slopes[0] / model.slopes[1] == pytest.approx(1 / 3, abs=0.2)


def test_the_stronger_the_pull_the_nearer_to_the_proportions_in_force(rows):
    rows_design = design(rows)
    ratios = [
        slopes[0] / slopes[1]
        for slopes in (
            fit(rows_design, rows.target, strength).slopes for strength in (0.0, 0.1, 10.0, math.inf)
        )
    ]
    assert ratios == sorted(ratios)
    assert ratios[-1] == pytest.approx(1 / 0.3)


def test_what_repels_gets_a_slope_of_0_not_less():
    rows = clicked_rows((4.0, -4.0), FORCE, lists=400)
    model = fit(design(rows), rows.target, 0.0)
    assert model.slopes[1] == 0
    assert model.slopes[0] > 2


def test_places_below_the_tenth_are_seen_in_groups():
    # 1, 10, 11, 20, 21, 50, 51, 1000, from 0
    places = np.array([0, 9, 10, 19, 20, 49, 50, 999])
    assert examination_of(places).tolist() == [0, 9, 10, 10, 11, 11, 12, 12]
