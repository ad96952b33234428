"""Ratings and queries, in the files they come in."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ranking.planted import PlantedEmbedder
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.judged import (
    answer_queries,
    count_unanswered,
    read_queries,
    read_ratings,
    texts_of,
)
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search

RATINGS = {"phone case": {"1": 3.0, "2": 0.0}, "tv": {"1": 1.0}}
ROWS = """{"query": "phone case", "item": 1, "rating": 3}

{"item": 1, "rating": 1, "query": "tv"}
{"rating": 0, "query": "phone case", "item": 2}
"""
ON_DISK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "query,product_id,rating\nphone case,1,3\nphone case,2,0\ntv,1,1\n"),
        ("a.csv", "\ufeffGrade,Query,SKU\n3,phone case,1\n1,tv,1\n0,phone case,2\n"),
        ("a.tsv", "query\titem\trelevance\nphone case\t1\t3\nphone case\t2\t0\ntv\t1\t1\n"),
        (
            "a.jsonl",
            ROWS,
        ),
        ("a.qrels", "phone%20case 0 1 3\nphone%20case 0 2 0\ntv 0 1 1\n"),
        ("qrels.txt", "\nphone%20case Q0 1 3\nphone%20case Q0 2 0\ntv Q0 1 1\n"),
    ],
)
def test_the_same_ratings_are_read_from_every_format(tmp_path, name, text):
    assert read_ratings(written(tmp_path, name, text)) == RATINGS


def test_raters_are_averaged_a_row_or_a_column_each(tmp_path):
    rows = "query,item,rating\ntv,1,3\ntv,1,2\ntv,2,0\ntv,1,0\n"
    assert read_ratings(written(tmp_path, "rows.csv", rows)) == {"tv": {"1": pytest.approx(5 / 3), "2": 0.0}}
    columns = "query,item,rating_1,rating_2,rating_3\ntv,1,3,2,\ntv,2,,,0\ntv,3,,,\nradio,4,,,\n"
    assert read_ratings(written(tmp_path, "columns.csv", columns)) == {"tv": {"1": 2.5, "2": 0.0}}


@ON_DISK
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(0, 3)), min_size=1),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_plays_no_part_and_a_grade_lies_between_its_ratings(tmp_path, ratings, random):
    def read(rows):
        lines = "".join(f"{query},{item},{rating}\n" for query, item, rating in rows)
        return read_ratings(written(tmp_path, "a.csv", "query,item,rating\n" + lines))

    grades = read(ratings)
    assert read(random.sample(ratings, len(ratings))) == grades
    for query, items in grades.items():
        for item, grade in items.items():
            own = [rating for *pair, rating in ratings if pair == [query, item]]
            assert min(own) <= grade <= max(own)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("query,product_id,stars\ntv,1,2\n", "no column for the rating; it has query, product_id, stars"),
        ("words,product_id,rating\ntv,1,2\n", "no column for the query"),
        ("query,product_id,rating\ntv,1,2\ntv,2,good\n", "line 3: rating is 'good', which is not a number"),
        ("query,product_id,rating\ntv,,2\n", "line 2: no value for 'product_id'"),
        ("query,product_id,rating\ntv,1\n", "line 2: not as many fields as the first line has"),
        ("query,product_id,rating\ntv,1,2,3\n", "line 2: not as many fields as the first line has"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(EvaluationError, match=message):
        read_ratings(written(tmp_path, "a.csv", text))


@pytest.mark.parametrize(
    ("line", "message"),
    [("{", "line 1: no JSON"), ("[1]", "line 1: no JSON object"), ('{"query": "tv"}', "no col")],
)
def test_a_wrong_line_of_json_is_named(tmp_path, line, message):
    with pytest.raises(EvaluationError, match=message):
        read_ratings(written(tmp_path, "a.jsonl", line))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(EvaluationError, match=r"none.csv cannot be read"):
        read_ratings(tmp_path / "none.csv")


def test_queries_have_ids_or_are_their_own(tmp_path):
    assert read_queries(written(tmp_path, "q.csv", "id,text\n7,tv\n8,radio\n")) == {"7": "tv", "8": "radio"}
    assert read_queries(written(tmp_path, "q.csv", "query_id,query\n7,tv\n")) == {"7": "tv"}
    assert read_queries(written(tmp_path, "q.csv", "query\ntv\n")) == {"tv": "tv"}
    assert read_queries(written(tmp_path, "q.txt", "tv\n\n red shoe \n")) == {
        "tv": "tv",
        "red shoe": "red shoe",
    }
    with pytest.raises(EvaluationError, match="line 3: '7' has another text above"):
        read_queries(written(tmp_path, "q.csv", "id,text\n7,tv\n7,radio\n"))


def test_every_judged_query_needs_a_text():
    assert texts_of(RATINGS, None) == {"phone case": "phone case", "tv": "tv"}
    assert texts_of({"7": {}}, {"7": "tv", "8": "radio"}) == {"7": "tv"}
    with pytest.raises(EvaluationError, match=r"1 of 2 judged queries are not among the queries.*'8'"):
        texts_of({"7": {}, "8": {}}, {"7": "tv"})


@pytest.mark.parametrize("weights", [{}, {"lexical": 0}, {"image": 0, "text": 0, "lexical": 1}])
def test_an_answer_begins_with_what_people_would_see_and_goes_on_without_repeating(store, weights):
    shop = Recommender(store, PlantedEmbedder, Search())
    texts = {"1": "red item", "2": "blue number7"}
    steps = []
    rankings = answer_queries(shop, texts, k=10, depth=60, weights=weights, progress=lambda: steps.append(1))
    for query, text in texts.items():
        ids = [item for item, _ in rankings[query]]
        assert ids[:10] == [hit.id for hit in shop.search(text, weights=weights, page=Page(limit=10))]
        assert len(set(ids)) == len(ids) >= 60
    assert len(steps) == 2


def test_what_was_not_answered_is_counted():
    assert count_unanswered({"tv": [("1", 1.0)], "phone case": []}, json.loads(json.dumps(RATINGS))) == 1
