import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlclip.engine.errors import ItemError
from vlclip.engine.item import MAX_TEXT_CHARS
from vlclip.ingestion.errors import MappingError
from vlclip.ingestion.reading.choices import DEFAULT_CHOICES, ReadingChoices
from vlclip.ingestion.reading.guesses import Evidence, guess
from vlclip.ingestion.reading.origin import parse_map
from vlclip.ingestion.settings import Ingest, IngestionSettings

ROOT = Path("/nowhere")


def mapped(columns, pairs=(), sample=(), root=ROOT, choices=DEFAULT_CHOICES, **options):
    return guess(Evidence(columns, sample, **options), parse_map(pairs), root, choices)


@pytest.mark.parametrize(
    ("columns", "fields"),
    [
        (
            ["Id", "Type", "Brand", "Name", "Description", "Price"],
            "id product_type brand title description price",
        ),
        (["product_id", "title", "article_type", "base_colour", "image"], "id title product_type image"),
        (["sku", "productDisplayName", "image_link", "availability"], "id title image available"),
        (["ASIN", "Product Name", "Image URL", "Manufacturer"], "id title image brand"),
    ],
)
def test_obvious_columns_are_guessed(columns, fields):
    assert set(mapped(columns).fields) == set(fields.split())


def test_a_given_mapping_wins_over_a_guess():
    mapping = mapped(["id", "title", "name"], ["title=name"])
    item, _ = mapping.item({"id": "1", "title": "A", "name": "B"})
    assert item.title == "B"
    assert item.attributes == {"title_": "A"}  # the column is not lost: it is an attribute now


def test_an_empty_right_side_leaves_a_field_empty():
    mapping = mapped(["id", "brand"], ["brand="])
    item, _ = mapping.item({"id": "1", "brand": "Acme"})
    assert item.brand == ""
    assert item.attributes == {"brand_": "Acme"}


def test_templates_are_filled_from_columns():
    mapping = mapped(["Id", "Maker", "Model"], ["title={Maker} {Model}", "image=pics/{Id}.webp"])
    item, _ = mapping.item({"Id": 7, "Maker": "Acme", "Model": "X"})
    assert (item.title, item.image) == ("Acme X", "pics/7.webp")
    without, _ = mapping.item({"Id": 8, "Maker": "Acme", "Model": None})
    assert without.title == ""


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("titl=Name", r"no field 'titl'; did you mean 'title'\?"),
        ("title=Names", r"no column 'Names'; did you mean 'Name'\?"),
        ("image=x/{Ident}.jpg", r"no column 'Ident'"),
        ("title", "write field=column"),
        ("attributes=Name", "no field 'attributes'"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_nearest(pair, message):
    with pytest.raises(MappingError, match=message):
        mapped(["Id", "Name"], [pair])


def test_without_an_id_column_the_columns_are_listed():
    with pytest.raises(MappingError, match=r"--map id=COLUMN.*colour, size"):
        mapped(["colour", "size"])


def test_every_column_feeds_a_field_or_is_an_attribute_or_is_named_as_left_out():
    sample = [
        {"id": "1", "title": "A", "raw": b"\x00", "colour": "red", "attributes": {"fit": "slim"}, "": "0"}
    ]
    mapping = mapped(list(sample[0]), sample=sample)
    assert mapping.describe() == [
        "id           ← id",
        "title        ← title",
        "attributes   ← colour, everything in attributes",
        "left out     : raw, ",
    ]


def test_attributes_in_an_object_are_flattened_one_level():
    cell = {"fit": "slim", "sizes": ["S", "M"], "care": None, "deep": {"a": 1}, "product_type": "Jeans"}
    mapping = mapped(["id", "attributes"], sample=[{"id": 1, "attributes": cell}])
    item, warnings = mapping.item({"id": 1, "attributes": cell})
    assert item.attributes == {"fit": "slim", "sizes": ("S", "M")}
    assert item.product_type == "Jeans"  # no column feeds the field, so the object may
    assert warnings == ("attributes holds objects deeper than one level; left out",)
    assert mapping.item({"id": 1, "attributes": '{"fit": "slim"}'})[0].attributes == {"fit": "slim"}


def test_names_that_filters_cannot_spell_are_changed():
    mapping = mapped(["id", "size (EU)=", "a.b[0]", "provenance"])
    item, _ = mapping.item({"id": "1", "size (EU)=": "40", "a.b[0]": "x", "provenance": "UK"})
    assert item.attributes == {"size (EU)_": "40", "a_b_0_": "x", "provenance_": "UK"}


def test_of_two_columns_that_become_one_attribute_the_last_is_kept_with_a_warning():
    mapping = mapped(["id", "a.b", "a[b", "attributes"], sample=[{"id": 1, "attributes": {"a_b": "x"}}])
    item, warnings = mapping.item({"id": 1, "a.b": "x", "a[b": "y", "attributes": {"a_b": "x"}})
    assert item.attributes == {"a_b": "y"}
    assert warnings == ("attribute a_b is given twice, differently; the last is kept",)
    assert mapping.item({"id": 1, "a.b": "x", "a[b": "x"})[1] == ()  # nothing is lost


def test_numbers_in_a_file_without_types_are_numbers_if_the_whole_column_is():
    sample = [
        {"id": "1", "weight": "3", "ean": "0042", "size": "M"},
        {"id": "2", "weight": "4.5", "ean": "", "size": ""},
    ]
    mapping = mapped(list(sample[0]), sample=sample, typed=False)
    assert mapping.item(sample[0])[0].attributes == {"weight": 3, "ean": "0042", "size": "M"}
    item, warnings = mapping.item({"id": "3", "weight": "many", "ean": "1", "size": "L"})
    assert item.attributes == {"weight": "many", "ean": "1", "size": "L"}
    assert warnings == ("weight holds numbers but not here; kept as text",)


def test_a_price_that_is_nan_is_left_out_and_counted():
    item, warnings = mapped(["id", "price"]).item({"id": "1", "price": float("nan")})
    assert item.price is None
    assert warnings == ("price is NaN; kept without a price",)


@pytest.mark.parametrize("price", ["abc", "inf", float("inf"), True, "sold out", "-5", {"foo": 1}])
def test_a_price_that_cannot_be_read_keeps_the_item_with_a_note(price):
    item, warnings = mapped(["id", "price"]).item({"id": "1", "price": price})
    assert (item.price, item.price_to, item.currency) == (None, None, "")
    assert len(warnings) == 1
    assert warnings[0].endswith("kept without a price")


def test_the_other_prices_of_a_column_say_what_a_lone_dot_is():
    for others, price in ((["12,50"], 1299.0), (["12.50"], 1.299)):
        sample = [{"id": "x", "price": written} for written in others]
        mapping = mapped(["id", "price"], sample=sample, typed=False)
        assert mapping.item({"id": "1", "price": "1.299"})[0].price == price
    mapping = mapped(["id", "price", "currency"])
    assert mapping.item({"id": "1", "price": "1.299", "currency": "EUR"})[0].price == 1299.0
    assert mapping.item({"id": "1", "price": "1.299", "currency": "KWD"})[0].price == 1.299


def test_of_a_range_the_lower_bound_is_the_price_and_the_upper_one_a_field():
    item, warnings = mapped(["id", "price"]).item({"id": "1", "price": "$10 - $25"})
    assert (item.price, item.price_to, item.currency, warnings) == (10, 25, "USD", ())
    columns = mapped(["id", "min_price", "max_price"])
    item, _ = columns.item({"id": "1", "min_price": "10", "max_price": "25"})
    assert (item.price, item.price_to) == (10, 25)
    item, _ = columns.item({"id": "1", "min_price": "10", "max_price": "10"})
    assert item.price_to is None


@pytest.mark.parametrize(
    ("columns", "row", "price", "regular"),
    [
        (("price", "sale_price"), ("99.00 EUR", "79.00 EUR"), 79, 99),
        (("price", "special_price"), ("99", ""), 99, None),
        (("price", "special_price"), ("99", "0.00"), 99, None),
        (("price", "special_price"), ("99", "120"), 99, None),
        (("Regular price", "Sale price"), ("99", "79"), 79, 99),
        (("Sale price", "Regular price"), ("79", "99"), 79, 99),
        (("retail_price", "discounted_price"), ("999", "379"), 379, 999),
        (("price", "sale_price"), ("", "79"), 79, None),
    ],
)
def test_the_price_is_what_is_paid_and_a_former_one_stays_as_an_attribute(columns, row, price, regular):
    item, _ = mapped(["id", *columns]).item({"id": "1", **dict(zip(columns, row, strict=True))})
    assert item.price == price
    assert item.attributes.get("regular_price") == regular


def test_a_sale_price_is_not_guessed_where_the_price_is_named():
    mapping = mapped(["id", "price", "sale_price"], ["price=price"])
    item, _ = mapping.item({"id": "1", "price": "99", "sale_price": "79"})
    assert item.price == 99
    assert item.attributes == {"sale_price": "79"}


def test_the_unit_of_a_price_is_an_attribute():
    item, warnings = mapped(["id", "price"]).item({"id": "1", "price": "2,99 € / 100 g"})
    assert (item.price, item.attributes) == (2.99, {"price_unit": "100 g"})
    assert warnings == ("price is for a unit; kept, with the unit as price_unit",)


def test_offers_with_a_price_specification_are_read():
    offers = {"@type": "Offer", "priceSpecification": {"price": "12.99", "priceCurrency": "EUR"}}
    row = {"id": "1", "offers": offers}
    item, _ = mapped(["id", "offers"], sample=[row]).item(row)
    assert (item.price, item.currency) == (12.99, "EUR")
    aggregate = {"@type": "AggregateOffer", "lowPrice": 10, "highPrice": 20, "priceCurrency": "EUR"}
    row = {"id": "1", "offers": aggregate}
    item, _ = mapped(["id", "offers"], sample=[row]).item(row)
    assert (item.price, item.price_to, item.currency) == (10, 20, "EUR")


def test_a_currency_written_with_the_price_is_taken_unless_there_is_a_column():
    assert mapped(["id", "price"]).item({"id": "1", "price": "15.00 USD"})[0].currency == "USD"
    item, _ = mapped(["id", "price", "currency"]).item({"id": "1", "price": "$15", "currency": "CAD"})
    assert item.currency == "CAD"


def test_photos_beside_the_catalogue_are_found_by_id(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.webp").write_bytes(b"x")
    mapping = mapped(["Id"], sample=[{"Id": 1}], root=tmp_path)
    assert mapping.fields["image"].template == "images/{Id}.webp"
    assert mapping.item({"Id": 1})[0].image == "images/1.webp"
    item, warnings = mapping.item({"Id": 2})  # nobody said there is a photo, so none is missing
    assert item.image is None
    assert warnings == ("no file at images/{Id}.webp; kept without a photo",)


def test_an_id_too_long_for_a_file_name_has_no_photo_beside_the_catalogue(tmp_path):
    (tmp_path / "1.webp").write_bytes(b"x")
    long = "衬" * 100  # 300 bytes; a file name has 255 at most
    mapping = mapped(["id"], sample=[{"id": long}, {"id": "1"}], root=tmp_path)
    assert mapping.item({"id": "1"})[0].image == "1.webp"
    item, warnings = mapping.item({"id": long})
    assert item.image is None
    assert warnings == ("no file at {id}.webp; kept without a photo",)


def test_ids_that_are_paths_do_not_lead_the_search_for_photos_elsewhere(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"x")
    root = tmp_path / "shop"
    root.mkdir()
    assert "image" not in mapped(["id"], sample=[{"id": "../secret"}, {"id": "a\0b"}], root=root).fields


@pytest.mark.parametrize(
    "column", ["is_in_stock", "stock_status", "qty", "Quantity", "availability", "stock", "Inventory"]
)
def test_columns_of_stock_are_guessed(column):
    mapping = mapped(["id", column], sample=[{"id": "1", column: "0"}], typed=False)
    assert mapping.item({"id": "1", column: "0"})[0].available is False


def test_a_quantity_that_counts_the_stock_stays_an_attribute_and_a_weight_is_none():
    mapping = mapped(["id", "qty"], sample=[{"id": "1", "qty": 3}])
    item, _ = mapping.item({"id": "1", "qty": 0})
    assert (item.available, item.attributes) == (False, {"qty": 0})
    packs = mapped(["id", "quantity"], sample=[{"id": "1", "quantity": "500 g"}])
    assert "available" not in packs.fields


@pytest.mark.parametrize(("unknown_is_available", "meaning"), [(True, "available"), (False, "unavailable")])
def test_an_unknown_word_for_availability_means_what_the_setting_says_and_is_shown(
    unknown_is_available, meaning
):
    choices = ReadingChoices(unknown_is_available=unknown_is_available)
    item, warnings = mapped(["id", "availability"], choices=choices).item(
        {"id": "1", "availability": "maybe 3"}
    )
    assert item.available is unknown_is_available
    assert warnings == (f"availability 'maybe …' is an unknown word; kept as {meaning}",)


def test_settings_hold_the_choices_of_reading():
    settings = IngestionSettings(ingest=Ingest(unknown_availability="unavailable"))
    assert ReadingChoices.of(settings) == ReadingChoices("english", unknown_is_available=False)
    assert ReadingChoices.of(settings, "german").language == "german"


def test_texts_in_objects_are_read_and_the_mapping_names_the_language():
    title = [{"language_tag": "en_US", "value": "Shoe"}, {"language_tag": "de_DE", "value": "Schuh"}]
    row = {"id": "1", "title": title, "brand": {"name": "Acme"}}
    mapping = mapped(list(row), sample=[row], choices=ReadingChoices("german"))
    item, warnings = mapping.item(row)
    assert (item.title, item.brand, warnings) == ("Schuh", "Acme", ())
    assert mapping.describe()[1] == "title        ← title (in german, else its first language)"
    item, warnings = mapping.item({**row, "title": title[:1], "brand": {"foo": 1}})
    assert (item.title, item.brand) == ("Shoe", "")
    assert warnings == (
        "title is not given in german; read in en_US",
        "brand holds objects or bytes without a text; left out",
    )


def test_templates_read_objects_too():
    mapping = mapped(["id", "brand", "name"], ["title={brand} {name}"])
    item, _ = mapping.item({"id": "1", "brand": {"name": "Acme"}, "name": [{"@value": "Shoe"}]})
    assert item.title == "Acme Shoe"


def test_price_currency_and_availability_come_from_offers_as_schema_org_has_them():
    offers = {"price": "99.0", "priceCurrency": "EUR", "availability": "https://schema.org/OutOfStock"}
    row = {"@type": "Product", "sku": "1", "category": "Shoes", "offers": [offers]}
    mapping = mapped(list(row), sample=[row])
    item, warnings = mapping.item(row)
    assert (item.product_type, item.price, item.currency, item.available) == ("Shoes", 99.0, "EUR", False)
    assert warnings == ()
    assert "price        ← offers.price" in mapping.describe()
    linked = {**row, "offers": {"price": 1, "availability": {"@id": "https://schema.org/SoldOut"}}}
    assert mapping.item(linked)[0].available is False


def test_a_photo_put_together_from_columns_takes_the_first_of_a_list_and_no_word_for_a_photo():
    mapping = mapped(["id", "images"], ["image=media/{images}"])
    assert mapping.item({"id": "1", "images": [None, "a.jpg"]})[0].image == "media/a.jpg"
    assert mapping.item({"id": "1", "images": "no_selection"})[0].image is None
    assert mapped(["id"], ["image={id}.jpg"]).item({"id": "none"})[0].image == "none.jpg"
    with pytest.raises(ItemError, match="without a path or URL"):
        mapping.item({"id": "1", "images": {"foo": 1}})


def test_a_row_too_deep_to_read_is_refused():
    deep = "x"
    for _ in range(1020):
        deep = [deep]
    with pytest.raises(ItemError, match="too deep"):
        mapped(["id", "title"]).item({"id": "1", "title": deep})


def test_texts_that_are_too_long_are_cut_and_counted():
    mapping, long = mapped(["id", "description", "care", "tags"]), "word " * 10_000
    row = {"id": "1", "description": long, "care": "<p>" * 9_000 + "short", "tags": [long, "x"]}
    item, warnings = mapping.item(row)
    assert len(item.description) <= MAX_TEXT_CHARS
    assert item.attributes["care"] == "short"
    assert item.attributes["tags"][1] == "x"
    rest = "has more than 20,000 characters; the rest is left out"
    assert warnings == (f"tags {rest}", f"description {rest}")


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["7", "7,5", "1,250"], [7, 7.5, 1.25]),
        (["7", "1,250"], None),  # thousands or decimals: nobody can tell
        (["7.5", "7,5"], None),
        (["7.5", "7"], [7.5, 7]),
        (["7,5", "many"], None),
    ],
)
def test_a_comma_is_a_decimal_sign_where_the_column_shows_that_it_is(cells, numbers):
    rows = [{"id": str(place), "width": cell} for place, cell in enumerate(cells)]
    mapping = mapped(["id", "width"], sample=rows, typed=False, decimal_comma=True)
    assert [mapping.item(row)[0].attributes["width"] for row in rows] == (numbers or cells)
    with_commas_between_cells = mapped(["id", "width"], sample=rows, typed=False)
    assert with_commas_between_cells.item(rows[0])[0].attributes["width"] in (cells[0], (numbers or cells)[0])


def test_numbers_in_a_column_that_holds_text_as_well_are_text():
    mapping = mapped(["id", "size"], mixed=["size"])
    sizes = [36, 36.0, 36.5, "M", True, [36, "M"]]
    read = [mapping.item({"id": "1", "size": size})[0].attributes["size"] for size in sizes]
    assert read == ["36", "36", "36.5", "M", "true", ("36", "M")]


@pytest.mark.parametrize(
    ("codes", "is_id"), [(["001", "002"], True), (["de", "de"], False), (["1", ""], False)]
)
def test_a_code_is_the_id_only_where_each_row_has_its_own(codes, is_id):
    rows = [{"code": code, "title": "Hat"} for code in codes]
    if is_id:
        assert mapped(["code", "title"], sample=rows).item(rows[0])[0].id == codes[0]
    else:
        with pytest.raises(MappingError, match="no column looks like an item id"):
            mapped(["code", "title"], sample=rows)
    assert mapped(["sku", "code"], sample=[{"sku": "a", **row} for row in rows]).fields["id"].column == "sku"


@pytest.mark.parametrize(
    ("columns", "image", "photos"),
    [
        (["image_link", "additional_image_link"], "image_link", ("additional_image_link",)),
        (["image_1", "image_2", "image_10", "image_3"], "image_1", ("image_2", "image_3", "image_10")),
        (["image2", "image"], "image", ("image2",)),
        (["base_image", "additional_images"], "base_image", ("additional_images",)),
        (["photo", "images"], "images", ("photo",)),
        (["Image Src", "Image Position"], "Image Src", ()),
        (["additional_images"], None, ()),
    ],
)
def test_columns_of_further_photos_are_guessed(columns, image, photos):
    fields = mapped(["id", *columns]).fields
    if photos == ("photo",):  # two columns that may be the photo: the likelier name wins, neither is lost
        assert {fields["image"].column} <= set(columns)
        return
    assert (fields["image"].column if "image" in fields else None) == image
    assert (fields["photos"].each if "photos" in fields else ()) == photos


def test_photos_of_all_columns_are_kept_once_and_the_first_is_the_photo():
    mapping = mapped(["id", "image", "gallery", "image_2"])
    row = {"id": "1", "image": "a.jpg", "gallery": "a.jpg, b.jpg", "image_2": "c.jpg"}
    item, warnings = mapping.item(row)
    assert (item.image, item.photos, warnings) == ("a.jpg", ("a.jpg", "b.jpg", "c.jpg"), ())
    item, _ = mapping.item(row | {"image": "no_selection", "gallery": ""})
    assert (item.image, item.photos) == ("c.jpg", ())


def test_columns_of_photos_can_be_named():
    for option, each in (("photos=more", ("more",)), ("photos={more}{extra}", ("more", "extra"))):
        mapping = mapped(["id", "image", "more", "extra"], [option])
        assert mapping.fields["photos"].each == each
        assert f"photos       ← {', '.join(each)}" in mapping.describe()


def test_a_photo_that_cannot_be_read_is_a_note_or_with_needs_photo_an_error():
    row = {"id": "1", "title": "A", "image": {"colour": "red"}}
    item, warnings = mapped(list(row)).item(row)
    assert (item.image, len(warnings)) == (None, 1)
    assert "the photo is an object" in warnings[0]
    with pytest.raises(ItemError, match="the photo is an object"):
        mapped(list(row), choices=ReadingChoices(needs_photo=True)).item(row)


@pytest.mark.parametrize("column", ["sale_price_effective_date", "Date sale price ends", "special_to_date"])
def test_dates_of_a_sale_are_named_since_nobody_looks_at_them(column):
    row = {"id": "1", "price": "99", "sale_price": "79", column: "2026-01-01"}
    assert column in " ".join(mapped(list(row), sample=[row]).describe())
    empty = row | {column: ""}
    assert "whatever" not in " ".join(mapped(list(row), sample=[empty]).describe())
    without = mapped(list(row), ["sale_price="], sample=[row])
    assert "whatever" not in " ".join(without.describe())
    assert without.item(row)[0].price == 99


@pytest.mark.parametrize("column", ["stock", "inventory_quantity", "Units in stock", "Lagerbestand"])
@pytest.mark.parametrize(("sold_out", "in_stock"), [("0", "12"), (0, 3), ("sold out", "In stock")])
def test_a_column_of_stock_says_what_can_be_bought(column, sold_out, in_stock):
    rows = [{"id": "1", column: sold_out}, {"id": "2", column: in_stock}]
    mapping = mapped(["id", column], sample=rows)
    assert [mapping.item(row)[0].available for row in rows] == [False, True]
    shelf = {"id": "1", column: "shelf B"}
    assert mapped(["id", column], sample=[shelf]).item(shelf)[0].attributes


@given(states=st.lists(st.sampled_from(["InStock", "OutOfStock", "SoldOut"]), min_size=1, max_size=4))
def test_what_one_offer_sells_is_available_and_aggregate_offers_are_looked_into(states):
    offers = [{"availability": f"https://schema.org/{state}", "price": 1} for state in states]
    for cell in (offers, {"@type": "AggregateOffer", "offers": offers}):
        row = {"id": "1", "offers": cell}
        item, _ = mapped(["id", "offers"], sample=[row]).item(row)
        assert (item.available, item.price) == ("InStock" in states, 1)


@given(hint=st.sampled_from([" (EUR)", "(en-gb)", " (x,y,z...)", " [0]", " *", " (required)"]))
def test_what_a_name_says_in_brackets_does_not_hide_its_column(hint):
    columns = [f"{name}{hint}" for name in ("ID", "Name", "Price", "Image URLs", "Quantity")]
    fields = mapped(columns, sample=[dict.fromkeys(columns, "1")]).fields
    assert {name: fields[name].column for name in ("id", "title", "price", "image", "available")} == dict(
        zip(("id", "title", "price", "image", "available"), columns, strict=True)
    )
    plain = mapped([*columns, "name"], sample=[dict.fromkeys([*columns, "name"], "1")])
    assert plain.fields["title"].column == ("name" if hint != " *" else "Name *")


OTHER_SYSTEMS = [("price_gross", "cover_media_url"), ("Price tax excluded", "image_name")]


@pytest.mark.parametrize(("price", "photo"), OTHER_SYSTEMS)
def test_price_and_photo_of_other_systems_are_guessed_after_the_plain_names(price, photo):
    columns = ["id", price, photo]
    assert {name: origin.column for name, origin in mapped(columns).fields.items()} == {
        "id": "id", "price": price, "image": photo,
    }  # fmt: skip
    plain = mapped([*columns, "price", "image"]).fields
    assert (plain["price"].column, plain["image"].column) == ("price", "image")


@pytest.mark.parametrize(
    ("cell", "is_available"),
    [
        ({"status": "out_of_stock", "message": "soon"}, False),
        ({"qty": 0, "manage": True}, False),
        ({"is_in_stock": True, "qty": 0}, True),
        ({"name": "Sold out"}, False),
        ([False, True], True),
        (["sold out", None, "vergriffen"], False),
    ],
)
def test_availability_is_read_from_objects_and_lists(cell, is_available):
    row = {"id": "1", "availability": cell}
    item, warnings = guess(Evidence(list(row), [row]), {}, Path()).item(row)
    assert (item.available, warnings) == (is_available, ())


@given(st.sampled_from(["sold out", "Ausverkauft", "rupture de stock", "OutOfStock"]), st.booleans())
def test_a_column_of_such_words_that_feeds_nothing_is_named(word, is_mapped):
    rows = [{"id": "1", "Zustand des Lagers": "in stock"}, {"id": "2", "Zustand des Lagers": word}]
    mapping = {"available": "Zustand des Lagers"} if is_mapped else {}
    columns = guess(Evidence(list(rows[0]), rows), mapping, Path())
    note = (
        "Zustand des Lagers seems to say what is in stock, but all is available; "
        "--map available=Zustand des Lagers reads it"
    )
    assert columns.notes == (() if is_mapped else (note,))
    assert [columns.item(row)[0].available for row in rows] == [True, not is_mapped]


def test_other_columns_of_general_words_are_not_named():
    rows = [{"id": "1", "pattern": "none", "lights": "off"}, {"id": "2", "pattern": "none", "lights": "on"}]
    assert guess(Evidence(list(rows[0]), rows), {}, Path()).notes == ()


WRITTEN = st.recursive(
    st.text("abc xyz", min_size=1, max_size=8).filter(str.strip).map(lambda text: {"name": text}),
    lambda inner: st.fixed_dictionaries({"name": inner}) | st.lists(inner, min_size=1, max_size=2),
    max_leaves=4,
).filter(lambda cell: isinstance(cell, dict) or all(isinstance(part, dict) for part in cell))


@pytest.mark.parametrize("field", ["title", "description", "brand"])
@pytest.mark.parametrize("write", [json.dumps, repr])
@given(cell=WRITTEN)
@settings(max_examples=30, deadline=None)
def test_an_object_that_is_written_as_text_is_read_as_the_object(field, write, cell):
    rows = [{"id": "1", field: cell}, {"id": "1", field: write(cell)}]
    items = [guess(Evidence(list(row), [row]), {}, Path()).item(row) for row in rows]
    assert items[0] == items[1]
    assert getattr(items[1][0], field)


@pytest.mark.parametrize("text", ["[2024]", "[Sale] Hat", "{Hat}", "{1, 2}", "[", "[1, 2]"])
def test_a_title_in_brackets_stays_a_title(text):
    row = {"id": "1", "title": text}
    assert guess(Evidence(list(row), [row]), {}, Path()).item(row)[0].title == text


def test_of_several_languages_in_json_a_note_says_which_is_read():
    row = {"id": "1", "title": '{"de": "Schuh", "en": "Shoe"}'}
    item, warnings = guess(Evidence(list(row), [row]), {}, Path()).item(row)
    assert item.title == "Shoe"
    assert warnings == ("title is JSON in several languages; that in english is read",)


@pytest.mark.parametrize("column", ["Vorrätig?", "in_stock", "Availability", "Ausverkauft"])
@pytest.mark.parametrize("quantity", ["", "500 g", None])
def test_a_column_of_quantities_that_counts_no_stock_hides_no_other(column, quantity):
    sold_out = "1" if column == "Ausverkauft" else "0"
    row = {"id": "1", "Stock": quantity, "Lager": quantity, column: sold_out}
    mapping = guess(Evidence(list(row), [row]), {}, Path())
    assert mapping.fields["available"].column == column
    assert mapping.item(row)[0].available is False
