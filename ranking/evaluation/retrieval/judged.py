"""Queries and what people said of their results, from the files such data comes in.

Ratings are CSV, TSV or JSON lines with a column each for query, item and rating, or TREC judgements; their
columns are guessed by name. Several raters, a row or a column each, are averaged.

Laws (tests/ranking/evaluation/retrieval/test_judged.py):
- the order of rows and columns plays no part, nor does it which of the formats the same data comes in;
- a grade lies between the lowest and the highest rating of its pair;
- a row that is wrong is named with its line.
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
"""Field to the column names that mean it, likeliest first, in lower case without punctuation."""
_QREL = re.compile(r"\S+\s+\S+\s+\S+\s+-?\d+(\.\d+)?")


def read_ratings(path: Path) -> dict[str, dict[str, float]]:
    """The mean grade of every judged item of every query.

    Numbered columns (`rating_1`, `rating_2`) are a rater each; an empty one says nothing.
    `EvaluationError` where a column is missing, or for a row without query, item or number.
    """
    if _is_qrels(path):
        return read_qrels(path)
    said: dict[str, dict[str, list[float]]] = {}
    for number, row in rows(path):
        query = _value(row, column(row, "query", path), path, number)
        item = _value(row, column(row, "item", path), path, number)
        grades = said.setdefault(query, {}).setdefault(item, [])
        for name in _raters(row, path):
            if str(row[name] if row[name] is not None else "").strip():
                grades.append(_number(row[name], name, path, number))
    found = {
        query: {item: math.fsum(grades) / len(grades) for item, grades in items.items() if grades}
        for query, items in said.items()
    }
    return {query: items for query, items in found.items() if items}


def read_queries(path: Path) -> dict[str, str]:
    """The text of every query by its id: from columns for both, or one query a line, which is its own id."""
    if path.suffix == ".txt":
        return {line.strip(): line.strip() for line in _text(path).splitlines() if line.strip()}
    found: dict[str, str] = {}
    for number, row in rows(path):
        text_column = column(row, "text", path)
        id_column = column(row, "id", path, needed=False) or text_column
        query = _value(row, id_column, path, number)
        text = _value(row, text_column, path, number)
        if found.setdefault(query, text) != text:
            raise EvaluationError(f"{path}, line {number}: {query!r} has another text above; keep one")
    return found


def texts_of(qrels: Mapping[str, Any], queries: Mapping[str, str] | None) -> dict[str, str]:
    """What to ask for each judged query: its text among `queries`, or itself where there are none."""
    if queries is None:
        return {query: query for query in qrels}
    missing = [query for query in qrels if query not in queries]
    if missing:
        raise EvaluationError(
            f"{len(missing)} of {len(qrels)} judged queries are not among the queries, the first is "
            f"{missing[0]!r}; give the file they come from"
        )
    return {query: queries[query] for query in qrels}


def answered(
    recommender: Recommender,
    texts: Mapping[str, str],
    *,
    k: int,
    depth: int,
    arm: Arm = PLAIN,
    weights: Mapping[str, float] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Ranking]:
    """What the recommender answers to each text, by query.

    The list of `k` that people would see comes first, then what one of `depth` adds to it: a longer list
    looks at more candidates, so that its beginning may differ.
    """
    out: dict[str, Ranking] = {}
    for query, text in texts.items():
        found: dict[str, float] = {}
        for limit in dict.fromkeys((k, depth)):
            for one in recommender.search(text, weights=weights, page=Page(limit=limit), arm=arm):
                found.setdefault(one.id, one.score)
        out[query] = list(found.items())
        progress()
    return out


def unanswered(run: Run, qrels: Mapping[str, Any]) -> int:
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
    """The name of the column that means a field; "" where there is none and none is needed."""
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
        found = [name for name in row if re.fullmatch(guess + r"\d*", _plain(name))]
        if found:
            return found
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
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise EvaluationError(f"{path}, line {number}: no JSON ({error})") from None
    if not isinstance(found, dict):
        raise EvaluationError(f"{path}, line {number}: no JSON object")
    return found


def _value(row: Mapping[str, Any], name: str, path: Path, number: int) -> str:
    value = str(row.get(name) if row.get(name) is not None else "").strip()
    if not value:
        raise EvaluationError(f"{path}, line {number}: no value for {name!r}; give one or drop the line")
    return value


def _number(value: Any, name: str, path: Path, number: int) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise EvaluationError(f"{path}, line {number}: {name} is {value!r}, which is no number")
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
