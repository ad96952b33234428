"""`vlclip evaluate sessions`, as a person and as a script sees it."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from vlclip.service.cli import build

runner = CliRunner(env={"COLUMNS": "250"})


def run(*words, status=0):
    result = runner.invoke(build(), ["evaluate", "sessions", *[str(word) for word in words]])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


def body(*words, status=0):
    return json.loads(run(*words, "--json", status=status).stdout)


@pytest.fixture(scope="module")
def histories(tmp_path_factory, filled):
    """Twelve users of a few items each, one of whom wants what is not there."""
    words = ["search", "red dress", "--store", str(filled), "-n", "50", "--json"]
    ids = [hit["id"] for hit in json.loads(runner.invoke(build(), words).stdout)["results"]]
    users = {f"u{n}": ids[n : n + 2 + n % 3] for n in range(11)}
    path = tmp_path_factory.mktemp("histories") / "histories.json"
    path.write_text(json.dumps({**users, "late": [ids[0], "sold"]}))
    return path


def test_recommendations_are_judged_beside_what_they_have_to_beat(filled, histories):
    report = body(histories, "--store", filled)
    assert (report["users"], report["items"], report["left_out"]) == (11, 60, 1)
    assert [run["name"] for run in report["runs"]] == ["default", "newest item", "popular"]
    for run in report["runs"]:
        assert list(run["measures"]) == [
            "HITS@10", "nDCG@10", "MRR@100", "novelty@10", "diversity@10", "popularity@10"
        ]  # fmt: skip
        assert 10 / 60 <= run["coverage"] <= 1
        assert 0 <= run["gini"] < 1
        assert sum(cut["n"] for cut in run["by_item"]) == sum(cut["n"] for cut in run["by_user"]) == 11
    default, newest, popular = report["runs"]
    assert default["measures"]["HITS@10"]["difference"] is None
    for run in (newest, popular):
        assert 0 < run["measures"]["HITS@10"]["difference"]["p_corrected"] <= 1
    assert popular["coverage"] < newest["coverage"]
    assert popular["measures"]["popularity@10"]["value"] > newest["measures"]["popularity@10"]["value"]


def test_an_arm_that_hides_nothing_else_of_one_event_is_the_newest_item(filled, histories, tmp_path):
    (tmp_path / "last.toml").write_text("[profile]\nevents = 1\n[rules]\nhide_history = false\n")
    report = body(
        histories, "--store", filled, "--arm", tmp_path / "last.toml", "--against", "last", "--users", 4
    )
    assert report["users"] == 4
    names = [run["name"] for run in report["runs"]]
    assert names == ["default", "last", "newest item", "popular"]
    assert report["runs"][1]["measures"]["HITS@10"]["difference"] is None


def test_people_get_tables(filled, histories):
    text = run(histories, "--store", filled, "--k", 5).stdout
    assert re.search(r"measure +default +newest item +popular", text)
    assert re.search(r"coverage@5 +0\.\d{3} +0\.\d{3} +0\.\d{3}", text)
    assert re.search(r"HITS@5, wanted item taken before", text)
    assert "nDCG@5: popular less default" in text
    assert "1 users are left out: their last item is not in the store" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--against", "newest"], "no run is called 'newest'; there are: default, newest item, popular"),
        (["--weights", "txet=1"], "no weight named 'txet' here"),
        (["--arm", "none.toml"], "none.toml cannot be read"),
    ],
)
def test_a_slip_is_answered_with_what_there_is(filled, histories, words, message):
    assert message in body(histories, "--store", filled, *words, status=1)["error"]["message"]


def test_arms_need_names_of_their_own(filled, histories, tmp_path):
    (tmp_path / "a.toml").write_text('id = "default"\n')
    report = body(histories, "--store", filled, "--arm", tmp_path / "a.toml", status=1)
    assert "two runs are called 'default'" in report["error"]["message"]


def test_histories_of_another_catalogue_are_refused(filled, tmp_path):
    (tmp_path / "other.json").write_text('{"u": ["x", "y"]}')
    report = body(tmp_path / "other.json", "--store", filled, status=1)
    assert "no user's last item is in the store" in report["error"]["message"]


def written_rows(histories, template, path, header):
    """One row for each item, from the last to the first, so that only a time says the order."""
    users = json.loads(histories.read_text())
    rows = [
        template.format(user=user, item=item, minute=place, ms=place * 1000)
        for user, items in users.items()
        for place, item in enumerate(items)
    ]
    path.write_text("\n".join([header, *reversed(rows)]) + "\n")
    return path


SHAPES = {
    "event_time,event_type,product_id,price,user_id,user_session":
        "2019-10-01 00:{minute:02}:00 UTC,view,{item},1.0,{user},s{user}",
    "sessionId,userId,itemId,timeframe,eventdate": "{user},NA,{item},{ms},2016-05-09",
    "timestamp;visitorid;event;itemid": "14700000000{minute:02}000;{user};view;{item}",
}  # fmt: skip


@pytest.mark.parametrize("header", SHAPES)
def test_the_same_sessions_give_the_same_figures_in_every_shape(filled, histories, tmp_path, header):
    truth = body(histories, "--store", filled)
    path = written_rows(histories, SHAPES[header], tmp_path / "sessions.csv", header)
    report = body(path, "--store", filled)
    assert report.pop("columns") != truth.pop("columns")
    assert report == truth


def test_columns_are_named_and_a_time_that_nobody_named_is_refused(filled, histories, tmp_path):
    path = written_rows(
        histories, "{user},{item},2016-05-09 00:{minute:02}", tmp_path / "s.csv", "wer,item,wann"
    )
    message = body(path, "--store", filled, "--map", "user=wer", status=1)["error"]["message"]
    assert "s.csv: 'wann' may be the time; say which column it is with --map time=wann" in message
    mapping = ("--map", "user=wer", "--map", "time=wann")
    text = run(path, "--store", filled, *mapping).stdout
    assert "user ← wer" in text
    assert "time ← wann" in text
    assert body(path, "--store", filled, *mapping)["runs"] == body(histories, "--store", filled)["runs"]


def test_rows_without_a_user_are_counted(filled, histories, tmp_path):
    path = written_rows(histories, "{user},{item}", tmp_path / "s.csv", "user,item")
    path.write_text(path.read_text() + "NA,drawn-00001\n,drawn-00002\n")
    assert body(path, "--store", filled)["rows_left_out"] == {"no user": 2}
    assert "left out: 2 rows with no user" in run(path, "--store", filled).stdout
