"""Names of columns in six languages."""

import tomllib
from pathlib import Path

import pytest

from vlclip.ingestion.reading.column_names import CODES, DATA, SOLD_OUT
from vlclip.ingestion.reading.group_column import plain_name
from vlclip.ingestion.reading.guesses import GUESSES, Evidence, guess

LANGUAGES = tomllib.loads(DATA.read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_name_feeds_its_field_and_the_mapping_shows_it(language):
    for field, names in LANGUAGES[language].items():
        target = {CODES: "id", SOLD_OUT: "available"}.get(field, field)
        for name in names:
            for column in (name, name.upper(), name.title()):
                columns = [column] if target == "id" else ["id", column]
                rows = [dict.fromkeys(columns, "a"), dict.fromkeys(columns, "b")]
                mapping = guess(Evidence(columns, rows), {}, Path())
                assert mapping.fields[target].column == column
                assert f"{target:<12} ← {column}" in mapping.describe()


def test_a_name_means_one_field_and_an_english_one_comes_first():
    english = {plain_name(name): field for field, names in GUESSES.items() for name in names}
    for fields in LANGUAGES.values():
        pairs = {(plain_name(name), field) for field, names in fields.items() for name in names}
        assert len({name for name, _ in pairs}) == len(pairs)
        assert all(english.get(name, field) in (field, "id") for name, field in pairs)
    rows = [{"id": "1", "title": "A", "Nombre": "B"}]
    assert guess(Evidence(["id", "Nombre", "title"], rows), {}, Path()).fields["title"].column == "title"


def test_values_can_show_that_a_column_is_something_else():
    rows = [{"Référence": "a", "nombre": "3", "Product Type": "P"}] * 2
    columns = ["id", *rows[0]]
    fields = guess(Evidence(columns, rows), {}, Path()).fields
    assert set(fields) == {"id"}
    other = [
        {"Référence": "a", "Product Type": "P", "Category": "Hats"},
        {"Référence": "b", "Product Type": "D"},
    ]
    mapping = guess(Evidence(["Product Type", "Category", "Référence"], other), {}, Path())
    assert {name: origin.column for name, origin in mapping.fields.items()} == {
        "id": "Référence",
        "product_type": "Category",
    }


@pytest.mark.parametrize("name", [name for fields in LANGUAGES.values() for name in fields[SOLD_OUT]])
@pytest.mark.parametrize(
    ("cell", "is_available"),
    [
        ("1", False), ("0", True), (True, False), (False, True), ("yes", False), ("NEIN", True),
        ("sold out", False), ("in stock", True),
    ],
)  # fmt: skip
def test_yes_in_a_column_for_what_is_sold_out_means_that_it_cannot_be_bought(name, cell, is_available):
    row = {"id": "1", name: cell}
    mapping = guess(Evidence(["id", name], [row]), {}, Path())
    item, warnings = mapping.item(row)
    assert (item.available, warnings) == (is_available, ())
