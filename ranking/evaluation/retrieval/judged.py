"""Queries and people's ratings of their results, read from files, and answers to these queries.

Ratings are CSV, TSV or JSON lines with a column each for query, item and rating, or TREC judgements.
Columns are guessed by name. Several raters, a row or a column each, are averaged.

Laws (tests/ranking/evaluation/retrieval/test_judged.py):
- neither the order of rows and columns nor the file format changes what is read;
- a grade lies between the lowest and the highest rating of its pair;
- an error names the line of a wrong row.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.measures import Ranking, Run
from vlclip.ranking.evaluation.retrieval.trec import read_qrels
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import PLAIN, Recommender

GUESSES: Mapping[str, tuple[str, ...]] = {
    "query": ("query", "queryid", "qid", "searchterm", "search", "keyword", "q"),
    "item": ("productid", "itemid", "item", "product", "id", "sku", "asin", "docid", "doc", "articleid"),
    "rating": ("rating", "grade", "relevance", "label", "judgment", "judgement", "score"),
    "id": ("queryid", "qid", "id"),
    "text": ("text", "query", "searchterm", "search", "keyword", "q"),
    "user": ("userid", "user", "reviewerid", "visitorid", "customerid", "sessionid", "session"),
    "time": ("time", "timestamp", "unixreviewtime", "date", "datetime", "createdat"),
}
"""The column names that mean each field, likeliest first, in lower case without punctuation."""
_QREL = re.compile(r"\S+\s+\S+\s+\S+\s+-?\d+(\.\d+)?")


def read_ratings(path: Path) -> dict[str, dict[str, float]]:
    """The mean grade of every judged item of every query.

    Numbered columns (`rating_1`, `rating_2`) are a rater each; an empty cell is no rating.
    `EvaluationError` where a column is missing, or for a row without query, item or number.
    """
    if _is_qrels(path):
        return read_qrels(path)
    ratings: dict[str, dict[str, list[float]]] = {}
    for number, row in rows(path):
        query = _value(row, column(row, "query", path), path, number)
        item = _value(row, column(row, "item", path), path, number)
        grades = ratings.setdefault(query, {}).setdefault(item, [])
        for name in _raters(row, path):
            if str(row[name] if row[name] is not None else "").strip():
                grades.append(_number(row[name], name, path, number))
    means = {
        query: {item: math.fsum(grades) / len(grades) for item, grades in items.items() if grades}
        for query, items in ratings.items()
    }
    return {query: items for query, items in means.items() if items}


def read_queries(path: Path) -> dict[str, str]:
    """The text of every query by its id: from columns for both, or one query a line, which is its own id."""
    if path.suffix == ".txt":
        return {line.strip(): line.strip() for line in _text(path).splitlines() if line.strip()}
    texts: dict[str, str] = {}
    for number, row in rows(path):
        text_column = column(row, "text", path)
        id_column = column(row, "id", path, needed=False) or text_column
        query = _value(row, id_column, path, number)
        text = _value(row, text_column, path, number)
        if texts.setdefault(query, text) != text:
            raise EvaluationError(f"{path}, line {number}: {query!r} has another text above; keep one")
    return texts


def texts_of(qrels: Mapping[str, Any], queries: Mapping[str, str] | None) -> dict[str, str]:
    """The text of each judged query: from `queries`, or the query itself where there are none."""
    if queries is None:
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


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a CSV, TSV or JSON-lines file with their line numbers.

    `EvaluationError` where it cannot be read, or a line does not fit the others.
    """
    text = _text(path)
    if path.suffix in {".jsonl", ".ndjson"}:
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield number, _object(line, path, number)
        return
    lines = text.splitlines(keepends=True)
    delimiter = "\t" if lines and "\t" in lines[0] and "," not in lines[0] else ","
    table = csv.DictReader(lines, delimiter=delimiter)
    for row in table:
        if None in row or None in row.values():
            raise EvaluationError(f"{path}, line {table.line_num}: not as many fields as the first line has")
        yield table.line_num, row


def column(row: Mapping[str, Any], field: str, path: Path, *, needed: bool = True) -> str:
    """The name of the column that means a field; "" where an optional one is missing."""
    names = {_plain(name): name for name in reversed(list(row))}
    for guess in GUESSES[field]:
        if guess in names:
            return names[guess]
    if needed:
        raise EvaluationError(
            f"{path} has no column for the {field}; it has {', '.join(row)}: name one {GUESSES[field][0]!r}"
        )
    return ""


def _raters(row: Mapping[str, Any], path: Path) -> Sequence[str]:
    for guess in GUESSES["rating"]:
        columns = [name for name in row if re.fullmatch(guess + r"\d*", _plain(name))]
        if columns:
            return columns
    return [column(row, "rating", path)]


def _is_qrels(path: Path) -> bool:
    first = next((line for line in _text(path).splitlines() if line.strip()), "")
    return path.suffix not in {".csv", ".tsv", ".jsonl"} and bool(_QREL.fullmatch(first.strip()))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}") from None


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        body = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise EvaluationError(f"{path}, line {number}: no JSON ({error})") from None
    if not isinstance(body, dict):
        raise EvaluationError(f"{path}, line {number}: no JSON object")
    return body


def _value(row: Mapping[str, Any], name: str, path: Path, number: int) -> str:
    value = str(row.get(name) if row.get(name) is not None else "").strip()
    if not value:
        raise EvaluationError(f"{path}, line {number}: no value for {name!r}; give one or drop the line")
    return value


def _number(value: Any, name: str, path: Path, line: int) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise EvaluationError(f"{path}, line {line}: {name} is {value!r}, which is not a number")
    return number


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
