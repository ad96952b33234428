"""A list in a cell is one list however it is written, and filters find each of its values."""

from __future__ import annotations

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.reading.listed import is_list_column, read_list

WORDS = st.text(st.characters(categories=("Lu", "Ll", "Nd")), min_size=1, max_size=8)
LISTS = st.lists(WORDS, min_size=1, max_size=5).map(tuple)


@given(words=LISTS, separator=st.sampled_from([", ", " ,", "; ", ";", "|", " | ", "\n"]))
def test_a_list_reads_the_same_however_it_is_written(words, separator):
    assert read_list(json.dumps(words), is_parted=False) == words
    assert read_list(str(list(words)), is_parted=False) == words
    assert read_list(separator.join(words), is_parted=True) == words


@given(words=LISTS)
def test_without_a_column_of_tags_separators_part_nothing(words):
    assert read_list(", ".join(words), is_parted=False) is None


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("36,37,38", ("36", "37", "38")),
        ("36,5", ("36,5",)),
        ("36,5; 37", ("36,5", "37")),
        ("summer,new", ("summer", "new")),
        ("007, 08", ("007", "08")),
        ("a,,b, ", ("a", "b")),
        ("[Sample] Fog", None),
        ("[]", None),
        ('[{"name": "a"}]', None),
        ('{"a, b": 1}', None),
    ],
)
def test_written_lists(cell, parts):
    assert read_list(cell, is_parted=True) == parts


def test_columns_of_tags_are_known_by_their_whole_name():
    names = ["Tags", "product_tags", "Keywords", "sizes", "stage", "size", "name", "price tag"]
    assert [name for name in names if is_list_column(name)] == names[:4]


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_all_spellings_of_one_list_are_one_attribute(tmp_path, format_):
    spellings = ['["summer", "new"]', "summer, new", "summer;new", "summer|new", "summer,new"]
    rows = [
        {"id": f"i{n}", "title": "A hat", "tags": cell, "code": "007"} for n, cell in enumerate(spellings)
    ]
    rows += [{"id": "alone", "title": "A hat", "tags": "summer", "code": "012"}]
    file = tmp_path / f"hats.{format_}"
    with file.open("w", newline="", encoding="utf-8") as out:
        if format_ == "jsonl":
            rows.append({"id": "list", "title": "A hat", "tags": ["summer", "new"], "code": "7"})
            out.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    catalogue = open_catalogue(file)
    items = {entry.id: entry.item for entry in catalogue.entries(map_columns(catalogue))}
    assert {items[row["id"]].attributes["tags"] for row in rows} == {("summer", "new"), "summer"}
    assert items["alone"].attributes == {"tags": "summer", "code": "012"}
