"""The rule: what is asked, which box is trusted, what is cut out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vlclip.engine.grounding.folders import rule_from
from vlclip.engine.grounding.grounder import Detection
from vlclip.engine.grounding.rule import MAX_PROMPT, Crop, Rule, choose, cut, prompt
from vlclip.engine.settings import Grounding

ALWAYS = Rule(threshold=-1, padding=0, min_area=0)
SIDE = st.integers(1, 3000)
SIZE = st.tuples(SIDE, SIDE)
SHARE = st.floats(0, 1)
RULE = st.builds(Rule, SHARE, SHARE, SHARE)


@st.composite
def framed_boxes(draw: st.DrawFn) -> tuple[Detection, tuple[int, int]]:
    """A photo's size and a box in it that is at least a thousandth of a pixel wide and high."""
    width, height = draw(SIZE)
    x0, y0 = draw(st.floats(0, width - 0.01)), draw(st.floats(0, height - 0.01))
    x1, y1 = draw(st.floats(x0 + 0.001, width)), draw(st.floats(y0 + 0.001, height))
    return Detection((x0, y0, x1, y1), draw(SHARE)), (width, height)


def inside(inner: tuple[float, ...], outer: tuple[float, ...]) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


@given(framed_boxes(), SHARE)
def test_a_crop_lies_in_the_photo_and_holds_the_box(framed_box, padding):
    detection, size = framed_box
    crop = choose(detection, size, Rule(-1, padding, 0))
    assert inside(detection.box, crop.box)
    assert inside(crop.box, (0, 0, *size))
    assert crop.score == detection.score


@given(framed_boxes())
def test_without_padding_the_crop_is_the_box_rounded_outwards(framed_box):
    detection, size = framed_box
    x0, y0, x1, y1 = detection.box
    assert choose(detection, size, ALWAYS).box == (
        math.floor(x0),
        math.floor(y0),
        math.ceil(x1),
        math.ceil(y1),
    )


@given(framed_boxes(), SHARE, SHARE)
def test_more_padding_never_makes_a_crop_smaller(framed_box, first, second):
    detection, size = framed_box
    less, more = sorted([first, second])
    small, large = (choose(detection, size, Rule(-1, padding, 0)) for padding in (less, more))
    assert inside(small.box, large.box)


@given(framed_boxes(), RULE, SHARE, SHARE)
def test_a_stricter_rule_never_adds_a_crop(framed_box, rule, threshold, min_area):
    detection, size = framed_box
    stricter = Rule(max(rule.threshold, threshold), rule.padding, max(rule.min_area, min_area))
    if choose(detection, size, rule) is None:
        assert choose(detection, size, stricter) is None


@given(framed_boxes(), RULE)
def test_the_photo_is_kept_whole_unless_score_and_area_are_enough(framed_box, rule):
    detection, size = framed_box
    x0, y0, x1, y1 = detection.box
    trusted = detection.score > rule.threshold and (x1 - x0) * (y1 - y0) >= rule.min_area * size[0] * size[1]
    assert (choose(detection, size, rule) is not None) == trusted


def test_padding_is_a_share_of_the_boxs_own_sides():
    box = Detection((40, 40, 60, 80), 0.9)  # 20 wide, 40 high; a tenth is 2 and 4
    assert choose(box, (100, 100), Rule(0.35, 0.1, 0)) == Crop((38, 36, 62, 84), 0.9)


def test_a_score_at_the_threshold_is_not_over_it():
    assert choose(Detection((0, 0, 9, 9), 0.35), (9, 9), Rule(0.35, 0, 0)) is None


@pytest.mark.parametrize(
    "box",
    [
        (0, 0, math.nan, 5),
        (0, 0, math.inf, 5),
        (5, 5, 5, 9),  # no width
        (9, 0, 3, 5),  # turned round
        (20, 20, 30, 30),  # beside the photo
    ],
)
def test_a_box_that_shows_nothing_leaves_the_photo_whole(box):
    assert choose(Detection(box, 0.9), (10, 10), ALWAYS) is None


def test_a_box_over_the_edge_counts_only_where_the_photo_is():
    half_outside = Detection((-10, 0, 10, 10), 0.9)  # half of 200 pixels lie in the 10 by 10 photo
    assert choose(half_outside, (10, 10), Rule(0.35, 0, 1.0)) == Crop((0, 0, 10, 10), 0.9)


def test_no_detection_leaves_the_photo_whole():
    photo = Image.new("RGB", (10, 10))
    assert choose(None, photo.size, ALWAYS) is None
    assert cut(photo, None) is photo


def test_a_cut_has_the_crops_size_and_pixels():
    photo = Image.new("RGB", (10, 20), "white")
    photo.paste((255, 0, 0), (2, 3, 5, 9))
    piece = cut(photo, Crop((2, 3, 5, 9), 0.9))
    assert piece.size == (3, 6)
    assert piece.getcolors() == [(18, (255, 0, 0))]


@pytest.mark.parametrize(
    ("product_type", "phrase"),
    [
        ("Shoes", "shoes."),
        ("  Red \n\t Shoes ", "red shoes."),
        ("shoes.", "shoes."),
        ("T.V. Stands?", "t v stands."),
        ("Lámpara de Mesa", "lámpara de mesa."),
        ("鞋", "鞋."),
        ("", ""),
        (" .?. \n", ""),
    ],
)
def test_a_prompt_is_one_phrase_in_lower_case_with_a_period(product_type, phrase):
    assert prompt(product_type) == phrase


@given(st.text(max_size=400))
def test_any_text_makes_one_phrase_or_none(text):
    phrase = prompt(text)
    assert phrase == prompt(phrase)
    assert len(phrase) <= MAX_PROMPT + 1
    if phrase:
        assert phrase.index(".") == len(phrase) - 1
        assert phrase[:-1] == " ".join(phrase[:-1].split())
        assert "?" not in phrase


def test_a_long_type_ends_at_a_word():
    assert prompt("word " * 100) == "word " * 39 + "word."
    assert prompt("w" * 500) == "w" * MAX_PROMPT + "."


def test_a_rules_id_says_all_of_it():
    rule = rule_from(Grounding(threshold=0.4, padding=0.1, min_area=0.02))
    assert rule.id == "over=0.4,pad=0.1,area=0.02"


@given(RULE, RULE)
def test_rules_are_equal_if_their_ids_are(first, second):
    assert (first == second) == (first.id == second.id)
