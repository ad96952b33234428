"""Files that other engines write and read."""

from __future__ import annotations

from urllib.parse import quote

import ir_measures
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.measures import measure_run
from vlclip.ranking.evaluation.retrieval.trec import read_qrels, read_run, write_run

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
rankings = st.lists(st.tuples(words, st.floats(-1e6, 1e6)), min_size=1, unique_by=lambda pair: pair[0])
ON_DISK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def write_qrels(path, qrels):
    """Judgements as another tool writes them, blanks and `%` as in URLs."""
    lines = [
        f"{quote(query)} 0 {quote(item)} {grade}\n"
        for query, items in qrels.items()
        for item, grade in items.items()
    ]
    path.write_text("".join(lines), encoding="utf-8")


@ON_DISK
@given(st.dictionaries(words, rankings, max_size=4))
def test_a_run_is_read_as_it_was_written(tmp_path, run):
    falling = {query: sorted(ranking, key=lambda pair: -pair[1]) for query, ranking in run.items()}
    write_run(tmp_path / "a.trec", falling, "our engine")
    assert read_run(tmp_path / "a.trec") == falling


@ON_DISK
@given(st.dictionaries(words, rankings, max_size=4))
def test_an_order_that_scores_do_not_follow_is_kept(tmp_path, run):
    write_run(tmp_path / "a.trec", run, "ours")
    back = read_run(tmp_path / "a.trec")
    assert {query: [item for item, _ in ranking] for query, ranking in back.items()} == {
        query: [item for item, _ in ranking] for query, ranking in run.items()
    }


@ON_DISK
@given(st.dictionaries(words, st.dictionaries(words, st.integers(-1, 4), min_size=1), max_size=4))
def test_judgements_are_read_as_they_were_written(tmp_path, qrels):
    write_qrels(tmp_path / "a.qrels", qrels)
    assert read_qrels(tmp_path / "a.qrels") == qrels


def test_blanks_are_written_as_in_urls_and_others_are_left_alone(tmp_path):
    write_run(tmp_path / "a.trec", {"phone case": [("50% ä", 1.5)]}, "ours")
    assert (tmp_path / "a.trec").read_text() == "phone%20case Q0 50%25%20ä 1 1.5 ours\n"
    (tmp_path / "b.trec").write_text("100%er Q0 x 1 2 other\n")
    assert read_run(tmp_path / "b.trec") == {"100%er": [("x", 2.0)]}


def test_items_come_by_score_and_then_by_rank(tmp_path):
    lines = ["q Q0 c 3 1.0 t", "q Q0 b 2 1.0 t", "", "q Q0 a 9 7.5 t"]
    (tmp_path / "a.trec").write_text("\n".join(lines))
    assert read_run(tmp_path / "a.trec") == {"q": [("a", 7.5), ("b", 1.0), ("c", 1.0)]}


def test_ir_measures_reads_our_files_and_finds_the_same(tmp_path):
    run = {"a b": [("x", 3.0), ("y", 2.0), ("z", 1.0)], "c": [("y", 1.0)]}
    qrels = {"a b": {"y": 2, "z": 1}, "c": {"x": 1}}
    write_run(tmp_path / "a.trec", run, "ours")
    write_qrels(tmp_path / "a.qrels", qrels)
    theirs = ir_measures.calc_aggregate(
        [ir_measures.nDCG @ 10],
        list(ir_measures.read_trec_qrels(str(tmp_path / "a.qrels"))),
        list(ir_measures.read_trec_run(str(tmp_path / "a.trec"))),
    )
    ours = measure_run(run, qrels, ["nDCG@10"])["nDCG@10"].mean()
    assert next(iter(theirs.values())) == pytest.approx(ours)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("q Q0 a 1 2 t\nq Q0 b 2", "line 2: 4 fields where 6 are needed: query Q0 item rank score tag"),
        ("q Q0 a 1 high t", "line 1: the score 'high' is not a number"),
        ("q Q0 a 1 nan t", "line 1: the score 'nan' is not a number"),
        ("q Q0 a first 1 t", "line 1: the rank 'first' is not a number"),
        ("q Q0 a 1 2 t\n\nq Q0 a 2 1 t", "line 3: 'a' stands twice for 'q'"),
    ],
)
def test_a_wrong_line_of_a_run_is_named(tmp_path, lines, message):
    (tmp_path / "a.trec").write_text(lines)
    with pytest.raises(EvaluationError, match=message):
        read_run(tmp_path / "a.trec")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("q 0 a", "line 1: 3 fields where 4 are needed"),
        ("q 0 a good", "line 1: the grade 'good' is not a number"),
        ("q 0 a 1\nq 0 a 2", "line 2: 'a' is judged twice for 'q'"),
    ],
)
def test_a_wrong_line_of_judgements_is_named(tmp_path, lines, message):
    (tmp_path / "a.qrels").write_text(lines)
    with pytest.raises(EvaluationError, match=message):
        read_qrels(tmp_path / "a.qrels")


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path):
    with pytest.raises(EvaluationError, match=r"none.trec cannot be read"):
        read_run(tmp_path / "none.trec")
    with pytest.raises(EvaluationError, match="cannot be written"):
        write_run(tmp_path / "no folder" / "a", {}, "t")
    (tmp_path / "bytes.trec").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_run(tmp_path / "bytes.trec")
