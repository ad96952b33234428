"""Exports of shop systems: variants are items with what their product says, and nothing is lost."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns


@dataclass(frozen=True)
class Variant:
    sku: str
    size: str
    price: float
    stock: int


@dataclass(frozen=True)
class Product:
    handle: str
    title: str
    kind: str
    photos: tuple[str, ...]
    variants: tuple[Variant, ...]


def items(file, *options, layout="auto"):
    catalogue = open_catalogue(file, layout)
    entries = list(catalogue.entries(map_columns(catalogue, options)))
    assert not [entry.failure for entry in entries if entry.failure]
    return entries


def by_id(entries):
    return {entry.id: entry.item for entry in entries}


def write_rows(path, name, rows, delimiter=","):
    file = path / name
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns, delimiter=delimiter, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return file


@st.composite
def products(draw):
    shop = []
    for number in range(draw(st.integers(1, 4))):
        sizes = draw(st.lists(st.sampled_from(["S", "M", "L", "XL"]), min_size=1, max_size=3, unique=True))
        variants = tuple(
            Variant(f"SKU-{number}-{size}", size, draw(st.integers(1, 99)) / 2, draw(st.integers(0, 2)))
            for size in sizes
        )
        photos = tuple(f"{number}-{place}.jpg" for place in range(draw(st.integers(1, 4))))
        title = draw(st.sampled_from(["Hat", 'Mirror 13"', "Trousers, wide"]))
        shop.append(
            Product(f"product-{number}", title, draw(st.sampled_from(["hat", "shoe"])), photos, variants)
        )
    return shop


def shopify_rows(shop):
    """As Shopify writes them: the n-th row of a product has its n-th variant and its n-th photo."""
    for product in shop:
        for place in range(max(len(product.variants), len(product.photos))):
            row = {"Handle": product.handle}
            if place == 0:
                row |= {"Title": product.title, "Body (HTML)": "<p>Good</p>", "Vendor": "Acme"}
                row |= {"Type": product.kind, "Option1 Name": "Size"}
            if place < len(product.variants):
                variant = product.variants[place]
                row |= {"Option1 Value": variant.size, "Variant SKU": variant.sku}
                row |= {"Variant Inventory Qty": variant.stock, "Variant Price": variant.price}
            if place < len(product.photos):
                row |= {"Image Src": product.photos[place], "Image Position": place + 1}
            yield row


def shopify_json(shop):
    return {
        "products": [
            {
                "id": number, "handle": product.handle, "title": product.title, "body_html": "<p>Good</p>",
                "vendor": "Acme", "product_type": product.kind, "options": [{"name": "Size"}],
                "images": [{"src": photo} for photo in product.photos],
                "variants": [
                    {"id": place, "title": variant.size, "sku": variant.sku, "price": str(variant.price),
                     "available": variant.stock > 0}
                    for place, variant in enumerate(product.variants)
                ],
            }
            for number, product in enumerate(shop)
        ]
    }  # fmt: skip


NEWER = {
    "Handle": "URL handle", "Body (HTML)": "Description", "Published": "Published on online store",
    "Option1 Name": "Option1 name", "Option1 Value": "Option1 value", "Variant SKU": "SKU",
    "Variant Price": "Price", "Variant Inventory Qty": "Inventory quantity",
    "Variant Inventory Tracker": "Inventory tracker", "Image Src": "Product image URL",
    "Image Position": "Image position", "Variant Image": "Variant image URL",
}  # fmt: skip
"""Names of the columns in Shopify's newer CSV."""


@settings(deadline=None)
@given(products())
def test_a_shop_is_the_same_items_as_shopify_writes_it_in_csv_and_in_json(tmp_path_factory, shop):
    path = tmp_path_factory.mktemp("shopify")
    rows = [
        {"Handle": "", "Title": "", "Variant Price": "", "Image Src": "", **row} for row in shopify_rows(shop)
    ]
    file = path / "shop.json"
    file.write_text(json.dumps(shopify_json(shop)))
    newer = [{NEWER.get(column, column): cell for column, cell in row.items()} for row in rows]
    for entries in (
        items(write_rows(path, "shop.csv", rows)),
        items(write_rows(path, "newer.csv", newer)),
        items(file),
    ):
        read = by_id(entries)
        assert list(read) == [variant.sku for product in shop for variant in product.variants]
        for product in shop:
            for variant in product.variants:
                item = read[variant.sku]
                assert (item.title, item.description, item.brand) == (product.title, "Good", "Acme")
                assert (item.product_type, item.group) == (product.kind, product.handle)
                assert (item.price, item.available) == (variant.price, variant.stock > 0)
                assert item.attributes["Size"] == variant.size
                assert item.image == product.photos[0]
        assert not any(entry.warnings for entry in entries)


def test_a_photo_of_a_row_of_its_own_is_in_every_variant_and_a_variants_own_photo_is_first(tmp_path):
    rows = [
        {"Handle": "a", "Title": "Hat", "Variant SKU": "1", "Option1 Name": "Size", "Option1 Value": "S",
         "Variant Price": "5", "Image Src": "second.jpg", "Image Position": "2", "Variant Image": ""},
        {"Handle": "a", "Variant SKU": "2", "Option1 Value": "M", "Variant Price": "6",
         "Variant Image": "m.jpg"},
        {"Handle": "a", "Image Src": "first.jpg", "Image Position": "1", "Vendor": "Acme"},
    ]  # fmt: skip
    catalogue = open_catalogue(write_rows(tmp_path, "shop.csv", rows))
    cells = [row.values for row in catalogue.shape(catalogue.shards[0].format.rows())]
    photos = ["first.jpg", "second.jpg"]
    assert [row["Image Src"] for row in cells] == [photos, ["m.jpg", *photos]]
    entries = list(catalogue.entries(map_columns(catalogue)))
    assert entries[0].warnings == ("Vendor stands in a row that holds a photo alone; left out",)


@pytest.mark.parametrize("skus", [["", ""], ["A", "A"], ["A", ""]])
def test_variants_without_ids_of_their_own_get_some(tmp_path, skus):
    rows = [
        {"Handle": "hat", "Title": "Hat", "Option1 Name": "Size", "Variant Price": "5", "Image Src": "a.jpg"},
        {"Handle": "hat", "Variant Price": "5"},
    ]
    for row, sku, size in zip(rows, skus, "SM", strict=True):
        row |= {"Variant SKU": sku, "Option1 Value": size}
    read = by_id(items(write_rows(tmp_path, "shop.csv", rows)))
    assert len(read) == 2
    assert [item.attributes["Size"] for item in read.values()] == ["S", "M"]


def test_stock_that_nobody_counts_or_that_is_not_needed_is_available(tmp_path):
    rows = [
        {"Handle": str(n), "Title": "Hat", "Variant SKU": str(n), "Variant Price": "5", "Image Src": "a.jpg",
         "Variant Inventory Qty": "0", "Variant Inventory Tracker": tracker,
         "Variant Inventory Policy": policy}
        for n, (tracker, policy) in enumerate([("shopify", "deny"), ("", "deny"), ("shopify", "continue")])
    ]  # fmt: skip
    assert [entry.item.available for entry in items(write_rows(tmp_path, "a.csv", rows))] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("parent", ["W1", "id:1"])
def test_a_variation_of_woocommerce_inherits_what_it_lacks(tmp_path, parent):
    base = {"Type": "variable", "SKU": "W1", "Name": "Hat", "Regular price": "9", "Categories": "Hats"}
    base |= {"ID": "1", "Description": "Warm", "Images": "a.jpg", "Parent": "", "In stock?": "1"}
    base |= {"Attribute 1 name": "Size", "Attribute 1 value(s)": "S, M", "Sale price": "7"}
    variation = {"ID": "2", "Type": "variation", "SKU": "W1-S", "Name": "Hat - S", "Parent": parent}
    variation |= {
        "Regular price": "8",
        "Attribute 1 name": "Size",
        "Attribute 1 value(s)": "S",
        "In stock?": "0",
    }
    read = by_id(items(write_rows(tmp_path, "shop.csv", [variation, base])))
    item = read["2"]
    assert (item.product_type, item.description, item.image) == ("Hats", "Warm", "a.jpg")
    assert (item.title, item.price, item.available) == ("Hat - S", 8.0, False)
    assert item.group == read["1"].group == parent
    assert (read["1"].price, read["1"].attributes["Size"]) == (7.0, ("S", "M"))


def test_store_views_of_magento_are_counted_and_variants_are_in_their_parents_group(tmp_path):
    listed = "sku=M1-S,size=S|sku=M1-M,size=M"
    rows = [
        {"sku": "M1-S", "name": "Hat S", "price": "5", "is_in_stock": "0", "store_view_code": ""},
        {"sku": "M1", "store_view_code": "", "attribute_set_code": "Default", "product_type": "configurable",
         "categories": "Hats", "name": "Hat", "price": "5", "base_image": "a.jpg",
         "additional_images": "a.jpg,b.jpg",
         "additional_attributes": "colour=red,note=warm, soft,size=,fabric=wool|silk",
         "configurable_variations": listed},
        {"sku": "M1", "store_view_code": "de", "name": "Hut"},
        {"sku": "M1", "store_view_code": "fr", "name": "Chapeau"},
        {"sku": "M2", "store_view_code": "default", "name": "Cap", "price": "5"},
    ]  # fmt: skip
    file = write_rows(tmp_path, "shop.csv", rows)
    entries = items(file)
    read = by_id(entries)
    assert {item_id: item.group for item_id, item in read.items()} == {"M1-S": "M1", "M1": "M1", "M2": "M2"}
    assert (read["M1-S"].product_type, read["M1-S"].image) == ("Hats", "a.jpg")
    assert (read["M1"].attributes["colour"], read["M1"].attributes["note"]) == ("red", "warm, soft")
    assert read["M1"].attributes["fabric"] == ("wool", "silk")
    assert [len(entry.warnings) for entry in entries] == [0, 2, 0]
    assert "texts of store_view_code de is left out" in entries[1].warnings[0]


def test_locales_and_currencies_in_the_names_of_columns_are_read_as_texts_and_prices(tmp_path):
    row = {"sku": "A1", "family": "hats", "name-en_US": "Hat", "name-de_DE": "Hut", "price-EUR": "7.5"}
    row |= {"description-de_DE-print": "Warm", "price-USD": "8", "colour-en_US": "red", "parent": ""}
    item = by_id(items(write_rows(tmp_path, "shop.csv", [row], ";")))["A1"]
    assert (item.title, item.description, item.price, item.currency) == ("Hat", "Warm", 7.5, "EUR")
    assert item.attributes == {"price-USD": 8, "colour": "red"}


def test_a_product_that_is_not_enabled_in_akeneo_cannot_be_bought(tmp_path):
    rows = [
        {"sku": f"A{enabled}", "family": "hats", "name-en_US": "Hat", "enabled": enabled} for enabled in "01"
    ]
    read = by_id(items(write_rows(tmp_path, "shop.csv", rows)))
    assert (read["A0"].available, read["A1"].available) == (False, True)


def jsonld(path, content):
    file = path / "items.json"
    file.write_text(json.dumps(content))
    return file


@pytest.mark.parametrize("shape", ["graph", "list", "item list", "array of graphs", "one product"])
def test_products_of_json_ld_are_found_wherever_they_lie(tmp_path, shape):
    hats = [
        {"@type": "Product", "@id": f"#{n}", "sku": f"H{n}", "name": f"Hat {n}", "offers": {"price": n}}
        for n in range(1, 3)
    ]
    context = {"@context": "https://schema.org"}
    crumbs = {"@type": "BreadcrumbList", "name": "way"}
    listed = [{"@type": "ListItem", "position": n, "item": hat} for n, hat in enumerate(hats)]
    content = {
        "graph": {**context, "@graph": [*hats, crumbs]},
        "list": [{**context, **hat} for hat in hats],
        "item list": {**context, "@type": "ItemList", "itemListElement": listed},
        "array of graphs": [{**context, "@graph": [hat]} for hat in hats],
        "one product": {**context, **hats[0]},
    }[shape]
    entries = items(jsonld(tmp_path, content))
    hats = hats[:1] if shape == "one product" else hats
    assert {entry.id: (entry.item.title, entry.item.price) for entry in entries} == {
        hat["sku"]: (hat["name"], float(hat["offers"]["price"])) for hat in hats
    }
    notes = [warning for entry in entries for warning in entry.warnings]
    assert bool(notes) == (shape == "graph")


def test_a_product_group_is_its_variants(tmp_path):
    group = {
        "@context": "https://schema.org", "@type": "ProductGroup", "productGroupID": "G", "sku": "G0",
        "name": "Hat",
        "brand": {"name": "Acme"}, "image": "a.jpg",
        "hasVariant": [
            {"@type": "Product", "sku": "G-S", "size": "S", "offers": {"price": 5}},
            {"@type": "Product", "sku": "G-M", "size": "M", "name": "Hat M", "offers": {"price": 6}},
        ],
    }  # fmt: skip
    read = by_id(items(jsonld(tmp_path, [group])))
    assert [(item.title, item.brand, item.group, item.price) for item in read.values()] == [
        ("Hat", "Acme", "G", 5.0),
        ("Hat M", "Acme", "G", 6.0),
    ]
    assert read["G-S"].attributes["size"] == "S"


@given(
    stock=st.lists(st.integers(-1, 3), min_size=1, max_size=4),
    policy=st.sampled_from(["deny", "continue"]),
    counted=st.booleans(),
)
@settings(max_examples=30)
def test_the_stock_of_listed_variants_says_what_can_be_bought(stock, policy, counted, tmp_path_factory):
    variants = [
        {
            "id": n,
            "sku": f"H-{n}",
            "price": "5.00",
            "inventory_quantity": count,
            "inventory_policy": policy,
            "inventory_management": "shopify" if counted else None,
        }
        for n, count in enumerate(stock)
    ]
    hat = {"id": 1, "title": "Hat", "handle": "hat", "body_html": "", "variants": variants, "images": []}
    file = tmp_path_factory.mktemp("shop") / "products.json"
    file.write_text(json.dumps({"products": [hat]}), encoding="utf-8")
    read = by_id(items(file))
    expected = [not counted or policy == "continue" or count > 0 for count in stock]
    assert [read[f"H-{n}"].available for n in range(len(stock))] == expected


def test_listed_attributes_lose_their_quotes_and_several_values_are_a_list(tmp_path):
    row = {"sku": "B", "base_image": "b.jpg", "product_type": "simple", "name": "Bag"}
    row["categories"] = "Default Category/Bags"
    row["additional_attributes"] = 'material=Cotton|Linen,care="Wash, then dry",fit=slim'
    bag = by_id(items(write_rows(tmp_path, "bags.csv", [row])))["B"]
    read = {name: bag.attributes[name] for name in ("material", "care", "fit")}
    assert read == {"material": ("Cotton", "Linen"), "care": "Wash, then dry", "fit": "slim"}
    assert bag.product_type == "Bags"


SHOPIFY = {"Handle": "h", "Variant SKU": "A", "Variant Inventory Qty": "3"}
MAGENTO = {"sku": "A", "base_image": "", "product_type": "simple", "is_in_stock": "1"}
WOOCOMMERCE = {"ID": "A", "Type": "simple", "SKU": "a", "Regular price": "5", "In stock?": "1"}


def without(columns, name):
    return {column: cell for column, cell in columns.items() if column != name}


@pytest.mark.parametrize(
    ("columns", "status", "off", "on"),
    [
        (SHOPIFY, "Status", "draft", "active"),
        (SHOPIFY, "Published", "false", "true"),
        (without(SHOPIFY, "Variant Inventory Qty"), "Status", "archived", "active"),
        ({"URL handle": "h", "SKU": "A", "Option1 value": "S"}, "Published on online store", "FALSE", "TRUE"),
        (MAGENTO, "product_online", "2", "1"),
        (without(MAGENTO, "is_in_stock"), "product_online", "2", "1"),
        ({**without(MAGENTO, "is_in_stock"), "qty": "3"}, "product_online", "2", "1"),
        (WOOCOMMERCE, "Published", "-1", "1"),
        (without(WOOCOMMERCE, "In stock?"), "Published", "-1", "1"),
    ],
)
def test_what_is_not_on_sale_cannot_be_bought_and_a_note_counts_it(tmp_path, columns, status, off, on):
    for word, is_available in ((off, False), (on, True)):
        row = {**columns, "Title": "Hat", "Name": "Hat", status: word}
        entry = items(write_rows(tmp_path, "shop.csv", [row]))[0]
        assert entry.item.available is is_available
        assert [note for note in entry.warnings if status in note] == (
            [] if is_available else [f"{status} {word} means not on sale; kept as unavailable"]
        )


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["", "de", "fr"])), min_size=1, max_size=6))
def test_of_each_sku_of_magento_a_row_is_read_though_there_is_none_of_the_default_view(
    tmp_path_factory, pairs
):
    pairs.sort(key=lambda pair: pair[0])
    rows = [
        {"sku": sku, "store_view_code": view, "attribute_set_code": "x", "name": f"{sku} {view or 'en'}"}
        for sku, view in pairs
    ]
    entries = items(write_rows(tmp_path_factory.mktemp("shop"), "export.csv", rows))
    notes = [warning for entry in entries for warning in entry.warnings]
    assert {entry.id for entry in entries} == {sku for sku, _ in pairs}
    assert len(entries) + len(notes) == len(rows)
    for sku in {sku for sku, view in pairs if not view}:
        assert {entry.item.title for entry in entries if entry.id == sku} == {f"{sku} en"}


@pytest.mark.parametrize("in_one_file", [True, False])
def test_models_of_products_from_akeneo_are_named_by_their_code_and_variants_inherit(tmp_path, in_one_file):
    models = [
        {"code": "m1", "family_variant": "by_size", "name-en_US": "Linen shirt", "description-en_US": "Soft"}
    ]
    variants = [
        {"sku": f"m1-{size}", "family": "shirts", "parent": "m1", "name-en_US": name, "size": size}
        for size, name in {"S": "", "M": "Linen shirt M"}.items()
    ]
    folder = tmp_path / "export"
    folder.mkdir()
    if in_one_file:
        write_rows(folder, "all.csv", [*models, *variants], ";")
    else:
        write_rows(folder, "models.csv", models, ";")
        write_rows(folder, "products.csv", variants, ";")
    read = by_id(items(folder))
    assert {name: (item.title, item.description, item.group) for name, item in read.items()} == {
        "m1": ("Linen shirt", "Soft", "m1"),
        "m1-S": ("Linen shirt", "Soft", "m1"),
        "m1-M": ("Linen shirt M", "Soft", "m1"),
    }


@st.composite
def trees(draw):
    """Rows of products with one or two levels of models in any order, and what their variants are."""
    rows, right = [], {}

    def row(name, parent, title, photo):
        rows.append({"code": name, "sku": "", "parent": parent, "name-en_US": title, "image": photo})
        return name

    for number in range(draw(st.integers(1, 3))):
        root = row(f"r{number}", "", f"Root {number}", draw(st.sampled_from(["", f"r{number}.jpg"])))
        photo = rows[-1]["image"]
        right[root] = (f"Root {number}", photo, root)
        for place in range(draw(st.integers(1, 3))):
            parent, title, picture = root, f"Root {number}", photo
            if draw(st.booleans()):
                own, mine = (draw(st.sampled_from(["", f"{kind} {number} {place}"])) for kind in ("Sub", "p"))
                parent, title = row(f"{root}s{place}", root, own, mine and f"{mine}.jpg"), own or title
                picture = rows[-1]["image"] or picture
                right[parent] = (title, picture, root)
            for size in "SM":
                variant = row(f"{parent}-{place}{size}", parent, "", "")
                rows[-1] |= {"code": "", "sku": variant}
                right[variant] = (title, picture, root)
    return draw(
        st.permutations([{**row, "family": "hats", "family_variant": "by_size"} for row in rows])
    ), right


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tree=trees(), cut=st.integers(0, 20))
def test_rows_are_in_the_group_of_the_first_of_their_models_in_whatever_order(tmp_path_factory, tree, cut):
    rows, right = tree
    folder = tmp_path_factory.mktemp("export")
    for name, part in {"a.csv": rows[:cut], "b.csv": rows[cut:]}.items():
        if part:
            write_rows(folder, name, part, ";")
    entries = items(folder)
    assert {
        name: (item.title, Path(str(item.image or "")).name, item.group)
        for name, item in by_id(entries).items()
    } == right


def test_models_that_name_each_other_as_parents_are_read(tmp_path):
    rows = [
        {"code": name, "family_variant": "by_size", "parent": parent, "name-en_US": title}
        for name, parent, title in (("a", "b", "Hat"), ("b", "a", ""), ("c", "c", "Cap"))
    ]
    read = by_id(items(write_rows(tmp_path, "shop.csv", rows)))
    assert {name: item.title for name, item in read.items()} == {"a": "Hat", "b": "Hat", "c": "Cap"}


def test_variants_of_json_ld_keep_what_their_product_is_called(tmp_path):
    sizes = [{"@type": "Product", "sku": f"S-{size}", "name": f"Shirt {size}"} for size in "SM"]
    group = {"@type": "ProductGroup", "productGroupID": "G", "name": "Linen shirt"}
    nested = [
        {
            "@context": "https://schema.org",
            **size,
            "isVariantOf": group | {"name": [{"@value": "Linen shirt"}]},
        }
        for size in sizes
    ]
    for content in ({"@context": "https://schema.org", **group, "hasVariant": sizes}, nested):
        read = by_id(items(jsonld(tmp_path, content)))
        assert {(item.title, item.group, item.group_title) for item in read.values()} == {
            ("Shirt S", "G", "Linen shirt"),
            ("Shirt M", "G", "Linen shirt"),
        }


def test_a_shop_without_a_column_for_stock_is_sold_out_where_its_count_says_so(tmp_path):
    rows = [
        {**without(MAGENTO, "is_in_stock"), "sku": count, "name": "Hat", "qty": count, "product_online": "1"}
        for count in "012"
    ]
    read = by_id(items(write_rows(tmp_path, "shop.csv", rows)))
    assert {count: item.available for count, item in read.items()} == {"0": False, "1": True, "2": True}


def test_a_draft_counts_wherever_it_stands(tmp_path):
    rows = [
        {
            "Handle": f"h{n}",
            "Title": "Hat",
            "Variant SKU": f"A{n}",
            "Status": "draft" if n == 700 else "active",
        }
        for n in range(702)
    ]
    read = items(write_rows(tmp_path, "shop.csv", rows))
    assert [entry.id for entry in read if not entry.item.available] == ["A700"]
    assert sum(len(entry.warnings) for entry in read) == 1


def test_what_is_written_for_spreadsheets_is_read_as_it_is_meant(tmp_path):
    row = {"Handle": "h", "Title": "Hat", "Variant SKU": "'0012", "Variant Price": "5"}
    assert list(by_id(items(write_rows(tmp_path, "shop.csv", [row])))) == ["0012"]
    parent = {
        **WOOCOMMERCE,
        "ID": "P",
        "SKU": "P",
        "Name": "Hat",
        "Parent": "",
        "Description": "Warm\\nand soft",
    }
    child = {**WOOCOMMERCE, "ID": "C", "SKU": "c", "Name": "Hat S", "Parent": "P", "Description": ""}
    read = by_id(items(write_rows(tmp_path, "woo.csv", [parent, child])))
    assert [item.description for item in read.values()] == ["Warm\nand soft"] * 2


@given(
    st.lists(
        st.sampled_from(["sku", "productID", "gtin13", "mpn", "isbn", "@id", "url"]), min_size=1, max_size=6
    )
)
def test_a_product_of_json_ld_has_an_id_whatever_it_is_named_by(tmp_path_factory, keys):
    hats = [{"@type": "Product", "name": "Hat", key: f"{key}/{n}"} for n, key in enumerate(keys)]
    file = tmp_path_factory.mktemp("ld") / "items.jsonld"
    file.write_text(json.dumps({"@context": "https://schema.org", "@graph": hats}))
    assert [entry.id for entry in items(file)] == [f"{key}/{n}" for n, key in enumerate(keys)]
