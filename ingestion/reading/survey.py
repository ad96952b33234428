"""What all rows of a catalogue show of its columns, in one pass before anything is mapped.

Laws (tests/ingestion/reading/test_survey.py):
- a column counts wherever its first value stands; a pass over the rows adds to the sample every row that
  shows something new of a column, so guesses decide on all rows;
- a file whose schema is known and whose cells have types (Parquet) is not read for this;
- memory follows the number of columns, never the number of rows.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from vlclip.engine.tables.delimited import Csv
from vlclip.engine.tables.format import Row
from vlclip.engine.tables.records import Record
from vlclip.ingestion.reading import objects, values
from vlclip.ingestion.reading.objects import read_object

SAMPLE = 500
"""First rows that are kept whatever they show; columns first seen after them are late."""
MAX_COLUMNS = 5000
"""Late columns are mapped while there are fewer columns than this."""
OBJECT_COLUMNS = frozenset(("attributes", "offers"))
"""Columns that mean something else where they hold objects."""
BLOCK = 1000
_MAX_SIGNATURES = 10_000


@dataclass(frozen=True, slots=True)
class Survey:
    """The columns in the order in which they appear, the rows that show what they hold, and the row count.

    `late` are the columns that none of the first `SAMPLE` rows has, `mixed` those that hold numbers as well
    as text. `rows` is None where not all were read.
    """

    columns: tuple[str, ...]
    late: tuple[str, ...]
    mixed: frozenset[str]
    sample: tuple[Row, ...]
    rows: int | None


def survey_rows(rows: Iterable[Row], *, whole: bool) -> Survey:
    """Look at the first rows of files with types and, with `whole`, at all others."""
    knowledge = _TypedKnowledge()
    columns: dict[str, None] = {}
    sample: list[Row] = []
    count = 0
    remaining = iter(rows)
    for row in islice(remaining, SAMPLE):
        count += 1
        sample.append(_light(row))
        columns.update(dict.fromkeys(row.values))
        knowledge.add(row.values)
    if not whole:
        return Survey(tuple(columns), (), knowledge.mixed(), tuple(sample), None)
    is_news = knowledge.add
    for row in remaining:
        count += 1
        if is_news(row.values):
            sample.append(_light(row))
    late = tuple(name for name in knowledge.traits if name not in columns)
    return Survey((*columns, *late), late, knowledge.mixed(), tuple(sample), count)


def survey_text(files: Sequence[Csv]) -> Survey:
    """Look at all rows of files without types; later rows are read only as far as they can show something."""
    knowledge = _TextKnowledge()
    sample = list(islice(chain.from_iterable(file.rows() for file in files), SAMPLE))
    for row in sample:
        for name, value in row.values.items():
            for cell in value if isinstance(value, list) else [value]:
                knowledge.learn(name, cell)
    count = 0
    for file in files:
        for block in file.blocks(BLOCK):
            count += len(block)
            sample += map(file.row, knowledge.news(file.header, block))
    columns = dict.fromkeys(chain.from_iterable(file.columns() for file in files))
    return Survey(tuple(columns), (), frozenset(), tuple(sample), count)


class _TypedKnowledge:
    """The traits of every column's values: text, number, bool, other, object.

    Most rows have the same columns and types as one before; where nothing of these can be new, one look at
    the row's signature is all.
    """

    def __init__(self) -> None:
        self.traits: dict[str, set[str]] = {}
        self._settled: set[tuple[tuple[str, ...], tuple[type, ...]]] = set()

    def add(self, row: Mapping[str, Any]) -> bool:
        """Whether a row shows something new of one of its columns."""
        signature = (tuple(row), tuple(map(type, row.values())))
        if signature in self._settled:
            return False
        is_news = False
        is_settled = True
        for name, value in row.items():
            traits = self.traits.get(name)
            if traits is None:
                if len(self.traits) >= MAX_COLUMNS:
                    continue
                traits = self.traits[name] = set()
                is_news = True
            trait = _SIMPLE.get(type(value))
            if trait is None:
                fresh = _traits(value) - traits
                if fresh:
                    traits |= fresh
                    is_news = True
                is_settled = False
            elif trait and trait not in traits:
                if values.absent(value):
                    is_settled = False
                else:
                    traits.add(trait)
                    is_news = True
            if type(value) is str and name.lower() in OBJECT_COLUMNS and "object" not in traits:
                is_settled = False
                if read_object(value) is not None:
                    traits.add("object")
                    is_news = True
        if is_settled and len(self._settled) < _MAX_SIGNATURES:
            self._settled.add(signature)
        return is_news

    def mixed(self) -> frozenset[str]:
        """The columns of text that hold numbers or true and false as well."""
        return frozenset(
            name for name, traits in self.traits.items() if len(traits & {"text", "number", "bool"}) > 1
        )


_SIMPLE: Mapping[type, str] = {str: "text", int: "number", float: "number", bool: "bool", type(None): ""}


def _traits(value: Any) -> set[str]:
    """What guesses can learn from a list, an object, or a value of another kind; nothing of an empty one."""
    if values.absent(value):
        return set()
    if isinstance(value, list | tuple | Mapping) and objects.is_tagged(value):
        return {"object", "languages"}
    if isinstance(value, list | tuple):
        return {"list"}.union(*(_traits(part) for part in value))
    if isinstance(value, Mapping):
        return {"object"}
    scalar = values.scalar(value)
    return {_SIMPLE.get(type(scalar), "other") or "other"}


class _TextKnowledge:
    """The columns of a file without types: how numbers are written, what is text, and JSON objects."""

    def __init__(self) -> None:
        self._traits: dict[str, set[str]] = {}
        self._settled: set[str] = set()
        """Columns of text, which can show nothing new."""

    def news(self, header: Sequence[str], block: Sequence[Record]) -> list[Record]:
        """Those records that show something new of a column."""
        records = [record for record in block if len(record[1]) == len(header)]
        places: set[int] = set()
        for column, name in enumerate(header):
            if name not in self._settled:
                cells = [record[1][column] for record in records]
                if not all(map(self._known_form(name), cells)):
                    places.update(place for place, cell in enumerate(cells) if self.learn(name, cell))
        return [records[place] for place in sorted(places)]

    def learn(self, name: str, cell: str) -> bool:
        """Whether a cell shows something new of its column."""
        traits = self._traits.setdefault(name, set())
        if name in self._settled or not (trait := self._trait(name, cell)) or trait in traits:
            return False
        traits.add(trait)
        if trait == "object" or (trait == "text" and name.lower() not in OBJECT_COLUMNS):
            self._settled.add(name)
        return True

    def _known_form(self, name: str) -> Callable[[str], object]:
        """A quick look at a cell: true where it shows nothing new."""
        traits = self._traits.setdefault(name, set())
        if {"whole", "point"} <= traits:
            return _NUMBER_OR_NOTHING.fullmatch
        return _WHOLE_OR_NOTHING.fullmatch if "whole" in traits else operator.not_

    @staticmethod
    def _trait(name: str, cell: str) -> str:
        if not cell or cell.isspace():
            return ""
        if name.lower() in OBJECT_COLUMNS and read_object(cell) is not None:
            return "object"
        return values.written_as(cell) or "text"


_WHOLE_OR_NOTHING = re.compile(r"(?:-?(?:0|[1-9]\d{0,8}))?")
_NUMBER_OR_NOTHING = re.compile(r"(?:-?(?:0|[1-9]\d{0,8})(?:\.\d{1,30})?)?")


def _light(row: Row) -> Row:
    """The row without its photos' bytes, which would take much memory in the sample."""
    if not any(isinstance(value, bytes) for value in row.values.values()):
        return row
    cells = {name: value[:16] if isinstance(value, bytes) else value for name, value in row.values.items()}
    return row._replace(values=cells)
