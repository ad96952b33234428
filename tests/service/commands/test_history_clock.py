"""`vlclip history-clock`, and what doctor says of the clock."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest
from typer.testing import CliRunner

from vlclip.ranking.history.events import Event
from vlclip.ranking.history.opening import history_path, open_history
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.settings import DAY_S
from vlclip.service.cli import build
from vlclip.service.diagnosis.records import events
from vlclip.service.settings import Settings

runner = CliRunner(env={"COLUMNS": "250"})


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("VLCLIP_HISTORY__URL", str(tmp_path / "history.sqlite"))
    return Settings.load(store=str(tmp_path / "store"))


def run(*words, status=0):
    result = runner.invoke(build(), ["history-clock", *words])
    assert result.exit_code == status, result.output + str(result.exception)
    return result.output


def event(id, time):
    return Event(id=str(id), kind="view", item="a", time=time, user="u")


def findings(settings):
    return {finding.what: finding for finding in events(settings)}


def test_a_leap_is_said_by_the_command_and_by_doctor_until_it_is_confirmed(settings):
    past = time.time() - 400 * DAY_S
    with closing(SqliteHistory(history_path(settings), retention_days=365, clock=lambda: past)) as history:
        history.add([event(1, past)])
    assert findings(settings)["retention"].state == "note"
    assert "400.0 days after" in findings(settings)["retention"].says
    assert "400.0 days after" in run()
    assert "400.0 days after" in run("--remove-future", status=1)
    assert not json.loads(run("--json"))["followed"]
    assert "old events are removed by it" in run("--confirm")
    assert json.loads(run("--json"))["followed"]
    assert "retention" not in findings(settings)
    with closing(open_history(settings)) as history:
        assert history.add([event(2, time.time())]) == 1
        assert [stored.id for stored in history.recent("user:u", 9)] == ["2"]


def test_events_of_the_future_are_counted_and_removed_when_that_is_said(settings):
    now = time.time()
    with closing(open_history(settings)) as history:
        history.add([event(1, now), event(2, now + DAY_S / 2), event(3, now + 70 * 365 * DAY_S)])
    assert findings(settings)["clock"].says.startswith("2 events lie in the future")
    assert "--remove-future" in findings(settings)["clock"].says
    assert "1 events are over a day ahead" in run()
    assert "removed 1 events" in run("--remove-future")
    body = json.loads(run("--json"))
    assert (body["ahead"], body["removed"]) == (0, 0)
    with closing(open_history(settings)) as history:
        assert [stored.id for stored in history.recent("user:u", 9)] == ["2", "1"]
