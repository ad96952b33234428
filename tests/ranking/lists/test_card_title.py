"""What a card is called: laws over drawn titles, and titles as shops write them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vlclip.engine.store.store import Record
from vlclip.ranking.lists.card_title import card_title, common_beginning
from vlclip.ranking.lists.variants import summary

letters = st.text(st.sampled_from("abcdeé 12,.-/|(:)'"), max_size=14)
words = st.sampled_from(
    ["linen", "Shirt", "T-shirt", "for", "XL", "a", "2", "1,5", "Größe", "S/M", "靴", "(new)", '27"']
)
titles = st.lists(st.one_of(letters, st.lists(words, max_size=5).map(" ".join)), max_size=6)
values = st.lists(
    st.sampled_from(["red", "blue", "light blue", "XL", "42", "10,5", "30/32", "rot"]),
    min_size=2,
    max_size=6,
    unique=True,
)
parts = st.sampled_from([", ", " - ", " / ", " | ", " (", "/", " ", ": ", " – ", ",", " Size "])  # noqa: RUF001
products = st.lists(
    st.sampled_from(["Linen", "shirt", "T-shirt", "Oslo", "42", "(new)", "chaise", "Käfig", "S21+"]),
    min_size=1,
    max_size=4,
).map(" ".join)


def as_words(text):
    return " ".join(text.split()).casefold()


@given(titles)
def test_a_common_beginning_begins_every_title_and_ends_with_a_word(drawn):
    shared = common_beginning(drawn)
    present = list(filter(None, drawn))
    if len(set(present)) == 1:
        assert shared == present[0]
        return
    for title in present if shared else ():
        assert as_words(title).startswith(shared.casefold())
        rest = as_words(title)[len(shared) : len(shared) + 1]
        assert not rest.isalpha()
    if shared:
        assert shared[-1] not in " ,;:-–/|(["  # noqa: RUF001
        assert sum(map(str.isalnum, shared)) > 1
        assert shared.count("(") <= shared.count(")")


@given(products, parts, values)
def test_a_product_is_called_as_it_is_however_its_variants_are_told_apart(product, part, drawn):
    # what the values have in common is a beginning, too
    assume(len({value[0] for value in drawn}) == len(drawn))
    assume(sum(map(str.isalpha, product)) > 3)
    closing = ")" if part == " (" else ""
    variants = [f"{product}{part}{value}{closing}" for value in drawn]
    # a slash within a word ends it after a word alone, as in `shirt/red`, not in `42/red`
    assume(part not in ("/", ",") or product[-1].isalpha())
    assert common_beginning(variants, ["size"]) == product


@given(titles, st.randoms())
def test_the_order_of_variants_changes_no_more_than_the_case_of_letters(drawn, random):
    shuffled = random.sample(drawn, len(drawn))
    assert as_words(common_beginning(shuffled)) == as_words(common_beginning(drawn))


@pytest.mark.parametrize(
    ("variants", "title"),
    [
        (["Linen shirt, blue, XL", "Linen shirt, blue, M", "Linen shirt, black, M"], "Linen shirt"),
        (["Linen shirt (blue, XL)", "Linen shirt (blue, M)"], "Linen shirt"),
        (["Cola 1,5 l", "Cola 1,0 l"], "Cola"),
        (["Shirt 1", "Shirt 10"], "Shirt"),
        (["Shirt", "shirt blue"], "Shirt"),
        (["Shirt S/M", "Shirt S/L"], "Shirt"),
        (["Galaxy S21+ 128 GB", "Galaxy S21+ 256 GB"], "Galaxy S21+"),
        (["Hoodie-blue", "Hoodie-red"], "Hoodie"),
        (["Semi-gloss paint", "Semi-matt paint"], ""),
        (["Case for iPhone 12", "Case for Galaxy"], "Case"),
        (["Plan A, monthly", "Plan A, yearly"], "Plan A"),
        (["Hose, Länge: 80", "Hose, Länge: 90"], "Hose"),
        (["The Beatles", "The Stones"], ""),
        (["X red", "X blue"], ""),
        (["red shirt", "blue shirt"], ""),
        (["", "Shirt, red"], "Shirt, red"),
        ([], ""),
    ],
)
def test_titles_as_shops_write_them(variants, title):
    assert common_beginning(variants, ["länge"]) == title


def test_the_groups_title_comes_before_the_heads_and_that_before_the_common_beginning():
    variants = [{"title": f"Shirt, {size}"} for size in "SML"]
    head = {"title": "Linen shirt"}
    assert card_title(variants, None, ()) == "Shirt"
    assert card_title(variants, head, ()) == "Linen shirt"
    assert card_title([{**variant, "group_title": "Oslo"} for variant in variants], head, ()) == "Oslo"
    assert card_title(variants, {"id": "G"}, ()) == "Shirt"


def test_the_item_that_stands_for_the_product_gives_its_title_and_a_variant_does_not():
    variants = [Record(f"v{size}", {"size": size, "title": f"Shirt, {size}", "group": "G"}) for size in "SML"]
    head = Record("G", {"id": "G", "title": "Linen shirt", "group": "G"})
    assert summary("G", [head, *variants], 4).title == "Linen shirt"
    sold = Record("G", {"id": "G", "title": "Shirt, XL", "size": "XL", "group": "G"})
    assert summary("G", [sold, *variants], 4).title == "Shirt"
