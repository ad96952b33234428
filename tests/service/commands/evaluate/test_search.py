"""`vlclip evaluate search`, as a person and as a script sees it."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from vlclip.ranking.evaluation.retrieval.trec import read_run, write_run
from vlclip.service.cli import build

runner = CliRunner(env={"COLUMNS": "250"})


def run(*words, status=0):
    result = runner.invoke(build(), ["evaluate", "search", *[str(word) for word in words]])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


def body(*words, status=0):
    return json.loads(run(*words, "--json", status=status).stdout)


@pytest.fixture(scope="module")
def catalogue_ids(filled):
    """Ids of the store, as a plain search finds them."""
    words = ["search", "red dress", "--store", str(filled), "-n", "50", "--json"]
    return [hit["id"] for hit in json.loads(runner.invoke(build(), words).stdout)["results"]]


@pytest.fixture(scope="module")
def ratings(tmp_path_factory, catalogue_ids):
    """The first result of one query is right, the second wrong; of the other query nothing is right."""
    path = tmp_path_factory.mktemp("ratings") / "ratings.csv"
    first, second, *_ = catalogue_ids
    lines = [f"red dress,{first},3", f"red dress,{second},0", f"blue bag,{first},0", "blue bag,sold,0"]
    path.write_text("query,product_id,rating\n" + "\n".join(lines) + "\n")
    return path


def test_a_store_is_judged_by_ratings(filled, ratings):
    report = body("--ratings", ratings, "--store", filled)
    counts = {"queries": 2, "ratings": 4, "without_relevant": 1, "not_in_store": 1, "against": "default"}
    assert counts.items() <= report.items()
    (only,) = report["runs"]
    measures = only["measures"]
    assert list(measures) == [
        "nDCG@10", "nDCG@10 condensed", "MRR", "P@10", "R@10", "HITS@10", "AP", "Judged@10"
    ]  # fmt: skip
    # the one query with something right has it first; the other scores 0
    assert [measures[name]["value"] for name in ("nDCG@10", "nDCG@10 condensed", "MRR")] == [0.5, 0.5, 0.5]
    assert measures["P@10"]["value"] == pytest.approx(0.05)
    assert measures["MRR"]["low"] <= 0.5 <= measures["MRR"]["high"]
    assert measures["MRR"]["difference"] is None


def test_runs_stand_side_by_side_and_are_held_to_the_first(filled, ratings, tmp_path, catalogue_ids):
    (tmp_path / "bold.toml").write_text("[weights]\nlexical = 3.0\n")
    write_run(
        tmp_path / "other.trec", {"red dress": [(catalogue_ids[1], 2.0), (catalogue_ids[0], 1.0)]}, "other"
    )
    words = ("--ratings", ratings, "--store", filled, "--lexical", 0, "--arm", tmp_path / "bold.toml",
             "--run-in", tmp_path / "other.trec")  # fmt: skip
    report = body(*words)
    names = [run["name"] for run in report["runs"]]
    assert names == ["default", "lexical=0", "bold", "other"]
    other = report["runs"][3]
    assert other["unanswered"] == 1
    assert other["measures"]["MRR"]["value"] == 0.25  # second for one of two queries
    assert other["measures"]["MRR"]["difference"]["value"] == -0.25
    assert other["measures"]["MRR"]["difference"]["p_corrected"] == 1.0
    against = body(*words, "--against", "other")
    assert against["runs"][0]["measures"]["MRR"]["difference"]["value"] == 0.25
    assert against["runs"][3]["measures"]["MRR"]["difference"] is None


def test_a_written_run_is_judged_the_same_when_it_comes_back(filled, ratings, tmp_path):
    words = ("--ratings", ratings, "--store", filled)
    first = body(*words, "--lexical", 2, "--run-out", tmp_path / "ours.trec")
    assert {path.name for path in tmp_path.iterdir()} == {"ours.trec", "ours.lexical=2.trec"}
    back = body(*words, "--run-in", tmp_path / "ours.lexical=2.trec")
    assert back["runs"][1]["measures"]["AP"]["value"] == first["runs"][1]["measures"]["AP"]["value"]
    assert set(read_run(tmp_path / "ours.trec")) == {"red dress", "blue bag"}


def test_people_get_a_table_and_what_to_know_of_it(filled, ratings):
    text = run("--ratings", ratings, "--store", filled, "--lexical", 0, "--k", 5).stdout
    assert re.search(r"measure +default +lexical=0", text)
    assert re.search(r"nDCG@5 +0\.500 \(0\.000 to 1\.000\)", text)
    assert "nDCG@5 condensed: lexical=0 less default" in text
    assert "1 of the queries have no relevant item and score 0 in every run" in text
    assert "1 of 3 rated items are not in the store" in text


def test_queries_may_have_ids(filled, ratings, tmp_path, catalogue_ids):
    (tmp_path / "q.csv").write_text("id,text\n7,red dress\n8,never judged\n")
    (tmp_path / "r.qrels").write_text(f"7 0 {catalogue_ids[0]} 1\n")
    report = body("--ratings", tmp_path / "r.qrels", "--queries", tmp_path / "q.csv", "--store", filled)
    assert report["queries"] == 1
    assert report["runs"][0]["measures"]["MRR"]["value"] == 1.0


def test_the_same_ratings_give_the_same_figures_in_every_shape(filled, tmp_path, catalogue_ids):
    first, second, *_ = catalogue_ids
    shapes = {
        "esci.csv": f"query,query_id,product_id,esci_label\nred dress,7,{first},E\nred dress,7,{second},I\n",
        "wands.csv": f"id,query_id,product_id,label\n0,7,{first},Exact\n1,7,{second},Irrelevant\n",
        "beir.tsv": f"query-id\tcorpus-id\tscore\n7\t{first}\t1\n7\t{second}\t0\n",
        "qrels.tsv": f"7\t0\t{first}\t1\n7\t0\t{second}\t0\n",
        "semi.csv": f"query;item;grade\nred dress;{first};1,0\nred dress;{second};0,0\n",
        "quepid.csv": f"query,docid,rating\nred dress,{first},1\nred dress,{second},0\nblue bag,,\n",
    }
    (tmp_path / "queries.tsv").write_text("7\tred dress\n")
    runs = []
    for name, text in shapes.items():
        (tmp_path / name).write_text(text)
        is_by_id = name in {"wands.csv", "beir.tsv", "qrels.tsv"}
        words = ("--queries", tmp_path / "queries.tsv") if is_by_id else ()
        report = body("--ratings", tmp_path / name, "--store", filled, *words)
        runs.append(report["runs"])
        assert report["columns"]
        assert report["rows_left_out"] == ({"queries without a rated item": 1} if "quepid" in name else {})
        if is_by_id:
            refused = body("--ratings", tmp_path / name, "--store", filled, status=1)
            assert "give the file that has their texts with --queries" in refused["error"]["message"]
    assert all(run == runs[0] for run in runs)


def test_columns_and_words_can_be_said(filled, tmp_path, catalogue_ids):
    (tmp_path / "r.csv").write_text(f"wort,ware,urteil\nred dress,{catalogue_ids[0]},gut\n")
    words = ("--ratings", tmp_path / "r.csv", "--store", filled)
    assert "--map query=COLUMN" in body(*words, status=1)["error"]["message"]
    words += ("--map", "query=wort", "--map", "item=ware", "--map", "rating=urteil")
    assert "--grade gut=NUMBER" in body(*words, status=1)["error"]["message"]
    text = run(*words, "--grade", "gut=1").stdout
    assert "read: query ← wort, item ← ware, rating ← urteil" in text


def test_what_is_relevant_can_be_said(filled, ratings):
    assert body("--ratings", ratings, "--store", filled, "--relevant", 4)["without_relevant"] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--against", "stroe"], "no run is called 'stroe'; there are: default"),
        (["--weights", "imag=1"], "no weight named 'imag' here"),
        (["--lexical", "-1"], "lexical=-1.0 must be a number from 0 to 1,000,000"),
        (["--lexical", "1", "--lexical", "1.0"], "two runs are called 'lexical=1'"),
        (["--arm", "none.toml"], "none.toml cannot be read"),
        (["--run-in", "none.trec"], "none.trec cannot be read"),
        (["--queries", "none.csv"], "none.csv cannot be read"),
    ],
)
def test_a_slip_is_answered_with_what_there_is(filled, ratings, words, message):
    report = body("--ratings", ratings, "--store", filled, *words, status=1)
    assert message in report["error"]["message"]


def test_without_a_store_it_is_said_how_to_make_one(ratings, tmp_path):
    assert "error" in body("--ratings", ratings, "--store", tmp_path / "none", status=1)


def test_an_option_that_does_not_exist_is_refused(ratings):
    result = runner.invoke(build(), ["evaluate", "search", "--ratings", str(ratings), "--wieghts", "a=1"])
    assert result.exit_code == 2
