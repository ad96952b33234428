"""The same rows from every format."""

from __future__ import annotations

import csv
import json

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.tables.table import first_cells, open_table

ON_DISK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text("abcäß,;\t\"' ", max_size=6).map(str.strip)
ROWS = st.lists(
    st.fixed_dictionaries({"query": TEXT.map("q{}".format), "item": TEXT}), min_size=1, max_size=6
)


def write(path, rows, delimiter):
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            table = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
            table.writeheader()
            table.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        pl.DataFrame(rows).write_parquet(path)


@ON_DISK
@given(ROWS, st.sampled_from([".csv", ".jsonl", ".json", ".parquet"]), st.sampled_from(",;"))
def test_rows_are_the_same_from_every_format(tmp_path, rows, ending, delimiter):
    path = tmp_path / f"table{ending}"
    write(path, rows, delimiter)
    table = open_table(path)
    assert set(table.columns) == {"query", "item"}
    assert [dict(row) for _, row in table.rows()] == [dict(row) for _, row in table.rows()] == rows
    assert [dict(row) for row in table.sample] == rows


@pytest.mark.parametrize(("delimiter", "line"), [("\t", "a b\t0\t1"), (",", 'a b,"0",1'), (";", "a b;0;1")])
def test_a_file_without_a_header_is_read_by_the_names_that_are_given(tmp_path, delimiter, line):
    (tmp_path / "rows.tsv").write_text(f"{line}\nc{delimiter}2{delimiter}3\n")
    assert first_cells(tmp_path / "rows.tsv") == ["a b", "0", "1"]
    table = open_table(tmp_path / "rows.tsv", ("x", "y", "z"))
    assert [list(row.values()) for _, row in table.rows()] == [["a b", "0", "1"], ["c", "2", "3"]]
    assert table.columns == ("x", "y", "z")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"a,b\n1\n", "a.csv, line 2: the row has 1 fields"),
        ("a.jsonl", b'{"a": 1}\n{', "a.jsonl, line 2: the line is not JSON"),
        ("a.jsonl", b"", "holds no rows"),
        ("a.parquet", b"no", "a.parquet is not a Parquet file"),
        ("a.csv", b"a,b\n", "holds no rows"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EvaluationError, match=message):
        list(open_table(tmp_path / name).rows())
    with pytest.raises(EvaluationError, match="there is no such file"):
        open_table(tmp_path / "none.csv")


def test_a_row_that_may_hold_others_is_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('query,item,rating\ntv,1,2\n"a\nb,2,1\nc",3,1\nradio,4,1\n')
    table = open_table(path)
    assert table.describe_doubts() == ""
    assert len(list(table.rows())) == len(list(table.rows())) == 3
    assert list(table.doubts) == [3]
    assert "1 doubtful rows, first line 3: a quoted cell holds" in table.describe_doubts()


def test_rows_that_cannot_be_read_may_be_taken_by_somebody(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n3\n4,5\n")
    skipped = []
    table = open_table(path, skip=skipped.append)
    assert [dict(row) for _, row in table.rows(skipped.append)] == [
        {"a": "1", "b": "2"},
        {"a": "4", "b": "5"},
    ]
    assert {row.number for row in skipped} == {3}
