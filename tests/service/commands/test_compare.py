"""`vlclip compare`, as a person and as a script sees it."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.evaluation.comparison.requests import sample_log
from vlclip.ranking.experiments.exposure import Exposure, ShownItem
from vlclip.ranking.experiments.outcome import Outcome
from vlclip.ranking.experiments.table import part_names, write_table
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.recommender import PLAIN, Recommender
from vlclip.ranking.lists.request import ListRequest
from vlclip.service.cli import build
from vlclip.service.settings import Settings

runner = CliRunner(env={"COLUMNS": "110"})
TEXT = 'id = "text"\nweights = {text = 5.0, image = 0.2}\n'


@pytest.fixture(scope="module")
def folder(filled, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    shutil.copytree(filled, folder / "store")
    (folder / "text.toml").write_text(TEXT)
    return folder


@pytest.fixture(scope="module")
def log(folder) -> Path:
    """What the plain arm showed: similar items of forty anchors and two searches, six results each."""
    settings = Settings.load(store=str(folder / "store"), device="cpu")
    rng, batch = np.random.default_rng(3), []
    with closing(open_store(settings.store, settings)) as store:
        recommender = Recommender(store, Encoders(settings, store.info).load, settings.search)
        page = Page(limit=6)
        requests = [
            ListRequest(kind="similar", anchor=f"drawn-{n:05}", unit=f"user:u{n % 9}", page=page)
            for n in range(40)
        ]
        requests += [ListRequest(kind="search", text=text, page=page) for text in ("red shoe", "blue lamp")]
        for number, request in enumerate(requests):
            answer = request.answer(recommender, PLAIN)
            context = (
                {"anchor": request.anchor}
                if request.kind == "similar"
                else {"text": request.text, "photo": False}
            )
            exposure = Exposure(
                request_id=str(number), time=1e9 + number, kind=request.kind, unit=request.unit,
                arm="default@0",
                items=tuple(ShownItem(result.id, result.score, result.parts) for result in answer),
                context=context | {"filter": []},
            )  # fmt: skip
            batch.append((exposure, tuple(Outcome(clicks=int(rng.random() < 0.4)) for _ in answer)))
    write_table(folder / "log.parquet", [batch], part_names([[exposure for exposure, _ in batch]]))
    return folder / "log.parquet"


def run(folder, *words, status=0):
    words = ["compare", "--store", folder / "store", "--device", "cpu", *words]
    result = runner.invoke(build(), [str(word) for word in words])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


def body(folder, *words, status=0):
    return json.loads(run(folder, *words, "--json", status=status).stdout)


def test_the_same_arm_gives_the_same_lists(folder):
    comparison = body(folder, "--arm", "default", "--arm", "default", "--anchors", 20)
    (difference,) = comparison["differences"]
    assert comparison["contexts"] == 20
    assert difference["overlap"] == difference["jaccard"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert difference["first_changes"]["value"] == difference["moved"]["value"] == 0
    assert difference["comes"] == difference["goes"] == []
    assert all(pair["difference"]["value"] == 0 for pair in difference["measures"].values())
    assert comparison["notes"] == [
        "two of the arms have the same settings: they are one ranking under two names"
    ]


def test_one_arm_is_held_against_the_plain_ranking(folder):
    comparison = body(folder, "--arm", folder / "text.toml", "--anchors", 30, "-n", 5)
    first, second = comparison["arms"]
    assert first["arm"].startswith("default@")
    assert second["arm"].startswith("text@")
    (difference,) = comparison["differences"]
    assert (
        0
        < difference["overlap"]["low"]
        <= difference["overlap"]["value"]
        <= difference["overlap"]["high"]
        < 1
    )
    assert difference["measures"]["part text"]["difference"]["low"] > 0  # its weight is five times as large
    assert difference["measures"]["price"]["first"]["value"] > 0
    assert 0 < first["coverage"] <= 1
    assert {"diversity", "score", "part image"} <= set(first["measures"])
    apart = difference["apart"][0]
    assert apart["context"].startswith("like drawn-")
    assert len(apart["first"]) == len(apart["second"]) == 5
    assert apart["first"] != apart["second"]


def test_a_person_reads_what_changes(folder):
    text = run(folder, "--arm", folder / "text.toml", "--anchors", 30).stdout
    for phrase in (
        "30 contexts (30 similar), 10 results each", "text@", "other items than default@",
        "among the first 10, and another one on top in", "items in both of the first 10",
        "rank-biased overlap", "diversity", "price", "text (part)", "items in any list", "comes or goes",
        "like drawn-",
    ):  # fmt: skip
        assert phrase in text, phrase
    assert max(len(line) for line in text.splitlines() if "shows" not in line) <= 110


def test_queries_and_users_are_lines_of_a_file(folder, tmp_path):
    (tmp_path / "queries.txt").write_text("red shoe\n\nblue lamp\n")
    (tmp_path / "users.txt").write_text("anna\nbert\ncaro\n")
    words = ("--queries", tmp_path / "queries.txt", "--users", tmp_path / "users.txt")
    comparison = body(folder, "--arm", folder / "text.toml", *words)
    assert comparison["kinds"] == {"search": 2, "recommendations": 3}
    assert "part lexical" in comparison["arms"][0]["measures"]
    comparison = body(folder, "--arm", folder / "text.toml", *words, "--sample", 2, "--anchors", 4)
    assert comparison["kinds"] == {"similar": 4, "search": 2, "recommendations": 2}


def test_the_lists_of_a_log_are_asked_again_and_click_models_say_what_to_expect(folder, log):
    words = ("--arm", "default", "--arm", folder / "text.toml", "--log", log, "-n", 6)
    comparison = body(folder, *words)
    assert comparison["kinds"] == {"similar": 40, "search": 2}
    assert comparison["left_out"] == {}
    plain, text = comparison["proxies"].values()
    # the plain arm gives what was shown, so nothing else is expected of it
    assert all(proxy["difference"]["value"] == pytest.approx(0, abs=1e-12) for proxy in plain)
    assert any(abs(proxy["difference"]["value"]) > 1e-6 for proxy in text)
    assert set(comparison["perplexity"]) == {proxy["model"] for proxy in plain}
    assert "what click models fitted on the log expect" in run(folder, *words).stdout


def test_the_same_seed_draws_the_same(folder, log):
    words = ("--arm", folder / "text.toml", "--log", log, "--sample", 12)
    first = body(folder, *words)
    assert first["contexts"] == 12
    assert first == body(folder, *words)
    assert first["differences"] != body(folder, *words, "--seed", 8)["differences"]


def test_what_cannot_be_asked_again_is_counted_with_its_reason():
    def exposure(kind, offset=0, **context):
        return Exposure(
            request_id="1", time=0.0, kind=kind, unit="user:a", arm="a@0", items=(ShownItem("i", 1.0, {}),),
            context=context, offset=offset,
        )  # fmt: skip

    fits = exposure(
        "search",
        text="shoe",
        filter={"price": {"lt": 40}},
        asked={"weights": {"text": 2.0}, "exclude": ["b"]},
    )
    log = (exposure("similar", 10, anchor="x"), exposure("search"), fits, exposure("search"))
    sample = sample_log([(logged, ()) for logged in log], 10, 1)
    assert list(sample.left_out.values()) == [1, 2]
    (request,) = sample.requests
    assert (request.text, request.unit, request.weights) == ("shoe", "user:a", {"text": 2.0})
    assert request.page.exclude == ("b",)
    assert len(request.page.filter.conditions) == 1
    assert sample.lists == (("i",),)


def test_items_that_are_gone_are_left_out(folder, tmp_path):
    logged = [
        (
            Exposure(
                request_id=item, time=0.0, kind="similar", unit="user:a", arm="a@0",
                items=(ShownItem("drawn-00001", 1.0, {}),), context={"anchor": item},
            ),
            (Outcome(),),
        )
        for item in ("gone", "drawn-00003")
    ]  # fmt: skip
    write_table(tmp_path / "log.jsonl", [logged], [])
    comparison = body(folder, "--arm", folder / "text.toml", "--log", tmp_path / "log.jsonl")
    assert comparison["left_out"] == {"items that are not in the store": 1}
    assert comparison["contexts"] == 1
    assert comparison["differences"][0]["overlap"]["low"] is None  # of one unit no interval is known
    assert comparison["proxies"] == {}
    assert "one unit" in comparison["unfitted"]
    write_table(tmp_path / "gone.jsonl", [logged[:1]], [])
    error = body(folder, "--arm", folder / "text.toml", "--log", tmp_path / "gone.jsonl", status=1)["error"]
    assert error["code"] == "evaluation-error"
    assert "1 items that are not in the store" in error["message"]


def test_chance_is_left_out(folder, tmp_path):
    (tmp_path / "hot.toml").write_text("exploration = {temperature = 5.0}\n")
    comparison = body(folder, "--arm", tmp_path / "hot.toml", "--anchors", 10)
    assert comparison["differences"][0]["overlap"]["value"] == 1
    assert "without chance" in comparison["notes"][0]


def test_what_is_wrong_is_said(folder, tmp_path):
    def error(*words):
        return body(folder, *words, status=1)["error"]

    assert error()["code"] == "bad-arm"
    assert error("--arm", tmp_path / "none.toml")["code"] == "bad-arm"
    arm = ("--arm", folder / "text.toml")
    assert error(*arm, "--queries", tmp_path / "none.txt")["code"] == "evaluation-error"
    assert error(*arm, "--log", tmp_path / "none.parquet")["code"] == "history-error"
    (tmp_path / "empty.txt").write_text("\n")
    assert "no contexts" in error(*arm, "--queries", tmp_path / "empty.txt")["message"]
    assert error(*arm, "-n", 5000)["code"] == "bad-page"
