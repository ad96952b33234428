"""`vlclip simulate`, as a person and as a script sees it."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from vlclip.ranking.evaluation.simulator.world import World
from vlclip.ranking.experiments.log import SqliteExposures, exposures_path
from vlclip.ranking.experiments.outcome import joined
from vlclip.ranking.experiments.table import read_exposures
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists.arm import Arm, Exploration
from vlclip.service.api.app import create_app
from vlclip.service.cli import build
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

runner = CliRunner(env={"COLUMNS": "160"})
LOGGING = Arm(id="logging", exploration=Exploration(temperature=0.05))


@pytest.fixture(scope="module")
def store(filled, tmp_path_factory):
    """A copy of its own: a store is one process's at a time, and one command's."""
    folder = tmp_path_factory.mktemp("simulated") / "store"
    shutil.copytree(filled, folder)
    return folder


def run(*words, status=0):
    result = runner.invoke(build(), ["simulate", *[str(word) for word in words]])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


def body(*words, status=0):
    return json.loads(run(*words, "--json", status=status).stdout)


def arm(folder, name, text):
    (folder / f"{name}.toml").write_text(text)
    return folder / f"{name}.toml"


def test_a_log_is_written_and_the_truth_of_every_arm_is_told(store, tmp_path):
    photo, words = (
        arm(tmp_path, "photo", "weights = {text = 0}"),
        arm(tmp_path, "words", "weights = {image = 0}"),
    )
    log = tmp_path / "log.parquet"
    report = body(
        log, "--store", store, "--lists", 60, "--likes", "text=0", "--truth", photo, "--truth", words,
        "--shoppers", 20, "--limit", 5,
    )  # fmt: skip
    assert (report["lists"], report["items"], report["output"]) == (60, 300, str(log))
    assert report["logged_by"] == f"logging@{LOGGING.hash}"
    assert [each["arm"].partition("@")[0] for each in report["arms"]] == ["logging", "photo", "words"]
    assert report["winner"] == report["arms"][1]["arm"]
    assert report["arms"][1]["clicks"]["value"] > report["arms"][2]["clicks"]["value"]
    assert set(report["arms"][0]["ctr"]) == {"1", "3", "5"}
    assert report["world"]["likes"] == {"text": 0}
    assert World(**report["world"] | {"tastes": tuple(report["world"]["tastes"])}).shoppers == 20
    logged = list(read_exposures(log))
    assert len(logged) == 60
    assert sum(outcome.clicks for _, outcomes in logged for outcome in outcomes) == report["clicked"]
    assert report["logged_clicks"] == report["clicked"] / 60


def test_a_person_sees_a_table_and_which_arm_wins(store, tmp_path):
    plain = arm(tmp_path, "plain", "")
    result = run(tmp_path / "log.jsonl", "--store", store, "--lists", 40, "--truth", plain)
    assert re.search(rf"logging@{LOGGING.hash} +0\.\d{{4}} ± 0\.\d{{4}} +\+0\.0000", result.stdout)
    assert re.search(r"plain@\w{12} +0\.\d{4} +[+-]0\.\d{4} +0\.\d{4}", result.stdout)
    assert "CTR@1 " in result.stdout
    assert re.search(
        r"the log has \d\.\d{4} clicks a list: 40 lists, 400 items shown, \d+ of them", result.stdout
    )
    assert "the best arm" in result.stdout
    assert "40/40" in result.stderr


def test_the_same_seed_writes_the_same_log(store, tmp_path):
    first, again, other = (
        run(tmp_path / f"{name}.parquet", "--store", store, "--lists", 30, "--seed", seed) and
        list(read_exposures(tmp_path / f"{name}.parquet"))
        for name, seed in (("one", 3), ("again", 3), ("other", 4))
    )  # fmt: skip
    assert first == again
    assert first != other


@pytest.mark.parametrize("clicks", ["position", "cascade", "bayesian"])
def test_shoppers_go_through_a_list_as_they_are_told(store, tmp_path, clicks):
    log = tmp_path / "log.parquet"
    report = body(log, "--store", store, "--lists", 200, "--clicks", clicks, "--limit", 8)
    assert report["behaviour"] == clicks
    per_list = [sum(outcome.clicks for outcome in outcomes) for _, outcomes in read_exposures(log)]
    assert (max(per_list) > 1) == (clicks != "cascade")


def test_with_a_history_the_clicks_are_events_in_it(store, tmp_path):
    log, events = tmp_path / "log.parquet", tmp_path / "events.sqlite"
    words = ("--store", store, "--lists", 80, "--kinds", "recommendations=1,search=1", "--history", events)
    body(log, *words)
    logged = list(read_exposures(log))
    assert {exposure.kind for exposure, _ in logged} == {"recommendations", "search"}
    history = SqliteHistory(events)
    assert [
        exposure for batch in joined([[exposure for exposure, _ in logged]], history) for exposure in batch
    ] == logged
    history.close()
    assert "empty at first" in body(log, *words, status=1)["error"]["message"]


def test_a_list_is_logged_as_the_service_logs_it(store, tmp_path):
    log = tmp_path / "log.parquet"
    body(log, "--store", store, "--lists", 30, "--kinds", "similar=1,search=1,recommendations=1")
    simulated = {exposure.kind: exposure for exposure, _ in read_exposures(log)}
    folder = tmp_path / "served"
    shutil.copytree(store, folder)
    settings = Settings.load(store=str(folder), device="cpu")
    shop = Shop(settings)
    shop.warm()
    client = TestClient(create_app(shop))
    anchor = simulated["similar"].context["anchor"]
    assert client.get(f"/v1/items/{anchor}/similar").status_code == 200
    assert client.post("/v1/search", json={"text": "shoe"}).status_code == 200
    assert client.get("/v1/users/u/recommendations").status_code == 200
    shop.close()
    served = {
        exposure.kind: exposure
        for batch in SqliteExposures(exposures_path(settings)).scan()
        for exposure in batch
    }
    for kind, exposure in served.items():
        assert simulated[kind].context.keys() == exposure.context.keys()
        assert simulated[kind].context["asked"].keys() == exposure.context["asked"].keys()


def test_what_cannot_be_done_says_why_and_writes_nothing(store, tmp_path):
    def error(*words):
        return body(*words, "--store", store, "--lists", 10, status=1)["error"]

    log = tmp_path / "log.parquet"
    assert "must end in" in error(tmp_path / "log.csv")["message"]
    assert error(log, "--truth", tmp_path / "none.toml")["code"] == "bad-arm"
    assert error(log, "--arm", tmp_path / "none.toml")["code"] == "bad-arm"
    assert "similar, search, recommendations" in error(log, "--kinds", "guess=1")["message"]
    assert "'sound'" in error(log, "--likes", "sound=1")["message"]
    assert error(log, "--limit", 5000)["code"] == "bad-page"
    assert body(log, "--store", tmp_path / "none", status=1)["error"]["code"] == "store-not-found"
    assert not list(tmp_path.glob("*log*"))
