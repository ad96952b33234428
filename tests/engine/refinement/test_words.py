"""Words in one form, each in one family."""

from __future__ import annotations

import re

import pytest

from tests.engine.refinement.english import ENGLISH
from vlclip.engine.language import load_language
from vlclip.engine.refinement.words import KINDS, fold, folded


@pytest.mark.parametrize(
    ("first", "second"),
    [("T-Shirts", "tshirt"), ("Women's", "women"), ("Kids\u2019", "kid"), ("WATCHES", "watch"),
     ("Dresses", "dress"), ("Pyjamas", "pyjama"), ("Boxes", "box"), ("bodies", "body"),
     ("glass", "glass"), ("canvas", "CANVAS")],
)  # fmt: skip
def test_case_hyphens_apostrophes_and_plurals_make_no_difference(first, second):
    assert fold(first) == fold(second)


@pytest.mark.parametrize(
    ("first", "second"), [("dress", "dre"), ("men", "me"), ("gas", "ga"), ("red", "reds' r")]
)
def test_other_words_stay_other_words(first, second):
    assert fold(first) != fold(second)


def test_a_hyphenated_word_gives_its_parts_too():
    assert folded("Off-White T-Shirt") == ("offwhite", "off", "white", "tshirt", "t", "shirt")


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_belongs_to_one_family(kind):
    families = load_language("english").vocabulary[kind]
    words = [word for family in families.values() for word in {fold(word) for word in family}]
    assert len(words) == len(set(words))


def test_the_families_of_a_text_are_named():
    assert ENGLISH.named("colour", "Navy Blue and RED") == {"navy": "blue", "blue": "blue", "red": "red"}


def test_no_slogan_is_empty():
    assert not ENGLISH.slogans.search("a quiet title of a product")
    assert not re.search(ENGLISH.slogans, "")
