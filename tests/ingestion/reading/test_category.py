"""Ways through a shop's categories, and the type at their end."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ingestion.reading.category import PATH, Category, read_category
from vlclip.ingestion.reading.guesses import Evidence, guess

NAMES = st.text(st.characters(categories=("Lu", "Ll", "Nd")), min_size=1, max_size=8)
NAMES = NAMES.map("{}7".format)  # none is a shelf
WAYS = st.lists(st.lists(NAMES, min_size=1, max_size=5).map(tuple), min_size=1, max_size=4)
STEPS = st.sampled_from([">", " > ", " >> ", "»", " \u203a ", " → ", "->", " &gt; "])


@pytest.mark.parametrize(
    "text",
    [
        "Trousers",
        "Hats/Caps",
        "Women",
        "T-shirts & tops, long",
        "",
        "A4 / A5 paper",
        "[broken",
        "[]",
        "<b>Hats</b>",
    ],
)
def test_a_text_that_is_no_way_is_left_to_be_the_type(text):
    assert read_category(text, "category") is None


@given(ways=WAYS, step=STEPS, gap=st.sampled_from([",", ", ", ";", "\n"]))
def test_the_type_is_the_end_of_the_longest_way_and_all_ways_stay(ways, step, gap):
    read = read_category(gap.join(step.join(way) for way in ways), "type")
    if max(map(len, ways)) == 1:
        assert read is None
    else:
        assert read == Category(max(ways, key=len)[-1], tuple(dict.fromkeys(" > ".join(way) for way in ways)))
        assert read_category(read.ways, "type") == read


@given(ways=WAYS.filter(lambda ways: max(map(len, ways)) > 1))
def test_lists_and_lists_written_as_json_are_read_alike(ways):
    nested = [list(way) for way in ways]
    read = read_category(nested)
    assert read is not None
    assert read.product_type == max(ways, key=len)[-1]
    assert read_category(orjson.dumps(nested).decode()) == read
    assert read_category([" > ".join(way) for way in ways]) == read


def test_bars_part_names_or_where_names_are_parted_already_ways():
    assert read_category("Toys & Games | Learning | Kits") == Category(
        "Kits", ("Toys & Games > Learning > Kits",)
    )
    assert read_category("Toys > Kits|Sale") == Category("Kits", ("Toys > Kits", "Sale"))


def test_a_number_in_a_list_is_a_name_and_an_object_without_one_makes_it_no_list_of_categories():
    assert read_category('[7, "Toys|8"]') == Category("8", ("7", "Toys > 8"))
    assert read_category([["Toys", 8], [None]]) == Category("8", ("Toys > 8",))
    assert read_category(["Toys > Kits", {"name": "Sale"}]) == Category("Kits", ("Toys > Kits", "Sale"))
    assert read_category(["Toys > Kits", {"key": "Sale"}]) is None
    assert read_category([["Toys", {"key": "Kits"}]]) is None


SIDE_BY_SIDE = st.lists(NAMES, min_size=2, max_size=5, unique=True)


@given(names=SIDE_BY_SIDE, form=st.sampled_from(["texts", "objects", "json", "python", "commas"]))
def test_of_categories_side_by_side_the_last_is_the_type_and_none_is_a_way(names, form):
    named = [{"id": place, "name": name, "slug": "x"} for place, name in enumerate(names, start=1)]
    cell = {
        "texts": names,
        "objects": named,
        "json": orjson.dumps(named).decode(),
        "python": str(names),
        "commas": ", ".join(names),
    }[form]
    assert read_category(cell, "categories") == Category(names[-1], tuple(names))


@given(
    names=SIDE_BY_SIDE, place=st.integers(0, 4), form=st.sampled_from(["level", "link", "parent", "inner"])
)
def test_the_deepest_category_is_the_type_wherever_it_stands(names, place, form):
    deep = names[place % len(names)]
    cells = [
        {
            "level": {"name": name, "level": 3 if name == deep else 2},
            "link": {"name": name, "link": "https://shop.example/c/a" + "/b" * (name == deep)},
            "parent": {"id": n, "name": name, "parent": len(names) + 1},
            "inner": {"name": name, "parent": {"name": "Root"} if name == deep else None},
        }[form]
        for n, name in enumerate(names, start=1)
    ]
    if form == "parent":  # all the others lie above it
        for cell in cells:
            cell["parent"] = 0
        here = next(cell for cell in cells if cell["name"] == deep)
        above = [cell for cell in cells if cell is not here]
        for cell, parent in zip([here, *above], above, strict=False):
            cell["parent"] = parent["id"]
    read = read_category(cells, "categories")
    assert read is not None
    assert read.product_type == deep


@pytest.mark.parametrize("shelf", ["Sale", "NEW IN", "Neuheiten", "Nouveautés", "Women", "Wyprzedaż"])
@given(names=SIDE_BY_SIDE, place=st.integers(0, 5))
def test_a_shelf_is_no_type_while_there_is_another_category(shelf, names, place):
    listed = [*names[:place], shelf, *names[place:]]
    assert read_category(listed) == Category(names[-1], tuple(listed))
    way = read_category(" > ".join([*names, shelf]))
    assert way is not None
    assert way.product_type == names[-1]
    alone = read_category([shelf])
    assert alone is not None
    assert alone.product_type == shelf


@given(way=SIDE_BY_SIDE, words=st.lists(NAMES, min_size=2, max_size=8), cut=st.booleans())
def test_the_title_at_the_end_of_a_way_is_no_type(way, words, cut):
    title = " ".join(words)
    end = f"{title[: max(len(words[0]) + 2, len(title) // 2)]}..." if cut else title
    read = read_category(orjson.dumps([" >> ".join([*way, end])]).decode(), "tree", title)
    assert read == Category(way[-1], (" > ".join([*way, end]),))


@pytest.mark.parametrize(
    ("text", "product_type", "ways"),
    [
        (
            "Clothing > Lingerie, Sleep & Swimwear > Shorts",
            "Shorts",
            ("Clothing > Lingerie, Sleep & Swimwear > Shorts",),
        ),
        (
            "Food, Beverages &amp; Tobacco > Food Items",
            "Food Items",
            ("Food, Beverages & Tobacco > Food Items",),
        ),
        ("Snacks, Sweet snacks", "Sweet snacks", ("Snacks", "Sweet snacks")),
        (r"Beds\, large, Sale", "Beds, large", ("Beds, large", "Sale")),
    ],
)
def test_commas_part_categories_but_no_names(text, product_type, ways):
    assert read_category(text, "categories") == Category(product_type, ways)


def test_names_in_several_languages_are_read_in_the_chosen_one():
    cells = [{"name": {"en": "Clothing", "de": "Kleidung"}}, {"name": {"en": "Hats", "de": "Hüte"}}]
    assert read_category(cells, "categories", language="german") == Category("Hüte", ("Kleidung", "Hüte"))


def test_slashes_part_the_names_of_categories_alone():
    cell = "Default Category/Women/Dresses,Default Category/Sale"
    assert read_category(cell, "categories") == Category(
        "Dresses", ("Default Category > Women > Dresses", "Default Category > Sale")
    )
    assert read_category(cell, "product_type") is None


def test_a_comma_that_a_shop_escapes_is_part_of_a_name():
    assert read_category(r"Home > Beds\, large, Sale") == Category(
        "Beds, large", ("Home > Beds, large", "Sale")
    )


def test_an_item_has_the_type_and_keeps_the_ways():
    rows = [
        {"id": "1", "name": "Wide", "category": "Clothing > Trousers, Sale"},
        {"id": "2", "name": "Cap", "category": "Hats"},
    ]
    mapping = guess(Evidence(columns=("id", "name", "category"), sample=rows), {}, Path())
    first, second = (mapping.item(row)[0] for row in rows)
    assert (first.product_type, first.attributes) == ("Trousers", {PATH: ("Clothing > Trousers", "Sale")})
    assert (second.product_type, second.attributes) == ("Hats", {})


@given(root=NAMES, names=st.lists(NAMES, min_size=1, max_size=3), gap=st.sampled_from([",", ";", "\n"]))
def test_one_slash_parts_names_after_the_root_or_another_way(root, names, gap):
    for way in (f"Default Category/{names[-1]}", f"{root}{gap}{root}/{names[-1]}"):
        read = read_category(way, "categories")
        assert read is not None
        assert read.product_type == names[-1]
        assert read_category(way, "name") is None


@given(ways=WAYS)
def test_bars_part_the_categories_of_wordpress(ways):
    read = read_category("|".join(" > ".join(way) for way in ways) + "|", "tax:product_cat")
    longest = max(map(len, ways))
    end = next(way[-1] for way in (ways if longest > 1 else reversed(ways)) if len(way) == longest)
    assert read == Category(end, tuple(dict.fromkeys(" > ".join(way) for way in ways)))
