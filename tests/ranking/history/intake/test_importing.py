"""Logs of other systems in the history, once each."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ranking.history.intake import logs
from vlclip.ranking.errors import BadTable
from vlclip.ranking.history.intake import importing
from vlclip.ranking.history.intake.importing import ImportPlan, import_events
from vlclip.ranking.history.sqlite import SqliteHistory

NOW = 1_700_000_000.0
ON_DISK = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
IDS = st.text("abc0 -äß", min_size=1, max_size=5).map(str.strip).filter(bool)


def deeds(kinds):
    moments = st.integers(1_500_000_000, int(NOW))
    return st.lists(st.tuples(st.sampled_from(sorted(kinds)), IDS, IDS, moments), min_size=1, max_size=12)


def contents(history):
    """Kind, user, item, moment and value of every event."""
    return Counter(
        (event.kind, event.user, event.item, event.time)
        for _, events in history.sequences()
        for event in events
    )


def bring(history, path, **plan):
    return import_events(ImportPlan(source=path, **plan), history, clock=lambda: NOW)


@ON_DISK
@given(st.data())
def test_the_same_events_come_from_every_format_and_once(tmp_path, data):
    name = data.draw(st.sampled_from(list(logs.ROWS)))
    deeds_done = data.draw(deeds(logs.NAMES[name]))
    ending = data.draw(st.sampled_from(logs.ENDINGS[name]))
    path = logs.write(tmp_path / f"log{ending}", map(logs.ROWS[name], deeds_done))
    if name == "hm":  # days
        deeds_done = [
            (kind, user, item, moment // 86_400 * 86_400) for kind, user, item, moment in deeds_done
        ]
    with closing(SqliteHistory(None)) as history:
        report = bring(history, path)
        assert contents(history) == Counter(dict.fromkeys(deeds_done, 1))
        assert (report.rows, report.events, report.added) == (
            len(deeds_done),
            len(deeds_done),
            len(set(deeds_done)),
        )
        assert not report.left_out
        assert not report.unknown_kinds
        assert report.first == min(moment for *_, moment in deeds_done)
        assert report.last == max(moment for *_, moment in deeds_done)
        again = bring(history, path)
        assert (again.added, again.repeated) == (0, len(deeds_done))
        assert history.count() == len(set(deeds_done))


@ON_DISK
@given(deeds(logs.NAMES["rees46"]), st.integers(0, 12), st.integers(1, 5))
def test_an_import_that_is_interrupted_goes_on(tmp_path, deeds_done, cut, size):
    path = logs.write(tmp_path / "log.csv", map(logs.rees46, deeds_done))
    with closing(Small(size, fails_after=cut)) as history:
        try:
            bring(history, path)
        except KeyboardInterrupt:
            history.fails_after = None
            bring(history, path)
        assert contents(history) == Counter(dict.fromkeys(deeds_done, 1))


class Small(SqliteHistory):
    """Takes few events at once, and is interrupted after some of them."""

    def __init__(self, size, fails_after=None):
        super().__init__(None)
        self.size, self.fails_after = size, fails_after

    @property
    def largest_batch(self):
        return self.size

    def add_batch(self, batch):
        if self.fails_after is not None and self.count() + len(batch) > self.fails_after:
            raise KeyboardInterrupt
        return super().add_batch(batch)


@pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_the_unit_is_that_of_the_whole_column_and_said(tmp_path, unit, ending):
    moments = [1_600_000_000, 1_650_000_000]
    rows = [{"user": "u", "item": "i", "event": "view", "time": moment * unit} for moment in moments]
    with closing(SqliteHistory(None)) as history:
        report = bring(history, logs.write(tmp_path / f"a{ending}", rows))
        assert [event.time for event in history.recent("user:u", 9)] == moments[::-1]
    units = {1: "seconds", 1000: "milliseconds", 10**6: "microseconds", 10**9: "nanoseconds"}
    assert f"times are {units[unit]}" in report.files[f"a{ending}"]


def test_no_time_is_moved(tmp_path):
    times = [str(1_600_000_000 * 1000)] * 20 + ["1", "soon", "", str(int(NOW + 90_000) * 1000), "1600000000"]
    rows = [{"user": f"u{n}", "item": "i", "event": "view", "time": time} for n, time in enumerate(times)]
    with closing(SqliteHistory(None)) as history:
        report = bring(history, logs.write(tmp_path / "a.csv", rows))
        assert {event.time for _, events in history.sequences() for event in events} == {1_600_000_000}
    assert report.left_out == {
        "a time before 2000": 2, "a time that cannot be read": 1, "no time": 1, "a time over a day ahead": 1,
    }  # fmt: skip
    assert report.events == 20


def test_a_column_of_two_units_is_refused(tmp_path):
    row = {"user": "u", "item": "i", "event": "view"}
    rows = [{**row, "time": 1_600_000_000 * 1000 ** (n % 2)} for n in range(10)]
    with closing(SqliteHistory(None)) as history, pytest.raises(BadTable, match="'time' mix units: 5 milli"):
        bring(history, logs.write(tmp_path / "a.csv", rows))


def test_what_is_older_than_the_retention_is_counted_and_not_kept(tmp_path):
    rows = [logs.plain(("view", "u", f"i{day}", int(NOW) - day * 86_400)) for day in range(10)]
    path = logs.write(tmp_path / "a.csv", rows)
    with closing(SqliteHistory(None, retention_days=4.5, clock=lambda: NOW)) as history:
        report = bring(history, path)
        assert (report.added, report.old, report.repeated, history.count()) == (5, 5, 0, 5)
        again = bring(history, path)
        assert (again.added, again.old, again.repeated) == (0, 5, 5)


def test_unknown_kinds_are_counted_by_name_and_can_be_said(tmp_path):
    rows = [logs.rees46(("view", "u", "i", 1_600_000_000 + n)) for n in range(4)]
    for row, kind in zip(rows, ["view", "remove_from_cart", "remove_from_cart", ""], strict=True):
        row["event_type"] = kind
    path = logs.write(tmp_path / "a.csv", rows)
    with closing(SqliteHistory(None)) as history:
        assert bring(history, path).unknown_kinds == {"remove_from_cart": 2, "(none)": 1}
        report = bring(history, path, kinds=["Remove From Cart=dislike"])
        assert (report.unknown_kinds, report.added) == ({"(none)": 1}, 2)
        with pytest.raises(BadTable, match=r"wish=want: kind is 'want'; it is one of view, click"):
            bring(history, path, kinds=["wish=want"])


def test_an_element_of_the_items_is_an_event_each(tmp_path):
    row = logs.ga4(("purchase", "u", "a", 1_600_000_000))
    row["items"] += [{"item_id": "b", "price": 3}, {"item_id": None, "item_name": "nothing"}]
    page = {**row, "event_name": "page_view", "items": []}
    bare = {**row, "items": []}
    with closing(SqliteHistory(None)) as history:
        report = bring(history, logs.write(tmp_path / "a.jsonl", [page, bare, row]))
        bought = {event.item: event.value for event in history.recent("user:u", 9)}
    assert bought == {"a": 5.0, "b": 3.0}
    assert report.left_out == {"no item": 2}
    assert report.unknown_kinds == {"page_view": 1}


def test_the_systems_own_id_is_kept_and_told_apart_by_the_element(tmp_path):
    row = logs.segment(("purchase", "u", "a", 1_600_000_000))
    row["properties"]["products"].append({"product_id": "b"})
    later = {**row, "timestamp": "2022-01-01T00:00:00Z"}  # sent again
    with closing(SqliteHistory(None)) as history:
        report = bring(history, logs.write(tmp_path / "a.jsonl", [row, later]))
        ids = {event.id for event in history.recent("user:u", 9)}
    assert ids == {f"{row['messageId']}:{place}" for place in (0, 1)}
    assert (report.added, report.repeated) == (2, 2)


def test_who_is_not_logged_in_is_a_session(tmp_path):
    row = logs.segment(("view", "u", "a", 1_600_000_000)) | {"userId": None}
    with closing(SqliteHistory(None)) as history:
        bring(history, logs.write(tmp_path / "a.jsonl", [row]))
        assert [event.item for event in history.recent("session:au", 9)] == ["a"]


def test_leading_zeros_stay(tmp_path):
    rows = [logs.hm(("purchase", "u", "0108775015", 1_600_000_000))]
    with closing(SqliteHistory(None)) as history:
        bring(history, logs.write(tmp_path / "a.csv", rows))
        assert [event.item for event in history.recent("user:u", 9)] == ["0108775015"]


def test_a_folder_is_its_files(tmp_path):
    logs.write(tmp_path / "1.csv", [logs.rees46(("view", "u", "a", 1_600_000_000))])
    logs.write(tmp_path / "2.jsonl", [logs.ga4(("cart", "u", "b", 1_600_000_001))])
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "3.csv").touch()
    with closing(SqliteHistory(None)) as history:
        report = bring(history, tmp_path)
        assert [event.item for event in history.recent("user:u", 9)] == ["b", "a"]
    assert list(report.files) == ["1.csv", "2.jsonl"]


@pytest.mark.parametrize(
    ("row", "plan", "message"),
    [
        ({"user": "u", "time": 1}, {"kind": "view"}, "no column for the item; it has user, time: name it"),
        (
            {"user": "u", "item": 1, "time": 1},
            {},
            "no column for the kind;.*=COLUMN .or the kind of all rows",
        ),
        ({"wer": "u", "was": 1}, {}, "for the user and the item and the time and the kind"),
        ({"user": "u", "item": 1, "event": "view", "when": "2020-01-01"}, {}, "'when' may be the time"),
        ({"user": "u", "item": 1}, {"mapping": ["itm=item"]}, "no field 'itm'"),
        ({"user": "u", "item": 1}, {"mapping": ["item=itm"]}, "item=itm: a.jsonl has no such column"),
        ({"user": "u", "item": 1}, {"kinds": ["wish"]}, "cannot read 'wish'; write name=kind"),
        ({"user": "u", "item": 1}, {"kind": "want"}, "kind is 'want'"),
        ({"user": "u", "item": 1}, {"format": "x"}, "no format 'x'"),
    ],
)
def test_a_slip_is_answered_with_what_to_say(tmp_path, row, plan, message):
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    with closing(SqliteHistory(None)) as history, pytest.raises(BadTable, match=message):
        bring(history, tmp_path / "a.jsonl", **plan)


def test_columns_can_be_said_deep_ones_too(tmp_path):
    row = {"who": {"id": "u"}, "what": "i", "at": 1_600_000_000, "n": 1}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    with closing(SqliteHistory(None)) as history:
        report = bring(
            history, tmp_path / "a.jsonl", mapping=["user=who.id", "item=what", "time=at"], kind="cart"
        )
        assert [(event.kind, event.item) for event in history.recent("user:u", 9)] == [("cart", "i")]
    assert "every row is of kind cart" in report.files["a.jsonl"]
    assert "not used: n" in report.files["a.jsonl"]


def test_a_date_and_a_clock_are_one_time(tmp_path):
    rows = [{"user": "u", "item": "i", "event": "view", "date": "2020-09-13", "hour": "12:26:40"}]
    with closing(SqliteHistory(None)) as history:
        bring(history, logs.write(tmp_path / "a.csv", rows))
        assert [event.time for event in history.recent("user:u", 9)] == [1_600_000_000]


def test_events_that_no_history_can_hold_are_counted(tmp_path):
    rows = [logs.plain(("view", user, "i", 1_600_000_000)) for user in ("u", "x" * 600, "a\x01b")]
    with closing(SqliteHistory(None)) as history:
        report = bring(history, logs.write(tmp_path / "a.jsonl", rows))
        assert history.count() == report.events == 1
    assert sum(report.left_out.values()) == 2


def test_a_late_column_of_json_is_used_or_named(tmp_path):
    early = [{"user": "u", "item": "i", "event": "view", "time": 1_600_000_000 + n} for n in range(2500)]
    late = {"user": "u", "item": "i", "event": "view", "time": 1_600_003_000, "late": 1}
    with closing(SqliteHistory(None)) as history:
        report = bring(history, logs.write(tmp_path / "a.jsonl", [*early, late]))
    assert "not used: late" in report.files["a.jsonl"]
    assert importing.ROWS < 2500


def test_a_row_that_cannot_be_read_is_counted_and_the_others_are_kept(tmp_path):
    rows = [logs.plain(("view", "u", f"i{n}", 1_600_000_000 + n)) for n in range(4)]
    path = logs.write(tmp_path / "a.csv", rows)
    path.write_text(path.read_text() + "too,few\n" + "view,u,i9,1600000009\n")
    with closing(SqliteHistory(None)) as history:
        report = bring(history, path)
        assert history.count() == report.events == 5
    assert report.left_out == {"a row that cannot be read": 1}
    assert report.notes == ["a.csv, line 6: the row has 2 fields, the header 4"]
    assert report.rows == 6


@ON_DISK
@given(
    st.lists(deeds(logs.NAMES["plain"]), min_size=1, max_size=3),
    st.sampled_from([".csv", ".jsonl", ".parquet"]),
)
def test_progress_goes_to_the_end_of_the_bytes_and_of_the_rows(tmp_path_factory, parts, ending):
    folder, steps = tmp_path_factory.mktemp("logs"), []
    for number, part in enumerate(parts):
        logs.write(folder / f"{number}{ending}", map(logs.plain, part))
    with closing(Small(3)) as history:
        import_events(ImportPlan(source=folder), history, lambda *step: steps.append(step), lambda: NOW)
    for name in ("survey", "import"):
        way = [(rows, share) for step, rows, share in steps if step == name]
        assert way[-1] == (sum(map(len, parts)), 1)
    assert way == sorted(way)
