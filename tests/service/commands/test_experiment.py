"""`vlclip export exposures` and `vlclip experiment report`, as a person and as a script sees them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from time import time

import pytest
from typer.testing import CliRunner

from tests.ranking.experiments.logs import a_list, an_event
from vlclip.ranking.experiments.experiment import read_experiment
from vlclip.ranking.experiments.log import SqliteExposures, exposures_path
from vlclip.ranking.experiments.outcome import Outcome
from vlclip.ranking.experiments.table import read_exposures
from vlclip.ranking.history.opening import open_history
from vlclip.service.cli import build
from vlclip.service.settings import Settings

runner = CliRunner(env={"COLUMNS": "200"})
DAY = 86_400.0
TODAY = time() // DAY * DAY
"""When the day began, UTC."""
NOON, YESTERDAY, NEXT_YEAR = (
    datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for moment in (TODAY - DAY / 2, TODAY - DAY, TODAY + 366 * DAY)
)


def run(*words, status=0):
    result = runner.invoke(build(), [str(word) for word in words])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


def body(*words, status=0):
    return json.loads(run(*words, "--json", status=status).stdout)


def shown_at(n):
    return TODAY - 2 * DAY + n * DAY / 20


@pytest.fixture
def plan(tmp_path):
    """Two arms that are to be shown equally often."""
    file = tmp_path / "plan.toml"
    file.write_text(
        'id = "e"\n[[arms]]\nid = "plain"\nshare = 1\n'
        '[[arms]]\nid = "text"\nshare = 1\nweights = {text = 2}\n'
    )
    return file


@pytest.fixture
def store(tmp_path, plan):
    """A store's folder with 20 lists on each of the last two days, a fifth of the items clicked."""
    settings = Settings.load(store=str(tmp_path / "store"))
    arms = [f"{arm.id}@{arm.hash}" for arm in read_experiment(plan).arms]
    log, history = SqliteExposures(exposures_path(settings)), open_history(settings)
    lists = [
        a_list(f"r{n}", unit=f"user:{n % 20}", time=shown_at(n), arm=arms[n % 2], items="abcde")
        for n in range(40)
    ]
    log.add([*lists, a_list("other", time=TODAY, experiment="", arm=arms[0])])
    history.add([an_event("click", f"r{n}", "abcde"[n % 5], shown_at(n) + 3) for n in range(40)])
    history.add([an_event("click", "r0", "b", TODAY), an_event("purchase", "r0", "a", TODAY, value=12.0)])
    log.close()
    history.close()
    return tmp_path / "store"


def test_export_writes_what_was_shown_with_what_came_of_it(store, tmp_path):
    out = tmp_path / "out.parquet"
    assert (
        "41 lists, 203 items shown, 41 of them clicked"
        in run("export", "exposures", out, "--store", store).stdout
    )
    outcomes_by_list = {exposure.request_id: outcomes for exposure, outcomes in read_exposures(out)}
    assert len(outcomes_by_list) == 41
    assert outcomes_by_list["r0"][0] == Outcome(
        clicks=1, purchases=1, first_click=shown_at(0) + 3, value=12.0
    )
    lines = tmp_path / "out.jsonl"
    summary = body("export", "exposures", lines, "--store", store)
    assert summary == {"output": str(lines), "lists": 41, "items": 203, "clicked": 41}
    assert list(read_exposures(lines)) == list(read_exposures(out))


def test_export_takes_a_time_an_experiment_and_leaves_people_out(store, tmp_path):
    out = tmp_path / "out.parquet"
    words = ("export", "exposures", out, "--store", store, "--experiment", "e")
    assert body(*words)["lists"] == 40
    assert body(*words, "--since", YESTERDAY)["lists"] == 20
    assert body(*words, "--until", NOON)["lists"] == 30
    assert body(*words, "--anonymise")["lists"] == 40
    assert not [exposure for exposure, _ in read_exposures(out) if "user" in exposure.unit]


def test_lists_whose_clicks_the_history_no_longer_keeps_are_left_out(store, tmp_path, monkeypatch):
    monkeypatch.setenv("VLCLIP_HISTORY__RETENTION_DAYS", "30")
    words = ("export", "exposures", tmp_path / "out.parquet", "--store", store)
    before = body(*words)["lists"]
    log = SqliteExposures(exposures_path(Settings.load(store=str(store))))
    log.add([a_list("old", time=TODAY - 40 * DAY), a_list("young", time=TODAY - 20 * DAY)])
    log.close()
    assert body(*words)["lists"] == before + 1
    assert body(*words, "--since", "1999-01-01")["lists"] == before + 1


def test_report_shows_each_arm_and_that_the_shares_were_kept(store, plan):
    report = body("experiment", "report", plan, "--store", store)
    plain, text = report["arms"]
    # 20 lists of 5 each; 20 clicks each, and in r0, which was plain's, one more
    assert (plain["units"], plain["impressions"], plain["clicks"]) == (10, 100, 21)
    assert (text["units"], text["impressions"], text["clicks"]) == (10, 100, 20)
    assert plain["ctr"]["value"] == pytest.approx(0.21)
    assert (plain["difference"], plain["p"]) == (None, None)
    assert text["difference"]["value"] == pytest.approx(-0.01)
    assert (plain["purchases"], plain["value"]) == (1, 12)
    assert (report["is_trusted"], report["ratio_p"], report["changed"]) == (True, 1, [])
    printed = run("experiment", "report", plan, "--store", store).stdout
    assert "21.00%" in printed
    assert "units as the shares ask: plain 10 of 10, text 10 of 10 (p = 1)" in printed


def test_report_says_plainly_what_is_wrong(store, plan):
    plan.write_text(plan.read_text().replace("share = 1", "share = 9", 1).replace("text = 2", "text = 3"))
    printed = run("experiment", "report", plan, "--store", store).stdout
    assert "the units do not follow the shares: plain 10 of 18, text 10 of 2" in printed
    assert "do not trust this experiment" in printed
    log = SqliteExposures(exposures_path(Settings.load(store=str(store))))
    arm = read_experiment(plan).arms[1]
    log.add(
        [
            a_list("new", unit="user:0", time=TODAY, arm=f"text@{arm.hash}"),
            a_list("nobody", unit="", time=TODAY, arm="plain@1"),
        ]
    )
    log.close()
    printed = run("experiment", "report", plan, "--store", store).stdout
    assert "changed as the experiment ran: text" in printed
    assert "1 units saw several arms" in printed
    assert "1 lists were shown to nobody" in printed
    assert "not known" in printed  # one unit has no interval


def test_report_is_of_the_experiment_in_the_settings(store, plan, monkeypatch):
    words = ("experiment", "report", "--store", store)
    assert body(*words, status=1)["error"]["code"] == "bad-arm"
    monkeypatch.setenv("VLCLIP_EXPERIMENT", str(plan))
    assert body(*words, "--since", YESTERDAY)["arms"][0]["lists"] == 10
    assert body(*words, "--since", NEXT_YEAR, status=1)["error"]["code"] == "evaluation-error"


def test_without_a_log_both_say_so_and_make_none(tmp_path, plan):
    store = tmp_path / "empty"
    for words in (("export", "exposures", tmp_path / "out.parquet"), ("experiment", "report", plan)):
        answer = body(*words, "--store", store, status=1)
        assert answer["error"]["code"] == "history-error"
        assert "exposures.log" in answer["error"]["message"]
    assert not store.exists()
