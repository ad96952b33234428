"""What raters' words are worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.grades import choose_scale, parse_grades, scales

CHANGES = [str.upper, str.title, str.lower, lambda word: word.replace(" ", "-")]


@given(st.lists(st.floats(-5, 5).map(lambda value: round(value, 3)), min_size=1), st.booleans())
def test_numbers_are_themselves(numbers, with_commas):
    ratings = [str(number).replace(".", ",") if with_commas else number for number in numbers]
    scale = choose_scale(set(ratings), {}, "a rating")
    assert [scale.grade(rating) for rating in ratings] == numbers
    assert scale.describe(ratings) == ""


@given(st.sampled_from(scales()), st.data())
def test_words_are_worth_what_their_scale_says_whatever_their_case(scale, data):
    words = data.draw(st.lists(st.sampled_from(sorted(scale.grades)), min_size=1))
    change = data.draw(st.sampled_from(CHANGES))
    chosen = choose_scale({change(word) for word in words}, {}, "a rating")
    assert set(words) <= set(chosen.grades)
    for word in words:
        assert chosen.grade(change(word)) == chosen.grades[word]
        assert f"{change(word)} = {chosen.grades[word]:g}" in chosen.describe([change(word)])


def test_the_scales_of_two_public_sets_are_those_of_their_papers():
    esci = choose_scale(set("ESCI"), {}, "a rating")
    assert [esci.grade(letter) for letter in "ESCI"] == [1.0, 0.1, 0.01, 0.0]
    wands = choose_scale({"Exact", "Partial", "Irrelevant"}, {}, "a rating")
    assert [wands.grade(word) for word in ("Exact", "Partial", "Irrelevant")] == [1.0, 0.5, 0.0]


def test_a_grade_that_is_given_wins_and_makes_words_known():
    grades = parse_grades(["E=3", "so so=1", "Pink=-1,5"])
    scale = choose_scale({"E", "S", "so-so", "pink"}, grades, "a rating")
    assert [scale.grade(word) for word in ("e", "S", "So So", "pink")] == [3, 0.1, 1, -1.5]
    assert choose_scale({"pink", 3, "2"}, grades, "a rating").grade("2") == 2


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ({"splendid"}, "a rating is 'splendid', which is not a number; say .* --grade splendid=NUMBER"),
        ({"no idea"}, "--grade 'no idea'=NUMBER"),
        ({"good", "2"}, "a rating is 'good', which is not a number as others are"),
        ({"E", "good"}, "which is not a number; say"),
    ],
)
def test_a_word_without_a_grade_is_an_error_that_says_how_to_give_one(ratings, message):
    with pytest.raises(EvaluationError, match=message):
        choose_scale(ratings, {}, "a rating")


@pytest.mark.parametrize("option", ["good", "good=", "=3", "good=best"])
def test_a_grade_that_cannot_be_read_is_an_error(option):
    with pytest.raises(EvaluationError, match="cannot read the grade"):
        parse_grades([option])
