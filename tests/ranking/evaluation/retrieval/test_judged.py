"""Ratings and queries, in the files they come in."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ranking.planted import PlantedEmbedder
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.judged import (
    Ratings,
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
        ("qrels.tsv", "phone case\t0\t1\t3\nphone case\t0\t2\t0\ntv\t0\t1\t1\n"),
        ("a.csv", "phone case,0,1,3\nphone case,0,2,0\ntv,0,1,1\n"),
        ("a.csv", "phone case;1;3,0\nphone case;2;0,0\ntv;1;1,0\n"),
        ("a.csv", "query;item;grade\nphone case;1;3,0\nphone case;2;0,0\ntv;1;1,0\n"),
        ("a.csv", "sep=;\nquery;item;grade\nphone case;1;3\nphone case;2;0\ntv;1;1\n"),
        (
            "a.json",
            json.dumps(
                [
                    {"query": query, "item": int(item), "rating": rating}
                    for query, items in RATINGS.items()
                    for item, rating in items.items()
                ]
            ),
        ),
    ],
)
def test_the_same_ratings_are_read_from_every_format(tmp_path, name, text):
    assert read_ratings(written(tmp_path, name, text)).qrels == RATINGS


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", "query,item,rating\nRöcke,p,2\n"), ("b.txt", "Röcke 0 p 2\n"), ("c.tsv", "Röcke\tp\t2\n")],
)
def test_ratings_in_another_encoding_are_read_once_that_is_named(tmp_path, name, text):
    (tmp_path / name).write_bytes(text.encode("cp1252"))
    with pytest.raises(EvaluationError, match="--encoding cp1252"):
        read_ratings(tmp_path / name)
    assert read_ratings(tmp_path / name, encoding="cp1252").qrels == {"Röcke": {"p": 2.0}}
    (tmp_path / "q.txt").write_bytes("Röcke\n".encode("cp1252"))
    assert read_queries(tmp_path / "q.txt", encoding="cp1252") == {"Röcke": "Röcke"}


def test_raters_are_averaged_a_row_or_a_column_each(tmp_path):
    rows = "query,item,rating\ntv,1,3\ntv,1,2\ntv,2,0\ntv,1,0\n"
    assert read_ratings(written(tmp_path, "rows.csv", rows)).qrels == {
        "tv": {"1": pytest.approx(5 / 3), "2": 0.0}
    }
    columns = "query,item,rating_1,rating_2,rating_3\ntv,1,3,2,\ntv,2,,,0\ntv,3,,,\nradio,4,,,\n"
    source = read_ratings(written(tmp_path, "columns.csv", columns))
    assert source.qrels == {"tv": {"1": 2.5, "2": 0.0}}
    assert source.left_out == {"items without a rating": 2, "queries without a rated item": 1}
    assert "rating ← rating_1, then rating_2, then rating_3" in source.columns


@ON_DISK
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(0, 3)), min_size=1),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_plays_no_part_and_a_grade_lies_between_its_ratings(tmp_path, ratings, random):
    def read(rows):
        lines = "".join(f"{query},{item},{rating}\n" for query, item, rating in rows)
        return read_ratings(written(tmp_path, "a.csv", "query,item,rating\n" + lines)).qrels

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
        (
            "query,product_id,rating\ntv,1,2\ntv,2,good\n",
            "'good', which is not a number as others are",
        ),
        ("query,product_id,rating\ntv,,2\n", "line 2: no value for 'product_id'"),
        ("query,product_id,rating\n,1,2\n", "line 2: no value for 'query'"),
        ("query,product_id,rating\nNA,1,2\n", "line 2: no value for 'query'"),
        ("query,product_id,rating\ntv,1\n", "line 2: the row has 2 fields, the header 3"),
        ("query,product_id,rating\ntv,1,2,3\n", "line 2: the row has 4 fields, the header 3"),
        ("query,product_id,rating\ntv,1,NA\n", "holds no ratings"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(EvaluationError, match=message):
        read_ratings(written(tmp_path, "a.csv", text))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: the line is not JSON"),
        ("[1]", "line 1: .* not a JSON object"),
        ('{"query": "tv"}', "no col"),
    ],
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
    assert read_queries(written(tmp_path, "q.jsonl", '{"_id": "7", "text": "tv", "metadata": {}}\n')) == {
        "7": "tv"
    }
    assert read_queries(written(tmp_path, "q.tsv", "7\ttv set\n8\tradio\n")) == {"7": "tv set", "8": "radio"}
    assert read_queries(written(tmp_path, "q.csv", "nr;wort\n7;tv\n"), ["id=nr", "text=wort"]) == {"7": "tv"}
    assert read_queries(written(tmp_path, "q.txt", "tv\n\n red shoe \n")) == {
        "tv": "tv",
        "red shoe": "red shoe",
    }
    with pytest.raises(EvaluationError, match="line 3: '7' has another text above"):
        read_queries(written(tmp_path, "q.csv", "id,text\n7,tv\n7,radio\n"))


def test_every_judged_query_needs_a_text():
    judged = Ratings(RATINGS, "", {})
    assert texts_of(judged, None) == {"phone case": "phone case", "tv": "tv"}
    assert texts_of(Ratings({"7": {}}, "", {}), {"7": "tv", "8": "radio"}) == {"7": "tv"}
    with pytest.raises(EvaluationError, match=r"1 of 2 judged queries are not among the queries.*'8'"):
        texts_of(Ratings({"7": {}, "8": {}}, "", {}), {"7": "tv"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("beir.tsv", "query-id\tcorpus-id\tscore\n7\tp\t2\n"),
        ("wands.csv", "id,query_id,product_id,label\n0,7,p,Exact\n"),
        ("qrels.tsv", "7\t0\tp\t2\n"),
        ("qrels.txt", "7 0 p 2\n"),
    ],
)
def test_ids_of_queries_are_not_searched_for_as_words(tmp_path, name, text):
    judged = read_ratings(written(tmp_path, name, text))
    assert list(judged.qrels) == ["7"]
    with pytest.raises(EvaluationError, match=r"queries by ids, such as '7'; give the file .* --queries"):
        texts_of(judged, None)
    assert texts_of(judged, {"7": "tv"}) == {"7": "tv"}


QUERY_IDS = st.lists(
    st.from_regex(r"(q|Q|PLAIN-|test_|topic)?[0-9]{1,4}(-[a-f]{1,3})?", fullmatch=True),
    min_size=1,
    max_size=4,
    unique=True,
)
FORMS = {"a.txt": "{} 0 p 1\n", "a.tsv": "{}\t0\tp\t1\n", "a.csv": "{},p,1\n", "b.csv": "{},0,p,1\n"}


@ON_DISK
@given(ids=QUERY_IDS, form=st.sampled_from(sorted(FORMS)), word=st.sampled_from(["", "lamp", "red%20shoe"]))
def test_queries_that_are_ids_need_texts_whatever_they_look_like(tmp_path, ids, form, word):
    queries = [*ids, *([word] if word and (form == "a.txt" or "%" not in word) else [])]
    judged = read_ratings(written(tmp_path, form, "".join(map(FORMS[form].format, queries))))
    if len(queries) > len(ids):  # the file has texts, such as "rtx3080" beside "lamp"
        assert texts_of(judged, None) == {query: query for query in judged.qrels}
    else:
        with pytest.raises(EvaluationError, match=r"by ids, such as .* --queries"):
            texts_of(judged, None)
    assert texts_of(judged, dict.fromkeys(judged.qrels, "lamp")) == dict.fromkeys(judged.qrels, "lamp")


def test_a_table_with_ids_and_texts_is_read_by_either(tmp_path):
    path = written(tmp_path, "esci.csv", "query,query_id,product_id,esci_label\ntv,7,p,E\ntv,7,q,I\n")
    assert read_ratings(path).qrels == {"tv": {"p": 1.0, "q": 0.0}}
    assert read_ratings(path, by_id=True).qrels == {"7": {"p": 1.0, "q": 0.0}}
    assert "E = 1, I = 0" in read_ratings(path).columns
    assert "not used: query_id" in read_ratings(path).columns


def test_a_mapping_and_grades_say_what_names_do_not(tmp_path):
    path = written(tmp_path, "a.csv", "wort;ware;urteil\ntv;p;gut\ntv;q;schlecht\n")
    with pytest.raises(EvaluationError, match="for the query and the item and the rating; it has wort, ware"):
        read_ratings(path)
    mapping = ["query=wort", "item=ware", "rating=urteil"]
    with pytest.raises(EvaluationError, match="--grade gut=NUMBER"):
        read_ratings(path, mapping)
    judged = read_ratings(path, mapping, ["gut=2", "schlecht=0"])
    assert judged.qrels == {"tv": {"p": 2.0, "q": 0.0}}


def test_a_query_without_documents_is_counted(tmp_path):
    path = written(tmp_path, "quepid.csv", "query,docid,rating\ntv,p,3\ntv,q,\nradio,,\n")
    judged = read_ratings(path)
    assert judged.qrels == {"tv": {"p": 3.0}}
    assert judged.left_out == {"items without a rating": 1, "queries without a rated item": 1}


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
