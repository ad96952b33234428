"""Rows by the thousand are the rows one by one."""

from __future__ import annotations

import json
from itertools import chain

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlclip.engine.tables.block import ColumnBlock, RowBlock, cell_getter
from vlclip.engine.tables.registry import FORMATS

ON_DISK = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
CSV_LINES = st.lists(
    st.sampled_from(
        ["1,2,3", "x,,z", "1,2", "1,2,3,4", "", '"a",b,c', 'a,"b,c', 'a,"b\nc",d', "ä,b,c", "NA,, "]
    )
)
JSON_LINES = st.lists(
    st.sampled_from(
        ['{"a": 1}', '{"b": {"c": 2}, "a": null}', "", "[1]", "{", "3", '{"a": NaN}', '{"a":1},{"a":2}']
    )
)
TEXTS = st.one_of(
    st.tuples(st.just(".csv"), CSV_LINES.map(lambda lines: ["a,b,c", *lines])),
    st.tuples(st.just(".csv"), CSV_LINES.map(lambda lines: ["a,b,a", *lines])),
    st.tuples(st.just(".jsonl"), JSON_LINES),
)


def check(path, names, size):
    """The portions of a file against its rows."""
    table = FORMATS[path.suffix](path)
    rows, portions = list(table.rows()), list(table.portions(names, size))
    sound = [row.values for row in rows if not row.problem]
    assert sum(len(portion.block) for portion in portions) == len(sound)
    for name in names:
        cells = list(chain.from_iterable(portion.block.cells(name) for portion in portions))
        assert repr(cells) == repr([cell_getter(name)(row) for row in sound])
    problems = [row for portion in portions for row in portion.problems]
    assert problems == [row for row in rows if row.problem]
    doubts = dict(chain.from_iterable(portion.doubts.items() for portion in portions))
    assert doubts == {row.number: row.doubt for row in rows if row.doubt}
    assert all(len(portion.block) + len(portion.problems) <= size for portion in portions)
    positions = [portion.position for portion in portions]
    assert positions == sorted(positions)
    assert all(position <= path.stat().st_size for position in positions)


@ON_DISK
@given(TEXTS, st.integers(1, 5))
def test_portions_of_a_text_hold_its_rows_problems_and_doubts(tmp_path, text, size):
    ending, lines = text
    path = tmp_path / f"log{ending}"
    path.write_text("".join(f"{line}\n" for line in lines))
    check(path, ["a", "b", "b.c", "missing"], size)


@ON_DISK
@given(st.lists(st.fixed_dictionaries({"a": st.integers() | st.none(), "b": st.text()})), st.integers(1, 5))
def test_portions_of_other_formats_hold_their_rows(tmp_path, rows, size):
    rows = [{"a": row["a"] and row["a"] % 2**40, "b": {"c": row["b"], "d": [1]}} for row in rows]
    (tmp_path / "log.json").write_text(json.dumps(rows))
    check(tmp_path / "log.json", ["a", "b.c", "b"], size)
    schema = {"a": pl.Int64, "b": pl.Struct({"c": pl.String, "d": pl.List(pl.Int64)})}
    pl.DataFrame(rows, schema=schema).write_parquet(tmp_path / "log.parquet")
    check(tmp_path / "log.parquet", ["a", "b.c", "b"], size)


@given(st.lists(st.tuples(st.integers(), st.text() | st.none()), min_size=1), st.data())
def test_a_cell_is_the_same_by_row_and_by_column(rows, data):
    by_row = RowBlock([{"a": number, "b": {"c": text}} for number, text in rows])
    by_column = ColumnBlock({"a": [n for n, _ in rows], "b": [{"c": text} for _, text in rows]}, len(rows))
    for _ in range(2):
        assert list(by_row.columns()) == list(by_column.columns()) == ["a", "b"]
        for path in ("a", "b", "b.c", "b.d", "a.c", "missing"):
            assert by_row.cells(path) == list(by_column.cells(path))
        places = data.draw(st.lists(st.integers(0, len(by_row) - 1), min_size=1, unique=True).map(sorted))
        by_row, by_column = by_row.take(places), by_column.take(places)
        assert len(by_row) == len(by_column) == len(places)


@pytest.mark.parametrize("block", [RowBlock, lambda rows: ColumnBlock({"a.b": [2], "a": [{"b": 1}]}, 1)])
def test_a_column_whose_name_has_a_dot_wins_over_a_path(block):
    assert list(block([{"a.b": 2, "a": {"b": 1}}]).cells("a.b")) == [2]
    assert RowBlock([{"a": {"b": 1}}, {"a": "text"}, {}]).cells("a.b") == [1, None, None]
