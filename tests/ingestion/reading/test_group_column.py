"""Which column holds groups: laws over drawn catalogues, and the names that shops use."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import Evidence, guess, map_columns
from vlclip.ingestion.reading.origin import parse_map

NAMES = st.sampled_from(
    ["item_group_id", "Parent SKU", "parent", "handle", "parentId", "group-id", "style_id", "variantGroup"]
)
CELLS = st.sampled_from(["", "A", "B", "C", "D", "E"])


def mapping_of(rows, options=()):
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return guess(Evidence(columns, rows), parse_map(options), Path("/nowhere"))


@given(NAMES, st.lists(CELLS, min_size=1, max_size=12))
def test_a_column_holds_groups_if_some_rows_share_a_value_and_not_all_do(name, cells):
    rows = [{"id": f"i{number}", name: cell} for number, cell in enumerate(cells)]
    counts = Counter(filter(None, cells))
    is_group = max(counts.values(), default=0) > 1 and not (len(counts) == 1 and "" not in cells)
    mapping = mapping_of(rows)
    items = [mapping.item(row)[0] for row in rows]
    if is_group:
        assert [item.group for item in items] == cells
        assert not any(item.attributes for item in items)
    else:
        assert not any(item.group for item in items)
        assert [item.attributes.get(name, "") for item in items] == cells
    is_refused = bool(counts) and not is_group
    assert any("no group" in line and name in line for line in mapping.describe()) == is_refused


@pytest.mark.parametrize(
    "column", ["item_group_id", "parent_sku", "Handle", "Parent", "Style ID", "group_id"]
)
def test_the_operator_can_make_any_column_the_group_or_none(column):
    rows = [{"id": "1", column: "A"}, {"id": "2", column: "A"}]
    assert mapping_of(rows, [f"group={column}"]).item(rows[0])[0].group == "A"
    assert mapping_of(rows, ["group="]).item(rows[0])[0].group == ""
    assert "group        ← " in "\n".join(mapping_of(rows, [f"group={column}"]).describe())


@pytest.mark.parametrize(
    ("head", "child"),
    [
        ({"sku": "H", "parent_sku": ""}, {"sku": "H-1", "parent_sku": "H"}),
        ({"sku": "H"}, {"sku": "H-1", "Parent": "H"}),
        ({"id": "9", "sku": "H", "Parent": ""}, {"id": "10", "sku": "H-1", "Parent": "H"}),
        ({"id": "9", "sku": "", "Parent": ""}, {"id": "10", "sku": "H-1", "Parent": "id:9"}),
        ({"product_id": 9}, {"product_id": 10, "parent_id": 9.0}),
        ({"asin": "B1", "parent_asin": "B1"}, {"asin": "B2", "parent_asin": "B1"}),
        ({"@id": "9"}, {"@id": "10", "isVariantOf": {"@type": "ProductGroup", "@id": "9"}}),
    ],
)
def test_the_row_that_others_name_as_their_parent_is_in_their_group(head, child):
    points_up = {name: cell for name, cell in child.items() if name.lower().startswith(("parent", "isv"))}
    sibling = {name: f"{cell}b" for name, cell in child.items()} | points_up
    single = {name: "X" for name in head if head[name]}
    rows = [head, child, sibling, single]
    mapping = mapping_of(rows)
    groups = [mapping.item(row)[0].group for row in rows]
    assert groups[0] == groups[1] == groups[2] != ""
    assert groups[3] != groups[0]


def test_parents_with_one_variant_each_are_groups():
    rows = [{"sku": "A", "parent": ""}, {"sku": "A-1", "parent": "A"}, {"sku": "B", "parent": ""}]
    mapping = mapping_of(rows)
    assert [mapping.item(row)[0].group for row in rows] == ["A", "A", "B"]


def test_parent_asin_is_the_id_where_no_other_column_is():
    rows = [{"parent_asin": "B1", "title": "A"}, {"parent_asin": "B2", "title": "B"}]
    assert "group" not in mapping_of(rows).fields
    assert mapping_of(rows).fields["id"].column == "parent_asin"


def test_categories_are_no_groups():
    rows = [{"id": str(number), "product_group": f"Kind {number % 3}"} for number in range(600)]
    mapping = mapping_of(rows)
    assert "group" not in mapping.fields
    assert mapping.attributes.names == {"product_group": "product_group"}
    assert any("product_group has 200 rows for each value" in line for line in mapping.describe())


def test_a_group_that_is_no_single_value_is_named():
    rows = [{"id": "1", "item_group_id": cell} for cell in ("A", "A", ["A", "B"], ["A"], True, "x" * 300)]
    mapping = mapping_of(rows)
    items = [mapping.item(row) for row in rows]
    assert [item.group for item, _ in items] == ["A", "A", "", "A", "", ""]
    assert [bool(warnings) for _, warnings in items] == [False, False, True, False, True, True]


def test_rows_beyond_the_first_decide_where_these_show_too_little(tmp_path):
    lines = ["id,item_group_id", *(f"a{n},G{n}" for n in range(600)), *(f"b{n},G{n}" for n in range(600))]
    path = tmp_path / "products.csv"
    path.write_text("\n".join(lines))
    assert map_columns(open_catalogue(path)).fields["group"].column == "item_group_id"
    path.write_text("\n".join(lines[:601]))
    assert "group" not in map_columns(open_catalogue(path)).fields


@pytest.mark.parametrize("column", ["item_group_title", "Group Title", "parent_name", "ParentTitle"])
def test_a_groups_title_is_read_where_there_are_groups(column):
    rows = [
        {"id": f"{n}", "name": f"Shirt {n}", "handle": "shirt", column: "Linen <b>shirt</b>"}
        for n in range(2)
    ]
    rows.append({"id": "9", "name": "Hat", "handle": "hat", column: "Hat"})
    items = [mapping_of(rows).item(row)[0] for row in rows]
    assert [(item.group_title, dict(item.attributes)) for item in items[:2]] == [("Linen shirt", {})] * 2
    no_groups = mapping_of(rows, ["group="])
    assert "group_title" not in no_groups.fields
    assert no_groups.item(rows[2])[0].attributes
    assert mapping_of(rows, ["group_title="]).item(rows[2])[0].group_title == ""
