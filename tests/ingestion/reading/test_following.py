"""Variants that follow their product's row."""

import csv

from hypothesis import given
from hypothesis import strategies as st

from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.following import options_of
from vlclip.ingestion.reading.guesses import map_columns

COLUMNS = [
    "Item Type", "Product ID", "Product Name", "Product Type", "Product Code/SKU", "Brand Name", "Price",
    "Sale Price", "Product Description", "Allow Purchases?", "Track Inventory", "Current Stock Level",
    "Category", "Product Image File - 1", "Product Image File - 2",
]  # fmt: skip


def entries(file, lines):
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows([*line, *[""] * (len(COLUMNS) - len(line))] for line in lines)
    catalogue = open_catalogue(file)
    return list(catalogue.entries(map_columns(catalogue)))


def product(number, *, stock="5", tracked="by option", buyable="Y"):
    return [
        "Product", number, f"Shirt {number}", "P", f"c{number}", "Acme", "20.00", "0.00", "<p>Linen</p>",
        buyable, tracked, stock, "Shop/Clothing/Shirts", "a.jpg", "b.jpg",
    ]  # fmt: skip


def variant(name, code, stock="1"):
    return ["  SKU", "", name, "", code, "", "", "", "", "", "", stock]


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("SML"), max_size=3, unique=True), st.integers(0, 2)), min_size=1
    )
)
def test_each_sku_is_a_variant_of_the_product_before_it(tmp_path_factory, shop):
    lines = []
    for number, (sizes, rules) in enumerate(shop):
        lines.append(product(number))
        lines += [variant(f"[S]Size={size},[CS]Color=Red:#ff0000", f"c{number}{size}") for size in sizes]
        lines += [["  Rule", "", "[S]Size=S", "", "", "", "[ADD]4"]] * rules
    batch = entries(tmp_path_factory.mktemp("shop") / "a.csv", lines)
    ids = [name for n, (sizes, _) in enumerate(shop) for name in (f"c{n}", *(f"c{n}{s}" for s in sizes))]
    assert [entry.id for entry in batch] == ids
    left_out = [warning for entry in batch for warning in entry.warnings]
    assert left_out == ["a row with Item Type rule is left out"] * sum(rules for _, rules in shop)
    items = {entry.id: entry.item for entry in batch}
    for number, (sizes, _) in enumerate(shop):
        assert items[f"c{number}"].group == (f"c{number}" if sizes else "")
        for size in sizes:
            item = items[f"c{number}{size}"]
            assert (item.title, item.brand, item.price) == (f"Shirt {number}", "Acme", 20.0)
            assert (item.group, item.photos, item.product_type) == (
                f"c{number}", ("a.jpg", "b.jpg"), "Shirts",
            )  # fmt: skip
            assert (item.attributes["Size"], item.attributes["Color"]) == (size, "Red")


def test_stock_that_is_not_tracked_and_what_cannot_be_bought(tmp_path):
    lines = [product(1, stock="0", tracked="none"), product(2, stock="0"), product(3, buyable="N")]
    lines += [variant("[S]Size=S", "", "2"), variant("[S]Size=M", "", "2")]
    batch = {entry.id: entry.item for entry in entries(tmp_path / "a.csv", lines)}
    assert {name: item.available for name, item in batch.items()} == {
        "c1": True, "c2": False, "c3": False, "c3/S": False, "c3/M": False,
    }  # fmt: skip


def test_options_are_read_whatever_their_kind():
    assert options_of("[RT]Size= US 9, wide,[RB]Width=D") == {"Size": "US 9, wide", "Width": "D"}
    assert options_of("[S]Farbe=Rot;[S]Größe=M") == {"Farbe": "Rot", "Größe": "M"}
    assert options_of("large") == {"option": "large"}
