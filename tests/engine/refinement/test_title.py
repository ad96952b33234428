"""What is cut from a title and what is not."""

from __future__ import annotations

import re
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.refinement.english import ENGLISH
from vlclip.engine.refinement import title as cleaning
from vlclip.engine.refinement.title import clean_title
from vlclip.engine.refinement.words import folded

CLEAN = [
    "Turtle Men Navy Blue Check Shirt",
    "Jungle Book Boys Rumble In The Jungle Yellow T-shirt",
    "ADIDAS Originals Unisex F10 Backpack",
    "New Balance Men White Sports Shoes",
    "Sony WH-1000XM4 Headphones, Black",
    "StarTech.com 2-Port USB-A & USB-C PCIe Card - USB 3.1 (802.11ax)",
    'HP Inkjet Paper, 97 Bright, White, 8 1/2" x 11", 24 lb',
    "Tripp Lite USB Cable (M/M), 3 m",
    "HP 564 XL Ink Cartridge",
    "Levi's Men's 501 Jeans",
    "Kurta Set of 2 in 100% Cotton",
    "Rumi's L/S Shirt",
    "Ökologische Tasche für Damen",
]


@pytest.mark.parametrize("title", CLEAN)
def test_a_clean_title_stays_as_it_is(title):
    assert clean_title(title, ENGLISH) == title


@pytest.mark.parametrize(
    ("messy", "cleaned"),
    [
        ("BEST PRICE!!! Turtle Check Shirt free shipping", "Turtle Check Shirt"),
        ("*** NEW *** Turtle Shirt HOT SALE -50%", "Turtle Shirt"),
        ("★★★★★ Turtle Shirt 🔥 100% original 🔥 l@@k", "Turtle Shirt"),
        ("Turtle Shirt up to 70% off, limited offer >>>", "Turtle Shirt"),
        ("Turtle Shirt new arrival 2024 | gift idea 2024", "Turtle Shirt"),
        ("Turtle Hemd kostenloser Versand, bester Preis", "Turtle Hemd"),
        ("Camisa Turtle ENVÍO GRATIS", "Camisa Turtle"),
        ("Turtle <b>Shirt</b> &amp; Tie https://shop.example/x?y", "Turtle Shirt & Tie"),
        ("Turtle Shirt KD-4821/XL size 42", "Turtle Shirt"),
        ("Turtle XL-42 Shirt SZ 7 (M) XXL", "Turtle Shirt"),
        ("Turtle Shirt S/M/L/XL EU 41", "Turtle Shirt"),
        ("Turtle Shirt SKU: 77812-A, 8901234567890", "Turtle Shirt"),
        ("Turtle Turtle Shirt", "Turtle Shirt"),
        ("Turtle Men Blue Shirt Men Blue Shirt Turtle", "Turtle Men Blue Shirt"),
        ("Turtle Shirt for", "Turtle Shirt"),
        ("TURTLE MEN'S NAVY BLUE T-SHIRT", "Turtle Men's Navy Blue T-Shirt"),
    ],
)
def test_what_is_not_about_the_product_goes(messy, cleaned):
    assert clean_title(messy, ENGLISH) == cleaned


def test_other_fields_keep_sizes_and_codes_and_lend_their_case():
    assert clean_title("Shirt KD-4821/XL XXL", ENGLISH, ["KD-4821/XL", "XXL"]) == "Shirt KD-4821/XL XXL"
    assert clean_title("MCQUEEN USB LAMP IN RED", ENGLISH, ["McQueen"]) == "McQueen USB Lamp IN Red"


MESS = ["SALE!!!", "XL-42", "free shipping", "★", "A/B", "(", "new", "-", "for"]


@given(st.lists(st.sampled_from([*" ".join(CLEAN).split(), *MESS])))
def test_cleaning_twice_equals_once_and_adds_no_word(words):
    title = " ".join(words)
    once = clean_title(title, ENGLISH)
    assert clean_title(once, ENGLISH) == once
    assert set(folded(once)) <= set(folded(title))


@given(
    st.lists(
        st.sampled_from(
            [*" ".join(CLEAN).split(), "sale", "free", "shipping", "XL", "s", "Men's", "t-shirt", "M-L"]
        )
    )
)
def test_ordinary_words_are_cleaned_as_any_others_are(words):
    title = " ".join(words)
    quick = clean_title(title, ENGLISH)
    with patch.object(cleaning, "ORDINARY", re.compile(r"(?!)")):
        assert clean_title(title, ENGLISH) == quick


@given(st.text(max_size=200))
def test_no_text_breaks_it(title):
    once = clean_title(title, ENGLISH)
    assert "\n" not in once
    assert once == once.strip()
