"""Runs and judgements in TREC's files, which every engine and evaluation tool can write or read.

A run is lines of `query Q0 item rank score tag`, judgements are lines of `query 0 item grade`, both
separated by blanks. Blanks in a query or an id, and `%`, are written as in URLs: `phone%20case`.

Laws (tests/ranking/evaluation/retrieval/test_trec.py):
- what is written is read back equal: queries, items, order and scores;
- a line that is wrong is named with its number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.measures import Qrels, Ranking, Run

_BLANK = re.compile(r"[\s%]")


def read_run(path: Path) -> dict[str, Ranking]:
    """The run in a file, each query's items by their score, then by their rank, as trec_eval has it.

    `EvaluationError` names a line with other than six fields, a number that is none, or an item twice.
    """
    found: dict[str, dict[str, tuple[float, int]]] = {}
    for number, (query, _, item, rank, score, _) in _lines(path, 6, "query Q0 item rank score tag"):
        items = found.setdefault(query, {})
        if item in items:
            raise EvaluationError(f"{path}, line {number}: {item!r} is there twice for {query!r}; keep one")
        items[item] = -_number(score, path, number, "score"), int(_number(rank, path, number, "rank"))
    return {
        query: [(item, -items[item][0]) for item in sorted(items, key=items.__getitem__)]
        for query, items in found.items()
    }


def write_run(path: Path, run: Run, tag: str) -> None:
    """Write a run, its order as rank and score. Errors: `EvaluationError` where it cannot be written.

    The scores written never rise: one that is over the score above it, as a pinned or explored item's may
    be, is written as that one, for readers sort by score.
    """
    lines = []
    for query, ranking in run.items():
        lowest = math.inf
        for rank, (item, score) in enumerate(ranking, 1):
            lowest = min(lowest, score)
            lines.append(f"{_escaped(query)} Q0 {_escaped(item)} {rank} {lowest!r} {_escaped(tag)}\n")
    try:
        path.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written ({error.strerror}); name another file") from None


def read_qrels(path: Path) -> dict[str, dict[str, float]]:
    """The judgements in a file; `EvaluationError` names a line that is wrong, or judges a pair again."""
    found: dict[str, dict[str, float]] = {}
    for number, (query, _, item, grade) in _lines(path, 4, "query 0 item grade"):
        items = found.setdefault(query, {})
        if item in items:
            raise EvaluationError(f"{path}, line {number}: {item!r} is judged twice for {query!r}; keep one")
        items[item] = _number(grade, path, number, "grade")
    return found


def write_qrels(path: Path, qrels: Qrels) -> None:
    """Write judgements; whole grades as whole numbers. Errors as for `write_run`."""
    lines = [
        f"{_escaped(query)} 0 {_escaped(item)} {grade:g}\n"
        for query, items in qrels.items()
        for item, grade in items.items()
    ]
    try:
        path.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written ({error.strerror}); name another file") from None


def _lines(path: Path, count: int, form: str) -> Iterator[tuple[int, list[str]]]:
    """The number and the fields of every line that is not blank."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                fields = line.split()
                if not fields:
                    continue
                if len(fields) != count:
                    raise EvaluationError(
                        f"{path}, line {number}: {len(fields)} fields where {count} are wanted: {form}"
                    )
                yield number, [unquote(field) for field in fields]
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}") from None


def _number(text: str, path: Path, line: int, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise EvaluationError(f"{path}, line {line}: the {what} {text!r} is no number")
    return number


def _escaped(text: str) -> str:
    """Without blanks; `read_run` and `read_qrels` undo it."""
    return _BLANK.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)
