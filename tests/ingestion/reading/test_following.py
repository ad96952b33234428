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


NEWER = [
    "Item", "ID", "Name", "Type", "SKU", "Options", "Inventory Tracking", "Current Stock", "Price",
    "Sale Price", "Categories", "Description", "Is Visible", "Variant Image URL",
    "Internal Image URL (Export)", "Image URL (Import)", "Image Description", "Image is Thumbnail",
    "Image Sort Order", "YouTube ID",
]  # fmt: skip


def newer(file, rows):
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, NEWER, restval="")
        writer.writeheader()
        writer.writerows(rows)
    catalogue = open_catalogue(file)
    assert catalogue.preset.name == "bigcommerce"
    return list(catalogue.entries(map_columns(catalogue)))


@st.composite
def shops(draw):
    """Products of the newer export: sizes with a stock and perhaps a photo, photos in any order, videos."""
    sizes = st.tuples(st.sampled_from("SMLX"), st.integers(0, 2), st.booleans())
    return draw(
        st.lists(
            st.tuples(
                st.lists(sizes, max_size=3, unique_by=lambda size: size[0]),
                st.permutations(range(draw(st.integers(0, 3)))),
                st.booleans(),
                st.sampled_from(["none", "product", "variant"]),
                st.booleans(),
            ),
            min_size=1,
            max_size=4,
        )
    )


@given(shops())
def test_variants_and_photos_of_the_newer_export_belong_to_the_product_before_them(tmp_path_factory, shop):
    rows = []
    for n, (sizes, photos, has_video, tracking, is_visible) in enumerate(shop):
        rows.append(
            {"Item": "Product", "ID": n, "Name": f"Towel {n}", "Type": "physical", "SKU": f"T{n}",
             "Inventory Tracking": tracking, "Current Stock": "4", "Price": "20", "Categories": "18;23",
             "Description": "<p>Linen</p>", "Is Visible": str(is_visible).upper()}
        )  # fmt: skip
        for size, stock, has_photo in sizes:
            options = f"Type=Radio|Name=Size|Value={size}|Type=Swatch|Name=Colour|Value=Red[#ff0000]"
            rows.append(
                {"Item": "Variant", "ID": 10 * n, "SKU": f"T{n}-{size}", "Options": options,
                 "Current Stock": stock, "Price": "25",
                 "Variant Image URL": f"https://x/{n}{size}.jpg" if has_photo else ""}
            )  # fmt: skip
        rows += [
            {"Item": "Image", "ID": 5, "Internal Image URL (Export)": f"https://x/{n}-{place}.jpg",
             "Image URL (Import)": "https://old/x.jpg", "Image is Thumbnail": str(place == 1).upper(),
             "Image Sort Order": place, "Image Description": "front"}
            for place in photos
        ]  # fmt: skip
        rows += [{"Item": "Video", "YouTube ID": "abc"}] * has_video
    batch = newer(tmp_path_factory.mktemp("shop") / "a.csv", rows)
    assert [entry.id for entry in batch] == [
        name for n, (sizes, *_) in enumerate(shop) for name in (f"T{n}", *(f"T{n}-{s}" for s, *_ in sizes))
    ]
    notes = [warning for entry in batch for warning in entry.warnings]
    assert notes.count("a row with Item video is left out") == sum(part[2] for part in shop)
    items = {entry.id: entry.item for entry in batch}
    for n, (sizes, photos, _, tracking, is_visible) in enumerate(shop):
        order = sorted(photos, key=lambda place: (place != 1, place))
        shared = tuple(f"https://x/{n}-{place}.jpg" for place in order)
        product = items[f"T{n}"]
        assert (product.title, product.price, product.available) == (f"Towel {n}", 20.0, is_visible)
        assert product.group == (f"T{n}" if sizes else "")
        assert product.product_type == ""
        assert product.image == next(iter(shared), None)
        for size, stock, has_photo in sizes:
            item = items[f"T{n}-{size}"]
            assert (item.title, item.description, item.group) == (f"Towel {n}", "Linen", f"T{n}")
            assert (item.attributes["Size"], item.attributes["Colour"]) == (size, "Red")
            assert item.price == 25.0
            assert item.available is (is_visible and (tracking != "variant" or stock > 0))
            every = (f"https://x/{n}{size}.jpg", *shared) if has_photo else shared
            assert (item.image, item.photos) == (next(iter(every), None), every if len(every) > 1 else ())


def test_rows_before_the_first_product_are_left_out_with_a_note(tmp_path):
    rows = [
        {"Item": "Variant", "SKU": "v"},
        {"Item": "Image", "Image URL (Import)": "https://x/a.jpg"},
        {"Item": "Product", "ID": 1, "Name": "Towel", "SKU": ""},
    ]
    (entry,) = newer(tmp_path / "a.csv", rows)
    assert (entry.id, entry.item.image) == ("1", None)
    assert entry.warnings == ("a row with Item variant is left out", "a row with Item image is left out")


def test_options_are_read_whatever_their_kind():
    assert options_of("[RT]Size= US 9, wide,[RB]Width=D") == {"Size": "US 9, wide", "Width": "D"}
    assert options_of("[S]Farbe=Rot;[S]Größe=M") == {"Farbe": "Rot", "Größe": "M"}
    assert options_of("Type=Dropdown|Name=Color|Value=Natural|Type=Dropdown|Name=Size|Value=5A") == {
        "Color": "Natural", "Size": "5A",
    }  # fmt: skip
    assert options_of("large") == {"option": "large"}
