"""`vlclip fit-weights`, as a person and as a script sees it, on a log whose truth is known."""

from __future__ import annotations

import json
from time import time

import pytest
from typer.testing import CliRunner

from tests.ranking.clicking import clicked_rows
from vlclip.ranking.experiments.experiment import read_experiment
from vlclip.ranking.experiments.exposure import Exposure, ShownItem
from vlclip.ranking.experiments.log import SqliteExposures, exposures_path
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.opening import open_history
from vlclip.ranking.lists.arm import Arm, arm_of, read_arm
from vlclip.service.cli import build
from vlclip.service.settings import Settings

runner = CliRunner(env={"COLUMNS": "200"})
NOW = time() - 86_400
PLAIN = Arm()
SUM = 1.3
"""Of the segments' weights in force, 1 and 0.3."""
WEIGHTS = {"image": 1.0, "text": 0.3, "history": 0.5 / SUM, "lexical": 1.0}


def log_lists(folder, true, *, arm=PLAIN, third="history", temperature=0.0, experiment="", lists=500):
    """Lists of ten by photo, text and a third part; shoppers click by `true`."""
    settings = Settings.load(store=str(folder))
    rows = clicked_rows(true, (1.0, 0.3, 0.5), lists=lists, temperature=temperature, seed=11)
    log, history = SqliteExposures(exposures_path(settings)), open_history(settings)
    weights = WEIGHTS | ({} if third == "history" else {"history": 0.0})
    exposures, events = [], []
    for number in range(lists):
        at = slice(10 * number, 10 * number + 10)
        parts = [
            dict(zip(("image", "text", third), row, strict=True))
            for row in (rows.features[at] * rows.target).tolist()
        ]
        user = f"u{number % 200}"
        exposures.append(
            Exposure(
                request_id=f"{experiment}{number}", time=NOW + number, kind="similar", unit=f"user:{user}",
                arm=f"{arm.id}@{arm.hash}", experiment=experiment, temperature=temperature,
                items=tuple(
                    ShownItem(f"i{n}", sum(scores.values()), scores) for n, scores in enumerate(parts)
                ),
                context={"weights": weights, "strategy": "content"},
            )
        )  # fmt: skip
        events += [
            Event(
                id=f"{experiment}{number}-{n}", kind="click", item=f"i{n}", time=NOW + number, user=user,
                request_id=f"{experiment}{number}",
            )
            for n in range(10) if rows.clicked[at][n]
        ]  # fmt: skip
    log.add(exposures)
    history.add(events)
    log.close()
    history.close()
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A log of shoppers to whom the text says three times as much as the photo."""
    return log_lists(tmp_path_factory.mktemp("clicks") / "store", (3.0, 9.0, 2.0))


def run(*words, status=0):
    result = runner.invoke(build(), ["fit-weights", *[str(word) for word in words]])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


def body(*words, status=0):
    return json.loads(run(*words, "--json", status=status).stdout)


def test_an_arm_is_written_that_an_experiment_takes(store, tmp_path):
    report = body(tmp_path / "text.toml", "--store", store, "--id", "by-clicks")
    assert report["is_better"]
    assert report["written"] == str(tmp_path / "text.toml")
    arm = read_arm(tmp_path / "text.toml")
    assert report["arm"] == f"by-clicks@{arm.hash}"
    # of 1.3, three parts to one; the history's 2 are over the segments' sum, which scales it
    assert arm.weights["image"] == pytest.approx(SUM / 4, abs=0.15)
    assert arm.weights["text"] == pytest.approx(SUM * 3 / 4, abs=0.15)
    assert arm.weights["image"] + arm.weights["text"] == pytest.approx(SUM, abs=0.001)
    assert arm.weights["history"] == pytest.approx(2 / 12, abs=0.08)
    assert arm.weights["lexical"] == 1.0
    assert report["unlearned"] == {"lexical": "it does not vary within any list"}
    assert (report["lists"], report["shoppers"], report["shown"]) == (500, 200, 5000)
    assert report["figures"]["log_loss"]["difference"]["high"] < 0
    assert report["examination"]["similar"]["1"] == 1
    plan = tmp_path / "plan.toml"
    plan.write_text('id = "e"\n[[arms]]\nid = "plain"\nshare = 1\n[[arms]]\nfile = "text.toml"\nshare = 1\n')
    assert read_experiment(plan).arms[1] == arm


def test_the_file_says_where_it_comes_from(store, tmp_path):
    file = tmp_path / "learned.toml"
    printed = run(file, "--store", store, "--since", "2020-01-01").stdout
    assert "the learned weights are better than those in force" in printed
    assert "no list had chance in its order" in printed
    assert f"written: {file}" in printed
    text = file.read_text()
    command, counts, arms, force, *_ = text.splitlines()
    assert command.startswith(f"# vlclip fit-weights {file} --store {store} --since '2020-01-01 00:00:00'")
    assert counts.startswith("# 500 lists, 200 shoppers, 5,000 shown, ")
    assert arms == f"# lists by arm: default@{PLAIN.hash} 500"
    assert force == "# in force: history 0.3846, image 1, lexical 1, text 0.3"
    assert "log-loss" in text
    assert read_arm(file).id.startswith("learned-20")


def test_what_is_no_better_is_not_written_unless_forced(tmp_path):
    store = log_lists(tmp_path / "store", (6.0, 1.8, 3.0))
    file = tmp_path / "arm.toml"
    printed = run(file, "--store", store, status=1).stdout
    assert "not shown to be better" in printed
    assert "nothing is written" in printed
    assert not file.exists()
    report = body(file, "--store", store, "--force")
    assert not report["is_better"]
    assert report["written"] == str(file)
    assert read_arm(file).weights["image"] == pytest.approx(1.0, abs=0.1)


def test_a_boost_is_learned_of_an_arm_that_is_named(tmp_path):
    form = {
        "id": "sold",
        "weights": {"text": 0.3},
        "rules": {"boosts": [{"field": "sold", "weight": 0.5}]},
        "exploration": {"temperature": 0.2},
    }
    arm = arm_of(form, "test")
    base = tmp_path / "sold.toml"
    base.write_text(
        'id = "sold"\nweights = {text = 0.3}\nexploration = {temperature = 0.2}\n'
        '[[rules.boosts]]\nfield = "sold"\nweight = 0.5\n'
    )
    assert read_arm(base) == arm
    store = log_lists(tmp_path / "store", (3.0, 9.0, 2.0), arm=arm, third="boost.sold", temperature=0.2)
    report = body(tmp_path / "new.toml", "--store", store, "--arm", base)
    assert report["explored"] == 1
    assert not any("chance" in remark for remark in report["remarks"])
    new = read_arm(tmp_path / "new.toml")
    assert new.rules.boosts[0].weight == pytest.approx(SUM * 2 / 12, abs=0.08)
    assert new.exploration == arm.exploration
    body(tmp_path / "kept.toml", "--store", store, "--arm", base, "--keep-boosts")
    assert read_arm(tmp_path / "kept.toml").rules == arm.rules


def test_an_experiments_lists_and_arms_are_taken(tmp_path, monkeypatch):
    plan = tmp_path / "plan.toml"
    plan.write_text('id = "e"\n[[arms]]\nid = "first"\nshare = 1\ndiversity = {amount = 0.1}\n')
    (first,) = read_experiment(plan).arms
    store = log_lists(tmp_path / "store", (3.0, 9.0, 2.0), arm=first, experiment="e")
    log_lists(store, (9.0, 0.0, 2.0), lists=10)
    file = tmp_path / "arm.toml"
    assert body(file, "--store", store, "--experiment", plan)["lists"] == 500
    assert read_arm(file).diversity == first.diversity
    monkeypatch.setenv("VLCLIP_EXPERIMENT", str(plan))
    assert body(file, "--store", store)["lists"] == 510
    assert read_arm(file).diversity == first.diversity


def test_what_cannot_be_done_says_why(store, tmp_path):
    def error(*words):
        return body(*words, status=1)["error"]

    file = tmp_path / "arm.toml"
    assert error(tmp_path / "arm.json", "--store", store)["code"] == "bad-arm"
    assert error(file, "--store", store, "--id", "two words")["code"] == "bad-arm"
    assert error(file, "--store", tmp_path / "none")["code"] == "history-error"
    assert error(file, "--store", store, "--since", "2999-01-01")["code"] == "evaluation-error"
    assert "cannot be written" in error(tmp_path / "no" / "arm.toml", "--store", store)["message"]
    few = log_lists(tmp_path / "few", (3.0, 9.0, 2.0), lists=30)
    assert "too few" in error(file, "--store", few)["message"]
    assert not file.exists()
