"""Queries and people's ratings of their results, read from files, and answers to these queries.

Ratings are a table with a column each for query, item and rating, or TREC judgements. Columns are guessed by
name, and several raters, a row or a column each, are averaged.

Laws (tests/ranking/evaluation/retrieval/test_judged.py):
- neither the order of rows and columns nor the file format changes what is read;
- a grade lies between the lowest and the highest rating of its pair;
- a query that the file names has grades, or is counted as left out;
- ids of queries are never searched for as words;
- an error names the line of a wrong row.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlclip.engine.errors import TableError
from vlclip.engine.tables.lines import read_whole
from vlclip.ranking.errors import BadTable, EvaluationError
from vlclip.ranking.evaluation.retrieval.grades import choose_scale, parse_grades
from vlclip.ranking.evaluation.retrieval.measures import Ranking, Run
from vlclip.ranking.evaluation.retrieval.trec import is_qrels, read_qrels
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import PLAIN, Recommender
from vlclip.ranking.tables.cells import identifier, is_absent, number
from vlclip.ranking.tables.columns import (
    Columns,
    Guess,
    choose_columns,
    need_columns,
    parse_mapping,
    plain,
)
from vlclip.ranking.tables.table import Table, first_cells, open_table

QUERY = ("query", "querytext", "searchterm", "searchquery", "search", "keyword", "keywords", "q", "term")
QUERY_ID = ("queryid", "qid")
RATINGS = (
    Guess("query", QUERY + QUERY_ID),
    Guess("item", (
        "productid", "itemid", "corpusid", "item", "product", "sku", "asin", "docid", "doc", "documentid",
        "articleid", "article", "id",
    )),
    Guess("rating", (
        "rating", "ratings", "grade", "escilabel", "relevance", "relevancelabel", "label",
        "judgment", "judgement", "score", "gain", "rel",
    )),
)  # fmt: skip
"""The fields of a rating, with the names of columns that mean them."""
HEADERLESS = (("query", "item", "rating"), ("query", "iteration", "item", "rating"))
"""The columns of ratings without a header, by their number."""
_WORDS = re.compile(r"[^\W\d_]{2,}|.*[^\W\d_].*\s.*|.*\s.*[^\W\d_].*")
"""A query of words: a word without digits, or several parts with blanks between them."""
QUERIES = (Guess("id", (*QUERY_ID, "id")), Guess("text", ("text", *QUERY)))
"""The fields of a query, for files of texts."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """The mean grade of every judged item of every query; `columns` says what was read.

    `left_out` counts rows and queries that have no grade, by the reason. `has_texts` is whether the queries
    are texts, not ids of texts.
    """

    qrels: Mapping[str, Mapping[str, float]]
    columns: str
    left_out: Mapping[str, int]
    has_texts: bool = True


def read_ratings(
    path: Path,
    mapping: Sequence[str] = (),
    grades: Iterable[str] = (),
    *,
    encoding: str = "",
    by_id: bool = False,
) -> Ratings:
    """The ratings in a file. `mapping` are `field=column`, `grades` are `word=number` options.

    `encoding` is that of a file that is not UTF-8. Numbered columns (`rating_1`, `rating_2`) are a rater
    each; an empty cell is no rating. With `by_id` the column of the queries' ids is taken where there
    is one, for their texts are elsewhere.
    `BadTable` where a column is missing, or a row has no query, no item or an unknown rating.
    """
    if is_qrels(path, encoding) and not mapping:
        qrels = read_qrels(path, encoding)
        return Ratings(qrels, "TREC judgements: query, 0, item, grade", {}, _are_texts(qrels))
    chosen, worth = parse_mapping(mapping, [guess.field for guess in RATINGS]), parse_grades(grades)
    guesses = (Guess("query", QUERY_ID + QUERY), *RATINGS[1:]) if by_id else RATINGS
    table = _open(path, RATINGS, chosen, HEADERLESS, encoding)
    columns = choose_columns(table.columns, table.sample, guesses, chosen, path.name)
    columns = _with_raters(columns, table, is_mapped="rating" in chosen)
    _need(columns, table, ("query", "item", "rating"))
    cells, left_out = _rated_cells(table, columns)
    column = columns["query"]
    distinct = list({repr(cell): cell for *_, cell in cells}.values())
    scale = choose_scale(distinct, worth, f"{path}: a rating")
    ratings: dict[str, dict[str, list[float]]] = {}
    for line, query, item, cell in cells:
        grade = scale.grade(cell)
        if grade is None or not math.isfinite(grade):
            raise BadTable(f"{path}, line {line}: the rating {cell!r} is not a number")
        ratings.setdefault(query, {}).setdefault(item, []).append(grade)
    means = {
        query: {item: math.fsum(grades) / len(grades) for item, grades in items.items()}
        for query, items in ratings.items()
    }
    if not means:
        raise BadTable(f"{path} holds no ratings ({columns.describe()})")
    texts = "query" in chosen or (plain(column) not in QUERY_ID and _are_texts(means))
    words = scale.describe(distinct)
    return Ratings(
        means, columns.describe() + (f"; {words}" if words else "") + table.describe_doubts(), left_out, texts
    )


def read_queries(path: Path, mapping: Sequence[str] = (), encoding: str = "") -> dict[str, str]:
    """The text of every query by its id: from columns for both, or one query a line, which is its own id."""
    chosen = parse_mapping(mapping, [guess.field for guess in QUERIES])
    if path.suffix == ".txt":
        return {line: line for line in _lines(path, encoding)}
    table = _open(path, QUERIES, chosen, [("id", "text")], encoding)
    columns = choose_columns(table.columns, table.sample, QUERIES[::-1], chosen, path.name)
    _need(columns, table, ("text",))
    texts: dict[str, str] = {}
    for line, row in table.rows():
        text = identifier(row.get(columns["text"]))
        query = identifier(row.get(columns["id"])) if columns["id"] else text
        if not query or not text:
            raise BadTable(f"{path}, line {line}: a query needs an id and a text; drop the line")
        if texts.setdefault(query, text) != text:
            raise BadTable(f"{path}, line {line}: {query!r} has another text above; keep one")
    return texts


def texts_of(ratings: Ratings, queries: Mapping[str, str] | None) -> dict[str, str]:
    """The text of each judged query: from `queries`, or the query itself where there are none.

    `EvaluationError` where the ratings name queries by ids and there are no texts for them.
    """
    qrels = ratings.qrels
    if queries is None:
        if not ratings.has_texts:
            raise EvaluationError(
                f"the ratings name their queries by ids, such as {next(iter(qrels))!r}; give the file that "
                "has their texts with --queries, or name the column of the texts with --map query=COLUMN"
            )
        return {query: query for query in qrels}
    missing = [query for query in qrels if query not in queries]
    if missing:
        raise EvaluationError(
            f"{len(missing)} of {len(qrels)} judged queries are not among the queries, first "
            f"{missing[0]!r}; give the file they come from"
        )
    return {query: queries[query] for query in qrels}


def answer_queries(
    recommender: Recommender,
    texts: Mapping[str, str],
    *,
    k: int,
    depth: int,
    arm: Arm = PLAIN,
    weights: Mapping[str, float] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Ranking]:
    """The recommender's answer to each text, by query.

    The list of `k` that people would see comes first, then what a list of `depth` adds to it: a longer list
    looks at more candidates, so its beginning may differ.
    """
    out: dict[str, Ranking] = {}
    for query, text in texts.items():
        scores: dict[str, float] = {}
        for limit in dict.fromkeys((k, depth)):
            for hit in recommender.search(text, weights=weights, page=Page(limit=limit), arm=arm):
                scores.setdefault(hit.id, hit.score)
        out[query] = list(scores.items())
        progress()
    return out


def count_unanswered(run: Run, qrels: Mapping[str, Any]) -> int:
    """How many of the judged queries have no item in a run."""
    return sum(not run.get(query) for query in qrels)


def _are_texts(queries: Iterable[str]) -> bool:
    """Whether some are words; `q1`, `PLAIN-12` or `5f3a-90` are ids of queries whose texts are elsewhere."""
    return any(_WORDS.fullmatch(query) for query in queries)


def _open(
    path: Path,
    guesses: Sequence[Guess],
    mapping: Mapping[str, Any],
    shapes: Sequence[Sequence[str]],
    encoding: str,
) -> Table:
    """The table in a file; where the first row has one of these shapes, and no column's name, no header."""
    first = first_cells(path, encoding)
    likely = {name for guess in guesses for name in guess.names}
    raters = {name for guess in guesses if guess.field == "rating" for name in guess.names}
    if mapping or any(name in likely or name.rstrip("0123456789") in raters for name in map(plain, first)):
        return open_table(path, encoding=encoding)
    shape = next((shape for shape in shapes if len(shape) == len(first)), ())
    is_header = "rating" in shape and number(first[-1]) is None
    return open_table(path, () if is_header else shape, encoding=encoding)


def _with_raters(columns: Columns, table: Table, *, is_mapped: bool) -> Columns:
    """The same with every numbered column of ratings: `rating_1`, `rating_2` are a rater each."""
    if is_mapped:
        return columns
    for name in RATINGS[2].names:
        raters = tuple(column for column in table.columns if re.fullmatch(name + r"\d*", plain(column)))
        if raters:
            unused = tuple(column for column in columns.unused if column not in raters)
            return Columns({**columns.by_field, "rating": raters}, unused)
    return columns


def _need(columns: Columns, table: Table, fields: Sequence[str]) -> None:
    need_columns(columns, [(field,) for field in fields], table.path, table.columns)


def _rated_cells(table: Table, columns: Columns) -> tuple[list[tuple[int, str, str, Any]], dict[str, int]]:
    """Line, query, item and rating of every cell that holds a rating, and what has none, counted."""
    cells: list[tuple[int, str, str, Any]] = []
    left_out: Counter[str] = Counter()
    without: dict[str, None] = {}
    raters = columns.by_field["rating"]
    for line, row in table.rows():
        query, item = identifier(row.get(columns["query"])), identifier(row.get(columns["item"]))
        rated = [cell for name in raters if not is_absent(cell := row.get(name))]
        if not query or (rated and not item):
            missing = "query" if not query else "item"
            raise BadTable(
                f"{table.path}, line {line}: no value for {columns[missing]!r}; give one or drop the line"
            )
        without[query] = None
        if item and not rated:
            left_out["items without a rating"] += 1
        cells += [(line, query, item, cell) for cell in rated]
    for _, query, _, _ in cells:
        without.pop(query, None)
    if without:
        left_out["queries without a rated item"] = len(without)
    return cells, dict(left_out)


def _lines(path: Path, encoding: str) -> list[str]:
    try:
        lines = read_whole(path, encoding).split("\n")
    except (OSError, TableError) as error:
        raise BadTable(f"{path} cannot be read: {error}") from None
    return [line.strip() for line in lines if line.strip()]
