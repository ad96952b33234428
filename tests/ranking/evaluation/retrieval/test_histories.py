"""The same histories from every shape that shops and data sets have."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.histories import read_histories

ON_DISK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
RANDOMS = st.randoms(use_true_random=False)
FIRST_MOMENT = 1_569_888_000
HISTORIES = st.dictionaries(
    st.integers(1, 40).map(str),
    st.lists(st.integers(0, 30).map("i{:03}".format), min_size=1, max_size=5),
    min_size=1, max_size=6,
)  # fmt: skip


def rows_of(histories):
    """User, item and moment of each event; no two of a user at one moment."""
    return [
        (user, item, FIRST_MOMENT + 60 * place)
        for user, items in histories.items()
        for place, item in enumerate(items)
    ]


def utc(moment, template):
    return template.format(datetime.fromtimestamp(moment, UTC))


SHAPES = {
    "rees46": lambda u, i, t: {
        "event_time": utc(t, "{:%Y-%m-%d %H:%M:%S} UTC"), "event_type": "view", "product_id": i,
        "price": "1.0", "user_id": u, "user_session": f"s{u}",
    },
    "diginetica": lambda u, i, t: {
        "sessionId": u, "userId": "NA", "itemId": i, "timeframe": str((t - FIRST_MOMENT) * 1000),
        "eventdate": "2016-05-09",
    },
    "retailrocket": lambda u, i, t: {
        "timestamp": str(t * 1000), "visitorid": u, "event": "view", "itemid": i,
    },
    "amazon": lambda u, i, t: {"reviewerID": u, "asin": i, "unixReviewTime": str(t)},
    "day and clock": lambda u, i, t: {
        "customer_id": u, "article_id": i, "t_dat": utc(t, "{:%Y-%m-%d}"), "at": utc(t, "{:%H:%M:%S}"),
    },
    "ga4": lambda u, i, t: {"user_pseudo_id": u, "event_timestamp": str(t * 10**6), "item": i},
}  # fmt: skip
WRITERS = {
    ".csv": lambda path, rows: write_csv(path, rows, ","),
    ".tsv": lambda path, rows: write_csv(path, rows, "\t"),
    ".semicolon.csv": lambda path, rows: write_csv(path, rows, ";"),
    ".jsonl": lambda path, rows: path.write_text("".join(json.dumps(row) + "\n" for row in rows)),
    ".json": lambda path, rows: path.write_text(json.dumps(rows)),
    ".parquet": lambda path, rows: pl.DataFrame(rows).write_parquet(path),
}


def write_csv(path, rows, delimiter):
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        table.writeheader()
        table.writerows(rows)


@ON_DISK
@given(
    HISTORIES,
    st.sampled_from(list(SHAPES)),
    st.sampled_from(list(WRITERS)),
    st.randoms(use_true_random=False),
)
def test_the_same_histories_come_from_every_shape_and_order_of_rows(
    tmp_path, histories, shape, ending, random
):
    rows = [SHAPES[shape](*row) for row in rows_of(histories)]
    path = tmp_path / f"events{ending}"
    WRITERS[ending](path, random.sample(rows, len(rows)))
    source = read_histories(path)
    assert dict(source.histories) == histories
    assert not source.left_out
    assert all(column in source.columns for column in rows[0])


@pytest.mark.parametrize("absent", ["NA", "null", "", "NaN"])
def test_who_has_no_name_is_told_apart_by_the_session(tmp_path, absent):
    path = tmp_path / "a.csv"
    path.write_text(f"user_id,session_id,item,time\nanna,1,a,1\n{absent},1,b,2\n{absent},2,c,3\nanna,7,d,4\n")
    assert read_histories(path).histories == {"anna": ["a", "d"], "session 1": ["b"], "session 2": ["c"]}


def test_all_columns_that_are_missing_are_named_at_once_with_those_that_are_there(tmp_path):
    (tmp_path / "a.csv").write_text("who,what,when\nu,a,1\n")
    with pytest.raises(
        EvaluationError,
        match="no column for the user or session and the item; it has who, what, when: name them with "
        "--map user=COLUMN --map item=COLUMN",
    ):
        read_histories(tmp_path / "a.csv")


def test_histories_in_another_encoding_are_read_once_that_is_named(tmp_path):
    (tmp_path / "a.csv").write_bytes("user,item\nJörg,a\nJörg,b\n".encode("cp1252"))
    with pytest.raises(EvaluationError, match="--encoding cp1252"):
        read_histories(tmp_path / "a.csv")
    assert read_histories(tmp_path / "a.csv", encoding="cp1252").histories == {"Jörg": ["a", "b"]}


def test_rows_of_nobody_and_of_nothing_are_counted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("user,item,time\nu,a,2\nNA,b,1\n,c,1\nu,NA,1\nu,z,\nu,d,1\n")
    source = read_histories(path)
    assert source.histories == {"u": ["d", "a"]}
    assert source.left_out == {"no user": 2, "no item": 1, "no time": 1}
    path.write_text("user,item\nNA,a\nNA,b\n")
    with pytest.raises(EvaluationError, match="holds no history: 2 rows with no user"):
        read_histories(path)


def test_a_mapping_says_what_no_name_says(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("wer,was,wann\nu,b,2019-10-02\nu,a,2019-10-01\n")
    with pytest.raises(EvaluationError, match="'wann' may be the time"):
        read_histories(path)
    with pytest.raises(EvaluationError, match="for the user or session and the item; it has wer, was, wann:"):
        read_histories(path, ["time=wann"])
    mapping = ["user=wer", "item=was"]
    assert read_histories(path, [*mapping, "time=wann"]).histories == {"u": ["a", "b"]}
    unordered = read_histories(path, [*mapping, "time="])
    assert unordered.histories == {"u": ["b", "a"]}
    assert unordered.columns.endswith("no time: in the order of the rows")


def test_items_of_one_row_stay_in_their_order(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"user": 1, "item": ["c", "d"], "time": 9}\n{"user": 1, "item": ["a", "b"], "time": 8}\n'
    )
    assert read_histories(path).histories == {"1": ["a", "b", "c", "d"]}


def test_a_column_that_mixes_units_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"user,item,time\nu,a,{FIRST_MOMENT}\nu,b,{FIRST_MOMENT * 1000 + 5}\n")
    with pytest.raises(EvaluationError, match="'time' mix units: 1 milliseconds, 1 seconds"):
        read_histories(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", "cannot be read"),
        ("a.json", "[1]", "must be an object of lists"),
        ("a.json", '{"u": 1}', "must be an object of lists"),
        ("a.csv", "user,thing\nu,1\n", "no column for the item"),
        ("a.csv", "user,item,time\nu,1,soon\n", "line 2: the time 'soon' in 'time' is neither"),
        ("a.csv", "user,item\nu\n", "line 2: the row has 1 fields"),
    ],
)
def test_a_history_that_cannot_be_read_is_named(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(EvaluationError, match=message):
        read_histories(tmp_path / name)


def test_an_object_of_lists_is_read_as_it_is(tmp_path):
    (tmp_path / "a.json").write_text('{"u": [2, 1], "v": []}')
    assert read_histories(tmp_path / "a.json").histories == {"u": ["2", "1"], "v": []}
