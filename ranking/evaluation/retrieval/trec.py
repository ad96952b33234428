"""Runs and judgements in the file formats of TREC, which search engines and evaluation tools share.

A run is lines of `query Q0 item rank score tag`, judgements are lines of `query 0 item grade`, both
separated by blanks. Blanks and `%` in a query or an id are written as in URLs: `phone%20case`.

Laws (tests/ranking/evaluation/retrieval/test_trec.py):
- a run that is written is read back equal: queries, items, order and scores;
- an error names the number of a wrong line.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from vlclip.engine.disk import write_whole
from vlclip.engine.errors import TableError
from vlclip.engine.tables.lines import open_decoded, read_whole
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.measures import Ranking, Run

_BLANK = re.compile(r"[\s%]")
_GRADE = re.compile(r"-?\d+(\.\d+)?")


def read_run(path: Path) -> dict[str, Ranking]:
    """The run in a file, each query's items by score, then by rank, as trec_eval orders them.

    `EvaluationError` names a line without six fields, a field that is not a number, or a repeated item.
    """
    by_query: dict[str, dict[str, tuple[float, int]]] = {}
    for number, (query, _, item, rank, score, _) in _lines(path, 6, "query Q0 item rank score tag"):
        items = by_query.setdefault(query, {})
        if item in items:
            raise EvaluationError(f"{path}, line {number}: {item!r} stands twice for {query!r}; keep one")
        items[item] = -_number(score, path, number, "score"), int(_number(rank, path, number, "rank"))
    return {
        query: [(item, -items[item][0]) for item in sorted(items, key=items.__getitem__)]
        for query, items in by_query.items()
    }


def write_run(path: Path, run: Run, tag: str) -> None:
    """Write a run, its order as rank and score. Errors: `EvaluationError` where it cannot be written.

    Written scores never rise, for readers sort by score: a score above its predecessor's, as a pinned or
    explored item may have, is written as its predecessor's.
    """
    lines = []
    for query, ranking in run.items():
        lowest = math.inf
        for rank, (item, score) in enumerate(ranking, 1):
            lowest = min(lowest, score)
            lines.append(f"{_escaped(query)} Q0 {_escaped(item)} {rank} {lowest!r} {_escaped(tag)}\n")
    try:
        write_whole(path, "".join(lines))
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written ({error.strerror}); name another file") from None


def write_runs(path: Path, runs: Mapping[str, Run]) -> None:
    """Write the first run to `path`, and each other one beside it, with its name in that of the file."""
    for number, (name, run) in enumerate(runs.items()):
        write_run(path if number == 0 else path.with_name(f"{path.stem}.{name}{path.suffix}"), run, name)


def is_qrels(path: Path, encoding: str = "") -> bool:
    """Whether a text file begins as judgements do: four fields, the last one a number."""
    if path.suffix.lower() in {".json", ".jsonl", ".ndjson", ".parquet"}:
        return False
    try:
        with open_decoded(path, encoding) as file:
            first = next((line for line in file if line.strip()), "")
    except (OSError, TableError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}") from None
    fields = _fields(first)
    return len(fields) == 4 and _GRADE.fullmatch(fields[3]) is not None


def read_qrels(path: Path, encoding: str = "") -> dict[str, dict[str, float]]:
    """The judgements in a file; `EvaluationError` names a line that is wrong or judges a pair again."""
    by_query: dict[str, dict[str, float]] = {}
    for number, (query, _, item, grade) in _lines(path, 4, "query 0 item grade", encoding):
        items = by_query.setdefault(query, {})
        if item in items:
            raise EvaluationError(f"{path}, line {number}: {item!r} is judged twice for {query!r}; keep one")
        items[item] = _number(grade, path, number, "grade")
    return by_query


def _lines(path: Path, count: int, form: str, encoding: str = "") -> Iterator[tuple[int, list[str]]]:
    """The number and the fields of every line that is not blank."""
    try:
        text = read_whole(path, encoding)
    except (OSError, TableError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}") from None
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        fields = _fields(line)
        if not fields:
            continue
        if len(fields) != count:
            raise EvaluationError(
                f"{path}, line {number}: {len(fields)} fields where {count} are needed: {form}"
            )
        yield number, [unquote(field) for field in fields]


def _fields(line: str) -> list[str]:
    """The fields of a line: between tabs where there are any, for then they may hold blanks, else blanks."""
    if "\t" in line:
        return [field.strip() for field in line.split("\t")] if line.strip() else []
    return line.split()


def _number(text: str, path: Path, line: int, meaning: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise EvaluationError(f"{path}, line {line}: the {meaning} {text!r} is not a number")
    return number


def _escaped(text: str) -> str:
    """Without blanks; `read_run` and `read_qrels` undo this."""
    return _BLANK.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), text)
