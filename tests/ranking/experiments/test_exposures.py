"""Exposures are read back as they were written: the SQLite log, Parquet, JSON lines."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ranking.experiments.logs import a_list, an_event, exposures, number
from vlclip.ranking.errors import BadExposure, HistoryError
from vlclip.ranking.experiments import log as log_module
from vlclip.ranking.experiments import table as table_module
from vlclip.ranking.experiments.exposure import ShownItem
from vlclip.ranking.experiments.log import SqliteExposures, exposures_path, pack
from vlclip.ranking.experiments.outcome import NOTHING, Outcome, joined
from vlclip.ranking.experiments.table import TableSize, anonymous, part_names, read_exposures, write_table
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.service.settings import Settings


@pytest.fixture
def log():
    opened = SqliteExposures(None)
    yield opened
    opened.close()


@pytest.fixture
def history():
    opened = SqliteHistory(None)
    yield opened
    opened.close()


def everything(log, **conditions):
    return [exposure for batch in log.scan(**conditions) for exposure in batch]


def ids(log, **conditions):
    return [exposure.request_id for exposure in everything(log, **conditions)]


# the log


@given(exposures, st.integers(1, 4))
def test_what_is_added_is_read_back_equal_by_time_however_often_it_is_sent(some, rows):
    log = SqliteExposures(None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_module, "ROWS", rows)
        assert log.add(some) == len(some)
        assert log.add(some) == 0
    assert everything(log) == sorted(some, key=lambda exposure: exposure.time)
    assert log.count() == len(some)
    log.close()


@given(exposures)
def test_what_was_packed_before_is_read_back_equal_and_what_was_changed_since_is_packed_anew(some):
    log = SqliteExposures(None)
    again = [
        replace(pack(exposure), request_id=f"{exposure.request_id} again", time=exposure.time + 1)
        for exposure in some
    ]
    other = [
        replace(pack(exposure), request_id=f"{exposure.request_id} other", items=exposure.items[1:])
        for exposure in some
    ]
    log.add([*again, *other])
    by_id = {exposure.request_id: exposure for exposure in [*again, *other]}
    assert {exposure.request_id: exposure for exposure in everything(log)} == by_id
    log.close()


def test_of_two_lists_with_one_request_id_the_first_is_kept(log):
    assert log.add([a_list("r", items="abc"), a_list("r", items="x")]) == 1
    log.add([a_list("r", items="y")])
    assert everything(log) == [a_list("r", items="abc")]


def test_a_batch_is_added_as_a_whole_or_not_at_all(log):
    for bad in (
        a_list("bad", context={"when": object()}),
        a_list("large", context={"filter": {"price": 10**30}}),
        a_list("half\ud800"),
        a_list("n", time=None),
        a_list("t", temperature="warm"),
        a_list("u", temperature=10**400),
    ):
        with pytest.raises(BadExposure):
            log.add([a_list("good"), bad])
    assert log.count() == 0


def test_lists_are_given_from_since_on_and_before_until_and_of_one_experiment(log):
    log.add([a_list(f"r{n}", time=float(n), experiment="odd" if n % 2 else "") for n in (3, 1, 4, 0, 2)])
    assert ids(log) == ["r0", "r1", "r2", "r3", "r4"]
    assert ids(log, since=1, until=3) == ["r1", "r2"]
    assert ids(log, experiment="odd") == ["r1", "r3"]
    assert ids(log, experiment="") == ["r0", "r2", "r4"]
    assert ids(log, since=9) == []


def test_batches_continue_each_other_also_within_one_moment_and_while_others_add(log, monkeypatch):
    monkeypatch.setattr(log_module, "BATCH", 2)
    log.add([a_list(f"r{n}", time=5.0) for n in range(5)])
    batches = log.scan()
    first = next(batches)
    log.add([a_list("late", time=6.0), a_list("early", time=1.0)])
    request_ids = [[exposure.request_id for exposure in batch] for batch in (first, *batches)]
    assert request_ids == [["r0", "r1"], ["r2", "r3"], ["r4", "late"]]


def test_old_lists_go_at_the_end_of_their_time(log, monkeypatch):
    monkeypatch.setattr(log_module, "BATCH", 2)
    log.add([a_list(f"r{n}", time=float(n)) for n in range(7)])
    assert log.expire(5.0) == 5
    assert ids(log) == ["r5", "r6"]
    assert log.expire(5.0) == 0


def test_a_forgotten_unit_leaves_no_trace_in_the_file_and_others_stay(tmp_path):
    path = tmp_path / "log.sqlite"
    log = SqliteExposures(path)
    mine = [a_list(f"mine-{n}", unit="user:secretive") for n in range(50)]
    log.add([*mine, a_list("other", unit="user:2"), a_list("nobody", unit="")])
    assert log.forget("user:secretive") == 50
    assert log.forget("user:secretive") == 0
    bytes_left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"user:2" in bytes_left
    assert b"secretive" not in bytes_left
    assert b"mine-" not in bytes_left
    assert ids(log) == ["other", "nobody"]
    log.close()


def test_while_somebody_reads_a_forgotten_unit_leaves_traces_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("vlclip.ranking.history.checkpoint.WAIT_MS", 1)
    path = tmp_path / "log.sqlite"
    with closing(SqliteExposures(path)) as log, closing(sqlite3.connect(path, isolation_level=None)) as other:
        log.add([a_list("r", unit="user:secretive")])
        other.execute("BEGIN")
        other.execute("SELECT * FROM exposures").fetchall()
        for _ in range(2):  # the second time no lists are left
            with pytest.raises(HistoryError, match=r"log\.sqlite, but traces remain .*ask again"):
                log.forget("user:secretive")
        other.execute("COMMIT")
        assert log.forget("user:secretive") == 0
        assert not [file for file in tmp_path.iterdir() if b"secretive" in file.read_bytes()]


def test_forgetting_nobody_removes_nothing(log):
    log.add([a_list("r", unit="")])
    assert log.forget("") == 0
    assert log.count() == 1


def test_the_log_outlives_its_process_and_two_may_write_it_at_once(tmp_path):
    path = tmp_path / "new" / "log.sqlite"
    logs = [SqliteExposures(path) for _ in range(2)]
    threads = [
        threading.Thread(target=log.add, args=([a_list(f"{name}{n}-{m}")],))
        for name, log in zip("ab", logs, strict=True)
        for n in range(5)
        for m in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in logs:
        log.close()
    again = SqliteExposures(path)
    assert again.count() == 50
    again.close()
    again.close()
    with pytest.raises(HistoryError, match="open it again"):
        again.count()


def test_a_file_that_is_no_log_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "log.sqlite"
    path.write_text("these are not the bytes of a database" * 100)
    with pytest.raises(HistoryError, match="move it away"):
        SqliteExposures(path)


def test_the_log_is_beside_the_vectors_unless_the_settings_say_where(tmp_path):
    assert exposures_path(Settings.load(store=str(tmp_path))) == tmp_path / "records" / "exposures.sqlite"
    named = Settings.load(exposures={"path": "elsewhere.sqlite"})
    assert exposures_path(named) == Path("elsewhere.sqlite")
    assert exposures_path(Settings.load(store=":memory:")) is None


# outcomes


def test_an_event_counts_for_its_item_in_its_list_and_for_nothing_else(history):
    history.add(
        [
            an_event("click", "r1", "b", 7.0),
            an_event("click", "r1", "b", 5.0),
            an_event("cart", "r1", "b", 8.0),
            an_event("purchase", "r1", "b", 9.0, value=20.0),
            an_event("purchase", "r1", "b", 9.5, value=None),
            an_event("view", "r1", "a"),
            an_event("click", "r1", "never shown"),
            an_event("click", "", "c"),
            an_event("click", "r2", "a", 3.0),
        ]
    )
    lists = [a_list("r1"), a_list("r2"), a_list("r3", items="")]
    [batch] = joined([lists], history)
    assert [exposure for exposure, _ in batch] == lists
    bought = Outcome(clicks=2, carts=1, purchases=2, first_click=5.0, value=20.0)
    assert [outcomes for _, outcomes in batch] == [
        (NOTHING, bought, NOTHING),
        (Outcome(clicks=1, first_click=3.0), NOTHING, NOTHING),
        (),
    ]


def cards(*variants):
    """A list of cards: of each the first item is shown, and it stands for the others."""
    items = [ShownItem(first, 1.0, {}, 1.0, tuple(others)) for first, *others in variants]
    return replace(a_list("r"), items=tuple(items))


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=6),
    st.lists(
        st.tuples(
            st.integers(0, 7), st.integers(0, 4), st.sampled_from(["click", "cart", "purchase", "view"])
        ),
        max_size=9,
    ),
)
def test_whichever_variant_of_a_card_an_event_names_it_counts_for_the_card_once(sizes, drawn):
    groups = [[f"{place}-{n}" for n in range(size)] for place, size in enumerate(sizes)]
    of_variants, of_cards, joining = [], [], 0
    for time, (place, n, kind) in enumerate(drawn):
        if place < len(groups):
            of_variants.append(an_event(kind, "r", groups[place][n % sizes[place]], float(time), value=2.0))
            of_cards.append(an_event(kind, "r", groups[place][0], float(time), value=2.0))
            joining += kind != "view"
        else:
            of_variants.append(an_event(kind, "r", "of no card", float(time)))
    counts = []
    for events in (of_variants, of_cards):
        history = SqliteHistory(None)
        history.add(events)
        [[(_, outcomes)]] = joined([[cards(*groups)]], history)
        counts.append(outcomes)
        history.close()
    assert counts[0] == counts[1]
    assert sum(each.clicks + each.carts + each.purchases for each in counts[0]) == joining


def test_an_item_that_is_shown_itself_counts_for_itself_and_one_behind_two_cards_for_the_first(history):
    # two pins of one group are the only way to two of its items in a list
    history.add([an_event("click", "r", item, n) for n, item in enumerate(["a", "b", "c", "c"])])
    [[(_, outcomes)]] = joined([[cards("abc", "bac")]], history)
    assert [each.clicks for each in outcomes] == [3, 1]


def test_a_table_without_variants_is_read_as_it_always_was(tmp_path):
    path = tmp_path / "old.parquet"
    write_table(path, [[(cards("ab"), (NOTHING,))]], [])
    pl.read_parquet(path).drop("variants").write_parquet(path)
    assert [exposure for exposure, _ in read_exposures(path)] == [cards("a")]


# the table

outcomes = st.builds(
    Outcome,
    clicks=st.integers(0, 9),
    carts=st.integers(0, 9),
    purchases=st.integers(0, 9),
    first_click=st.none() | number,
    value=number,
)


@settings(max_examples=60)
@given(exposures, st.sampled_from([".parquet", ".jsonl"]), st.data())
def test_what_is_written_is_read_back_equal_through_parquet_and_json_lines(some, ending, data):
    logged = [(exposure, tuple(data.draw(outcomes) for _ in exposure.items)) for exposure in some]
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"out{ending}"
        batches = [logged[:2], logged[2:]]
        written = write_table(path, batches, part_names([some]))
        assert list(read_exposures(path)) == logged
        assert [file.name for file in Path(folder).iterdir()] == [path.name]
    items = [item_outcomes for _, item_outcomes in logged]
    assert written == TableSize(len(some), sum(map(len, items)), sum(o.clicks > 0 for f in items for o in f))


def test_a_list_that_lies_in_two_slices_is_read_as_one(tmp_path, history, monkeypatch):
    monkeypatch.setattr(table_module, "ROWS", 2)
    lists = [a_list(f"r{n}", items="abcde"[:n]) for n in range(6)]
    assert [exposure for exposure, _ in read_exposures(table(tmp_path, *lists, history=history))] == lists


def table(tmp_path, *lists, history, ending=".parquet"):
    path = tmp_path / f"out{ending}"
    write_table(path, joined([lists], history), part_names([lists]))
    return path


def test_a_row_is_a_shown_item_with_its_list_and_what_came_of_it(tmp_path, history):
    history.add([an_event("click", "r", "b", 61.0), an_event("purchase", "r", "b", 90.0, value=9.5)])
    explored = a_list(
        "r", items="ab", time=60.0, offset=10, context={"anchor": "z"},
        candidates=(("b", 0.9), ("a", 0.5), ("c", 0.1)), temperature=0.2,
    )  # fmt: skip
    path = table(tmp_path, explored, a_list("empty", items="", time=70.0), history=history)
    rows = pl.read_parquet(path).to_dicts()
    assert rows[1] == {
        "request_id": "r", "time": 60.0, "kind": "similar", "unit": "user:1", "experiment": "e",
        "arm": "plain@1", "context": '{"anchor":"z"}', "temperature": 0.2,
        "candidates": None, "candidate_scores": None, "variants": None,
        "position": 12, "item": "b", "score": 1.5, "propensity": 1.0,
        "clicks": 1, "carts": 0, "purchases": 1, "first_click": 61.0, "value": 9.5,
        "part_image": 1.0, "part_text": 0.5,
    }  # fmt: skip
    assert [row["candidates"] for row in rows] == [["b", "a", "c"], None, None]
    assert [row["candidate_scores"] for row in rows] == [[0.9, 0.5, 0.1], None, None]
    assert [(row["position"], row["item"]) for row in rows] == [(11, "a"), (12, "b"), (1, None)]
    lines = table(
        tmp_path, explored, a_list("empty", items="", time=70.0), history=history, ending=".jsonl"
    ).read_text()
    assert [json.loads(line) for line in lines.splitlines()] == rows


def test_columns_and_types_are_the_same_of_an_empty_log(tmp_path, history):
    full = pl.read_parquet_schema(table(tmp_path, a_list("r"), history=history))
    empty = pl.read_parquet_schema(table(tmp_path, history=history))
    assert {name: kind for name, kind in full.items() if not name.startswith("part_")} == empty
    assert list(read_exposures(table(tmp_path, history=history))) == []


def test_no_half_file_is_left_and_a_good_one_stays_when_writing_fails(tmp_path, history):
    path = table(tmp_path, a_list("r"), history=history)
    before = path.read_bytes()

    def breaks():
        yield [(a_list("r1"), (NOTHING,) * 3)]
        raise sqlite3.OperationalError("the disk is gone")

    with pytest.raises(sqlite3.OperationalError):
        write_table(path, breaks(), ["image", "text"])
    with pytest.raises(HistoryError, match="export again"):
        write_table(path, [[(a_list("r1"), (NOTHING,) * 3)]], ["image"])
    with pytest.raises(HistoryError, match="choose another"):
        write_table(tmp_path / "absent" / "out.parquet", [], [])
    with pytest.raises(HistoryError, match="rename"):
        write_table(tmp_path / "out.csv", [], [])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["out.parquet", "out.jsonl"])
def test_a_file_that_is_no_table_is_refused(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(HistoryError, match="export it again"):
        list(read_exposures(path))
    path.write_text("not a table")
    with pytest.raises(HistoryError, match="export it again"):
        list(read_exposures(path))


@pytest.mark.parametrize(
    ("line", "lacks"),
    [
        ('{"id": "1"}', "request_id"),
        ("[1, 2]", "request_id"),
        ("7", "request_id"),
        ('{"request_id": "r"}', "time"),
    ],
)
def test_a_table_of_something_else_is_refused_with_what_it_lacks(tmp_path, line, lacks):
    path = tmp_path / "catalogue.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(HistoryError, match=rf"catalogue\.jsonl .*row 1 has no '{lacks}'\); export it again"):
        list(read_exposures(path))


def test_parquet_of_something_else_is_refused_with_what_it_lacks(tmp_path):
    path = tmp_path / "catalogue.parquet"
    pl.DataFrame({"id": ["1"]}).write_parquet(path)
    with pytest.raises(HistoryError, match="row 1 has no 'request_id'"):
        list(read_exposures(path))


def test_made_anonymous_equal_units_stay_equal_and_nothing_personal_is_left(tmp_path, history):
    request = {"text": "gift for Ada", "exclude": ["worn"], "anchor": "z", "weights": {"text": 1.0}}
    lists = [
        a_list("request-1", unit="user:ada", context=request),
        a_list("request-2", unit="user:ada"),
        a_list("request-3", unit="session:9"),
        a_list("request-4", unit=""),
    ]
    history.add([an_event("click", "request-1", "a")])
    path = tmp_path / "out.jsonl"
    write_table(path, anonymous(joined([lists], history)), ["image", "text"])
    text = path.read_text()
    assert not [word for word in ("ada", "Ada", "worn", "request-", "session") if word in text]
    exposures = [exposure for exposure, _ in read_exposures(path)]
    first, second, third, nobody = [exposure.unit for exposure in exposures]
    assert first == second != third
    assert nobody == ""
    assert len({exposure.request_id for exposure in exposures}) == 4
    assert exposures[0].context == {"anchor": "z", "weights": {"text": 1.0}}
    assert [outcomes[0].clicks for _, outcomes in read_exposures(path)] == [1, 0, 0, 0]
    again = tmp_path / "again.jsonl"
    write_table(again, anonymous(joined([lists], history)), ["image", "text"])
    assert {exposure.unit for exposure, _ in read_exposures(again)} & {first, third} == set()
