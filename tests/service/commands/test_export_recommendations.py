"""`vlclip export recommendations`, as a person and as a script sees it."""

from __future__ import annotations

import json
import time
from contextlib import closing

import polars as pl
import pytest
from typer.testing import CliRunner

from vlclip.ranking.experiments.log import exposures_path
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.opening import open_history
from vlclip.service.cli import build
from vlclip.service.settings import Settings

runner = CliRunner(env={"COLUMNS": "250"})


@pytest.fixture
def store(tmp_path, filled, monkeypatch):
    """The filled store, with a history of its own in which anna and ben did something."""
    monkeypatch.setenv("VLCLIP_HISTORY__URL", str(tmp_path / "history.sqlite"))
    with closing(open_history(Settings.load(store=str(filled)))) as history:
        history.add([
            Event(id=user, kind="view", item="drawn-00001", time=time.time() - 9, user=user)
            for user in ("anna", "ben")
        ])  # fmt: skip
    return filled


def run(*words, status=0):
    result = runner.invoke(build(), ["export", "recommendations", *[str(word) for word in words]])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


def test_each_user_has_the_list_of_the_command_recommend(store, tmp_path):
    (tmp_path / "users.txt").write_text("ben\nnew\n")
    out = tmp_path / "lists.jsonl"
    words = ("--users", tmp_path / "users.txt", "--out", out, "--store", store, "--limit", 4)
    body = json.loads(run(*words, "--filter", "available=true", "--json").stdout)
    counts = {"users": 2, "fallbacks": 1, "empty": 0, "items": 8}
    assert counts.items() <= body.items()
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["user"], row["is_fallback"]) for row in rows] == [("ben", False), ("new", True)]
    for row in rows:
        words = [
            "recommend",
            row["user"],
            "--store",
            str(store),
            "-n",
            "4",
            "--filter",
            "available=true",
            "--json",
        ]
        alone = json.loads(runner.invoke(build(), words).stdout)
        assert [item["id"] for item in row["items"]] == [item["id"] for item in alone["results"]]
        assert row["items"][0]["title"] == alone["results"][0]["item"]["title"]
        assert row["items"][0]["price"] == pytest.approx(alone["results"][0]["item"]["price"])


def test_everyone_with_an_event_goes_into_a_parquet_file_and_nothing_is_logged(store, tmp_path):
    out = tmp_path / "lists.parquet"
    text = run(
        "--users",
        "all",
        "--out",
        out,
        "--store",
        store,
        "--limit",
        3,
        "--flat",
        "--photo-base",
        "https://cdn",
    ).stdout
    assert "2 users, 6 items" in text
    table = pl.read_parquet(out)
    assert table["user"].to_list() == ["anna"] * 3 + ["ben"] * 3
    assert table["rank"].to_list() == [1, 2, 3] * 2
    assert table["photo"].str.starts_with("https://cdn/").all()
    log = exposures_path(Settings.load(store=str(store)))
    assert log is None or not log.exists()


def test_people_read_who_has_no_history_and_which_photos_are_no_addresses(store, tmp_path):
    (tmp_path / "users.csv").write_text("user_id,name\nanna,A\nnew,B\n")
    text = run("--users", tmp_path / "users.csv", "--out", tmp_path / "a.jsonl", "--store", store).stdout
    assert "users without a history that counts: 1; is_fallback marks them" in text
    assert "items without the address of a photo" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--users", "none.txt", "--out", "a.jsonl"), "none.txt cannot be read"),
        (("--users", "all", "--out", "a.csv"), "a.csv must end in .parquet or .jsonl"),
        (("--users", "all", "--out", "a.jsonl", "--limit", 9999), "limit is 9999"),
    ],
)
def test_a_slip_is_answered_with_what_to_do(store, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    body = json.loads(run(*words, "--store", store, "--json", status=1).stdout)
    assert message in body["error"]["message"]
    assert not list(tmp_path.glob("*a.*"))
