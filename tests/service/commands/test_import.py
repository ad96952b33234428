"""`vlclip import events`, as a person and as a script sees it."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest
from typer.testing import CliRunner

from tests.ranking.history.intake import logs
from vlclip.ranking.history.opening import open_history
from vlclip.service.cli import build
from vlclip.service.settings import Settings

runner = CliRunner(env={"COLUMNS": "250"})
DAY_S = 86_400


@pytest.fixture
def store(tmp_path, filled, monkeypatch):
    """The filled store with a history of its own."""
    monkeypatch.setenv("VLCLIP_HISTORY__URL", str(tmp_path / "history.sqlite"))
    return filled


def run(*words, status=0):
    result = runner.invoke(build(), ["import", "events", *[str(word) for word in words]])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


def body(*words, status=0):
    return json.loads(run(*words, "--json", status=status).stdout)


def recent(store, user):
    with closing(open_history(Settings.load(store=str(store)))) as history:
        return [(event.kind, event.item) for event in history.recent(f"user:{user}", 9)]


@pytest.fixture
def log(tmp_path):
    """Events of two known items and an unknown one, one too old, one of a kind that is not ours."""
    now = int(time.time())
    rows = [
        logs.rees46(("view", "anna", "drawn-00001", now - 3)),
        logs.rees46(("purchase", "anna", "drawn-00002", now - 2)),
        logs.rees46(("view", "ben", "sold", now - 1)),
        logs.rees46(("view", "ben", "drawn-00001", now - 400 * DAY_S)),
        {**logs.rees46(("view", "ben", "drawn-00001", now)), "event_type": "remove_from_cart"},
    ]
    return logs.write(tmp_path / "log.csv", rows)


def test_a_log_is_in_the_history_and_the_report_says_what_became_of_each_row(store, log):
    report = body(log, "--store", store)
    counts = {"rows": 5, "events": 4, "added": 3, "repeated": 0, "older_than_retention": 1, "left_out": {}}
    assert counts.items() <= report.items()
    assert report["unknown_kinds"] == {"remove_from_cart": 1}
    assert report["unknown_items"] == {"items": 1, "events": 1}
    assert "user ← user_id" in report["files"]["log.csv"]
    assert recent(store, "anna") == [("purchase", "drawn-00002"), ("view", "drawn-00001")]
    again = body(log, "--store", store)
    assert (again["added"], again["repeated"]) == (0, 3)


def test_people_read_what_was_not_kept_and_what_to_do(store, log):
    text = run(log, "--store", store).stdout
    assert "log.csv: REES46: user ← user_id" in text
    assert "5 rows, 4 events" in text
    assert "1 events are older than 365 days and were not kept: set history.retention_days" in text
    assert "remove_from_cart (1); --event NAME=KIND takes them" in text
    assert "1 events are of 1 items that the store does not have: sold (1); they are kept" in text
    text = run(log, "--store", store, "--event", "remove_from_cart=dislike").stdout
    assert "1 added" in text
    assert "3 events were there already" in text


def test_what_is_imported_is_what_lists_are_made_of(store, log):
    run(log, "--store", store)
    answer = runner.invoke(build(), ["recommend", "anna", "--store", str(store), "--json"])
    assert json.loads(answer.stdout)["strategy"] == "history"


def test_a_format_that_is_named_is_taken_and_a_slip_is_answered(store, log, tmp_path):
    assert body(log, "--store", store, "--format", "rees46")["added"] == 3
    for words, message in [
        (["--format", "x"], "there is no format 'x' of events; there are: auto, ga4"),
        (["--format", "hm", "--map", "item=itm"], "has no such column"),
        (["--event", "a"], "cannot read 'a'; write name=kind"),
    ]:
        assert message in body(log, "--store", store, *words, status=1)["error"]["message"]
    nothing = body(tmp_path / "none.csv", "--store", store, status=1)
    assert "there is no such file" in nothing["error"]["message"]


def test_without_a_store_events_are_kept_and_items_are_not_checked(tmp_path, log, monkeypatch):
    monkeypatch.setenv("VLCLIP_HISTORY__URL", str(tmp_path / "history.sqlite"))
    report = body(log, "--store", tmp_path / "none")
    assert (report["added"], report["unknown_items"]) == (3, None)
    assert "the store could not be asked" in run(log, "--store", tmp_path / "none").stdout
