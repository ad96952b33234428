"""Whatever a catalogue gives is stored, or a line names it: over random catalogues in every format.

Every value carries a mark of its own (a word or a number) that can be looked for in the item of its row.
"""

import csv
import json
import re
from itertools import count
from xml.sax.saxutils import escape, quoteattr

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlclip.engine.filters import coerce
from vlclip.ingestion.reading import survey
from vlclip.ingestion.reading.attribute_columns import attribute_name
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.reading.objects import read_object

COLUMNS = [
    "title", "name", "Title", "description", "brand", "vendor", "category", "categories", "price",
    "sale_price", "image", "images", "photo", "availability", "qty", "handle", "parent_id", "updated_at",
    "currency", "attributes", "offers", "colour", "size", "Größe", "a.b", "a[b", "code", "ean", "weight (kg)",
    'in "inch"', "tags", "material",
]  # fmt: skip
PRICES = ("price", "sale_price", "price_to")
NOISE = st.text(st.sampled_from("ab \"',;|.-'7\t\n"), max_size=6)
TEXT_FORMATS = ("comma", "semicolon", "quoted", "tab")
FORMATS = (*TEXT_FORMATS, "jsonl", "json", "keyed", "parquet", "xml")


class Marks:
    """Words and numbers of which no two are the same."""

    def __init__(self) -> None:
        self.numbers = count(1)

    def word(self) -> str:
        return f"w{next(self.numbers)}x"

    def number(self) -> int:
        return 700_000 + next(self.numbers)


@st.composite
def scalars(draw, marks, kinds):
    kind = draw(st.sampled_from(kinds))
    if kind == "text":
        return f"{draw(NOISE)}{marks.word()}{draw(NOISE)}"
    if kind == "code":
        return f"00{marks.number()}"
    if kind == "number":
        return marks.number()
    if kind == "decimal":
        return marks.number() + 0.25
    return {"bool": True, "empty": "", "none": None}[kind]


@st.composite
def cells(draw, marks, kinds):
    """A scalar, or lists and objects of them."""
    shape = draw(st.sampled_from(["scalar"] * 6 + ["list", "object", "named", "languages", "pairs", "deep"]))
    scalar = scalars(marks, kinds)
    if shape == "scalar":
        return draw(scalar)
    if shape == "list":
        return draw(st.lists(scalar, max_size=3))
    if shape == "object":
        return {key: draw(scalar) for key in draw(st.sets(st.sampled_from(["width", "height", "unit"])))}
    if shape == "named":
        return {"name": draw(scalar), "id": draw(scalar)}
    if shape == "languages":
        return {"en": marks.word(), "de": marks.word()}
    if shape == "pairs":
        return [{"name": marks.word(), "value": draw(scalar)}]
    return [{"deep": [{"deeper": draw(scalar)}]}]


@st.composite
def catalogues(draw, formats=FORMATS, columns=COLUMNS):
    """A format and rows; some columns come late, and some become another kind of value late."""
    kind = draw(st.sampled_from(formats))
    marks = Marks()
    names = draw(st.lists(st.sampled_from(columns), min_size=1, max_size=8, unique=True))
    kinds = ("text", "code", "number", "decimal", "bool", "empty", "none")
    early = {
        name: draw(st.sampled_from([("text", "empty"), ("number",), ("decimal", "none"), kinds]))
        for name in names
    }
    changes = {name: draw(st.integers(0, 12)) for name in names}
    starts = {name: draw(st.sampled_from([0, 0, 0, 3, 9])) for name in names}
    rows = []
    for place in range(draw(st.integers(1, 12))):
        row = {"id": f"id{place}"}
        for name in names:
            if place >= starts[name]:
                of_kind = early[name] if place < changes[name] else kinds
                row[name] = draw(scalars(marks, of_kind) if kind == "parquet" else cells(marks, of_kind))
        rows.append(row)
    return kind, rows


def written(value):
    """A cell as an export without types has it."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else coerce("", value, "keyword")


def elements(name, cell):
    """A cell as elements of XML: lists as repeated ones, objects as nested ones, languages as attributes."""
    if isinstance(cell, list):
        return "".join(elements(name, part) for part in cell)
    if isinstance(cell, dict) and set(cell) == {"en", "de"}:
        return "".join(f'<g:{name} xml:lang="{tag}">{text}</g:{name}>' for tag, text in cell.items())
    if isinstance(cell, dict) and set(cell) == {"width"}:
        return f"<g:{name} width={quoteattr(written(cell['width']))}/>"
    if isinstance(cell, dict):
        return f"<g:{name}>{''.join(elements(key, part) for key, part in cell.items())}</g:{name}>"
    return f"<g:{name}>{escape(written(cell))}</g:{name}>"


def write_xml(path, rows):
    """A feed with the columns whose names can be those of elements."""
    rows = [{name: cell for name, cell in row.items() if re.fullmatch(r"\w[\w.]*", name)} for row in rows]
    items = ["".join(elements(name, cell) for name, cell in row.items()) for row in rows]
    content = "".join(f"<item>{item}</item>" for item in items)
    file = path / "items.xml"
    file.write_text(f'<rss xmlns:g="urn:g"><channel><title>Shop</title>{content}</channel></rss>', "utf-8")
    return file, rows


def write(path, kind, rows):
    """The file, and the rows as it holds them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if kind == "xml":
        return write_xml(path, rows)
    if kind in TEXT_FORMATS:
        rows = [{name: written(row.get(name)) for name in names} for row in rows]
        delimiter = {"semicolon": ";", "tab": "\t"}.get(kind, ",")
        if kind == "tab":  # quotes are text there
            rows = [{name: re.sub(r"[\t\r\n]", " ", cell) for name, cell in row.items()} for row in rows]
            lines = [names, *([row[name] for name in names] for row in rows)]
            file = path / "items.tsv"
            file.write_text("\n".join(map("\t".join, lines)) + "\n", encoding="utf-8", newline="")
            return file, rows
        file = path / "items.csv"
        with file.open("w", newline="", encoding="utf-8") as out:
            quoting = csv.QUOTE_ALL if kind == "quoted" else csv.QUOTE_MINIMAL
            writer = csv.DictWriter(out, names, delimiter=delimiter, quoting=quoting)
            writer.writeheader()
            writer.writerows(rows)
        return file, rows
    if kind == "parquet":
        table = {}
        for name in names:
            column = [row.get(name) for row in rows]
            if len({type(cell) for cell in column if cell is not None}) > 1:
                column = [None if cell is None else written(cell) for cell in column]
            table[name] = column
        file = path / "items.parquet"
        pl.DataFrame(table, strict=False).write_parquet(file)
        return file, [{name: column[place] for name, column in table.items()} for place in range(len(rows))]
    file = path / ("items.jsonl" if kind == "jsonl" else "items.json")
    if kind == "jsonl":
        file.write_text("\n".join(map(json.dumps, rows)))
    else:
        file.write_text(json.dumps(rows if kind == "json" else {"took": 3, "data": {"products": rows}}))
    return file, rows


def marks_in(value):
    """The marks of the words and numbers in a cell."""
    if isinstance(value, dict):
        return [mark for key, part in value.items() for mark in [*marks_in(key), *marks_in(part)]]
    if isinstance(value, list | tuple):
        return [mark for part in value for mark in marks_in(part)]
    return re.findall(r"w\d+x|(?<!\d)(?:00)?7\d{5}(?:\.25)?", str(value))


def is_named(column, cell, mapping, warnings):
    """Whether a warning names the column, its field or an attribute of it, or the mapping leaves it out."""
    fields = [name for name, origin in mapping.fields.items() if column in origin.columns]
    names = {column, mapping.attributes.names.get(column, column), *fields}
    names |= {name.replace("_", " ") for name in fields}
    if column == mapping.attributes.nested and (content := read_object(cell)):
        names |= {f"attribute {attribute_name(key)}" for key in content}
    if {"image", "photos"} & names:
        names.add("photo")
    kinds = ("left out", "note")
    lines = [line for line in mapping.describe() if line.startswith(kinds) or "its first" in line]
    return any(name in line for name in names for line in [*warnings, *lines])


def losses(rows, entries, mapping):
    """Values of which nothing is stored and that nothing names, by column."""
    for row, entry in zip(rows, entries, strict=True):
        if entry.failure:
            continue
        payload = entry.item.payload()
        stored = {mark for name, part in payload.items() for mark in [*marks_in(name), *marks_in(part)]}
        for column, cell in row.items():
            if feeds(("available",), column, mapping) or is_named(column, cell, mapping, entry.warnings):
                continue
            marks = marks_in(cell)
            if feeds(PRICES, column, mapping):
                marks = [mark.lstrip("0") for mark in marks]
            if lost := [mark for mark in marks if mark not in stored]:
                yield column, cell, lost, entry.warnings, mapping.describe()


def feeds(fields, column, mapping):
    """Whether a column feeds one of these fields."""
    return any(column in mapping.fields[name].columns for name in fields if name in mapping.fields)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(catalogues(), st.integers(1, 12))
def test_every_value_of_a_catalogue_is_stored_or_named(tmp_path_factory, catalogue, sample):
    kind, rows = catalogue
    file, rows = write(tmp_path_factory.mktemp("shop"), kind, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(survey, "SAMPLE", sample)
        opened = open_catalogue(file)
        mapping = map_columns(opened)
        entries = list(opened.entries(mapping))
    assert opened.total() in (None, len(rows))
    assert {entry.id for entry in entries if entry.item} <= {row["id"] for row in rows}
    assert list(losses(rows, entries, mapping)) == []


PRESET_COLUMNS = {
    "shopify": ["Handle", "Title", "Variant Price", "Variant SKU", "Option1 Name", "Option1 Value",
                "Image Src", "Body (HTML)", "Vendor", "Variant Inventory Qty", "Variant Image",
                "Image Alt Text", "Status"],
    "woocommerce": ["SKU", "Name", "Regular price", "Images", "Categories", "ID", "Parent", "Description",
                    "Attribute 1 name", "Attribute 1 value(s)", "Published", "In stock?", "Sale price"],
    "magento": ["sku", "base_image", "product_type", "name", "store_view_code", "additional_attributes",
                "configurable_variations", "price", "description", "is_in_stock", "product_online"],
    "akeneo": ["sku", "family", "name-en_US", "name-de_DE", "price-EUR", "price-USD", "parent", "brand",
               "description-en_US-ecommerce", "description-en_US-print", "picture", "enabled"],
    "google": ["id", "title", "image_link", "availability", "item_group_id", "product_detail", "price",
               "sale_price", "additional_image_link", "product_type", "google_product_category", "mpn"],
}  # fmt: skip
"""The columns by which a preset is recognised first, then others that it reads."""
KEYS = {
    "Handle": "ab", "sku": "abc", "Parent": "ab", "parent": "ab", "store_view_code": ["", "de"],
    "item_group_id": "ab",
}  # fmt: skip
"""Columns of which several rows have the same value."""


@st.composite
def exports(draw):
    """A preset's name and rows in its columns."""
    name = draw(st.sampled_from(sorted(PRESET_COLUMNS)))
    marks = Marks()
    least = {"shopify": 4, "woocommerce": 5, "google": 4}.get(name, 3)
    further = draw(st.lists(st.sampled_from([*PRESET_COLUMNS[name][least:], "colour", "note"]), unique=True))
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        row = {}
        for column in [*PRESET_COLUMNS[name][:least], *further]:
            words = scalars(marks, ("text", "number", "empty", "text"))
            row[column] = draw(st.sampled_from(KEYS[column]) if column in KEYS else words)
        rows.append(row)
    return name, rows


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(exports(), st.sampled_from(["comma", "jsonl"]))
def test_every_value_of_a_shop_systems_export_is_stored_or_named(tmp_path_factory, export, kind):
    layout, rows = export
    file, rows = write(tmp_path_factory.mktemp("shop"), kind, rows)
    opened = open_catalogue(file, layout)
    mapping = map_columns(opened)
    entries = list(opened.entries(mapping))
    payloads = [entry.item.payload() for entry in entries if entry.item]
    stored = {mark.lstrip("0") for payload in payloads for mark in marks_in(payload)}
    warnings = [warning for entry in entries for warning in entry.warnings]
    by_number = {row.number: dict(row.values) for row in opened.shards[0].format.rows()}
    failed = {mark for entry in entries if entry.failure for mark in marks_in(by_number[entry.row])}
    for row in rows:
        view = row.get("store_view_code")
        if view and f"a row with the texts of store_view_code {view} is left out" in str(warnings):
            continue
        for column, cell in row.items():
            names = (column, column.partition("-")[0])  # of name-de_DE the second is read
            if feeds(("available",), column, mapping) or any(
                is_named(name, cell, mapping, warnings) for name in names
            ):
                continue
            lost = [mark for mark in marks_in(cell) if mark.lstrip("0") not in stored and mark not in failed]
            assert not lost, (layout, column, cell, warnings, mapping.describe())
