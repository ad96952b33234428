"""`vlclip replay`, as a person and as a script sees it."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from tests.ranking.evaluation.replay.test_open_bandit import write
from vlclip.service.cli import build

runner = CliRunner(env={"COLUMNS": "200"})
LOGGING = "[exploration]\ntemperature = 0.1\ndepth = 20\n"


@pytest.fixture(scope="module")
def shop(filled, tmp_path_factory):
    """A store of its own, since a store is one process's at a time, and a log of it."""
    folder = tmp_path_factory.mktemp("replayed")
    shutil.copytree(filled, folder / "store")
    (folder / "logging.toml").write_text(LOGGING)
    (folder / "words.toml").write_text("weights = {image = 0.7, text = 1.3}\n" + LOGGING)
    (folder / "plan.toml").write_text(
        'id = "plan"\n[[arms]]\nshare = 1\nfile = "logging.toml"\n[[arms]]\nshare = 1\nfile = "words.toml"\n'
    )
    words = ["simulate", str(folder / "log.parquet"), "--store", str(folder / "store")]
    words += ["--arm", str(folder / "logging.toml"), "--lists", "300", "--shoppers", "60"]
    result = runner.invoke(build(), words)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def bandit(tmp_path):
    return write(tmp_path / "men")


def run(*words, status=0):
    result = runner.invoke(build(), ["replay", *[str(word) for word in words]])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


def test_two_arms_are_judged_and_the_page_is_written(shop, tmp_path):
    report = json.loads(
        run(
            shop / "log.parquet", "--store", shop / "store", "--arm", shop / "logging.toml",
            "--arm", shop / "words.toml", "--html", tmp_path / "report.html", "--json",
        ).stdout
    )  # fmt: skip
    assert [arm["arm"].partition("@")[0] for arm in report["arms"]] == ["logging", "words"]
    same = report["arms"][0]
    by = {each["estimator"]: each for each in same["estimates"]}
    assert by["snrips"]["value"] == pytest.approx(report["observed"]["value"])
    assert set(by) == {"sips", "snsips", "rips", "snrips", "iips", "sniips", "cascade_dr"}
    assert report["lists"] == 300
    page = (tmp_path / "report.html").read_text()
    assert "<svg" in page
    assert "words" in page


def test_a_person_sees_an_answer_first_and_every_estimator_if_asked(shop):
    common = (shop / "log.parquet", "--store", shop / "store", "--arm", shop / "words.toml", "--no-model")
    short, long = run(*common).stdout, run(*common, "--all").stdout
    assert "clicks per list" in short.splitlines()[0]
    assert "snsips" not in short
    assert "snsips" in long
    assert "cascade_dr" not in long


def test_other_rewards_are_counted(shop):
    common = (shop / "log.parquet", "--store", shop / "store", "--arm", shop / "words.toml", "--no-model")
    report = json.loads(run(*common, "--reward", "value", "--json").stdout)
    assert report["reward"] == "value"
    assert report["observed"]["value"] != pytest.approx(report["clicks"] / report["lists"])


def test_shares_that_were_not_kept_are_found(shop):
    common = (shop / "log.parquet", "--store", shop / "store", "--arm", shop / "words.toml", "--no-model")
    report = json.loads(run(*common, "--experiment", shop / "plan.toml", "--json").stdout)
    # the log is of one arm alone
    assert report["arms"][0]["level"] == "refused"
    assert "dealt" in {each["code"] for each in report["arms"][0]["verdict"]["findings"]}


def test_an_open_bandit_log_is_asked_for_targets(bandit):
    report = json.loads(run(bandit, "--target", "uniform", "--target", bandit, "--no-model", "--json").stdout)
    assert [arm["arm"] for arm in report["arms"]] == ["uniform", f"{bandit.parent.name}/men"]
    assert report["per"] == "choice"
    # two rows are too few for anything
    assert report["answer"]["level"] == "refused"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "--arm FILE.toml"),
        (["--target", "uniform"], "name arms, not targets"),
        (["--arm", "nowhere.toml"], "cannot be read"),
        (["--arm", "{}/words.toml", "--arm", "{}/words.toml"], "leave one out"),
        (["--arm", "{}/words.toml", "--exists-since", "no_such"], "no_such"),
    ],
)
def test_what_cannot_be_asked_is_told_in_a_sentence(shop, words, says):
    words = [word.format(shop) for word in words]
    result = run(shop / "log.parquet", "--store", shop / "store", *words, status=1)
    assert says in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_a_log_that_is_none_is_told(shop, tmp_path):
    (tmp_path / "log.jsonl").write_text("{nothing")
    result = run(tmp_path / "log.jsonl", "--arm", shop / "words.toml", "--store", shop / "store", status=1)
    assert "no table of exposures" in result.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [([], "--target uniform"), (["--target", "nowhere"], "no log"), (["--arm", "a"], "arms")],
)
def test_open_bandit_logs_know_targets_alone(bandit, words, says):
    assert says in " ".join(run(bandit, *words, status=1).stderr.split())
