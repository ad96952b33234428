"""What users took, read from a file: an object of lists, or a table with a row for each item.

Laws (tests/ranking/evaluation/retrieval/test_histories.py):
- the same histories come from every shape and order of rows, as long as there is a time;
- users without a name are told apart by their sessions; they are nobody's where there is none;
- a row that is left out is counted, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from vlclip.ranking.errors import BadTable
from vlclip.ranking.tables.cells import identifier, is_absent
from vlclip.ranking.tables.columns import TIME, Columns, choose_columns, need_columns, parse_mapping
from vlclip.ranking.tables.fields import GUESSES
from vlclip.ranking.tables.table import Table, open_table
from vlclip.ranking.tables.times import TimeForm, TimeTally, clock_seconds


@dataclass(frozen=True, slots=True)
class HistoriesFile:
    """Item ids by user, oldest first; `columns` says what was read, `left_out` counts rows by the reason."""

    histories: Mapping[str, Sequence[str]]
    columns: str
    left_out: Mapping[str, int]


def read_histories(path: Path, mapping: Sequence[str] = (), encoding: str = "") -> HistoriesFile:
    """The histories in a JSON object of lists, or in a table; `mapping` are `field=column` options.

    `encoding` is that of a CSV file that is not UTF-8. A user's session stands for a user who has no name.
    Without a time the order of the file counts.
    `BadTable` says what cannot be read, and where a column that is not taken looks like the time.
    """
    chosen = parse_mapping(mapping, [guess.field for guess in GUESSES])
    if path.suffix.lower() == ".json" and (lists := _lists(path)) is not None:
        return HistoriesFile(lists, "an object of lists, oldest first", {})
    table = open_table(path, encoding=encoding)
    columns = choose_columns(table.columns, table.sample, GUESSES, chosen, path.name)
    need_columns(columns, [("user", "session"), ("item",)], path, table.columns)
    return _read(table, columns)


def _read(table: Table, columns: Columns) -> HistoriesFile:
    times = _Times(table, columns)
    rows: dict[tuple[str, str], list[tuple[tuple[float, ...], str]]] = {}
    left_out: Counter[str] = Counter()
    for number, row in table.rows():
        who = next(
            ((field, name) for field in ("user", "session") if (name := identifier(row.get(columns[field])))),
            None,
        )
        items = [item for item in _items(row.get(columns["item"])) if item]
        moment = times.read(row, number)
        if who is None:
            left_out["no user" + (" and no session" if columns["session"] else "")] += 1
        elif not items:
            left_out["no item"] += 1
        elif moment is None:
            left_out["no time"] += 1
        else:
            rows.setdefault(who, []).extend((moment, item) for item in items)
    if not rows:
        listed = ", ".join(f"{count:,} rows with {reason}" for reason, count in left_out.items())
        raise BadTable(f"{table.path} holds no history: {listed} ({columns.describe()})")
    is_mixed = len({field for field, _ in rows}) > 1
    histories = {
        f"session {name}" if is_mixed and field == "session" else name: [
            item for _, item in sorted(items, key=lambda pair: pair[0])
        ]
        for (field, name), items in rows.items()
    }
    order = "" if columns[TIME] else "; no time: in the order of the rows"
    return HistoriesFile(histories, columns.describe() + order + table.describe_doubts(), dict(left_out))


class _Times:
    """The place of a row in time: by one column or, where that has only days, two."""

    def __init__(self, table: Table, columns: Columns) -> None:
        self._path, self._names = table.path, columns.by_field.get(TIME, ())
        tallies = {name: TimeTally() for name in self._names}
        if tallies:
            for _, row in table.rows():
                for name, tally in tallies.items():
                    tally.add((row.get(name),))
        self._forms: dict[str, TimeForm] = {name: tally.form(name) for name, tally in tallies.items()}

    def read(self, row: Mapping[str, Any], number: int) -> tuple[float, ...] | None:
        """The times of a row, None where one is absent; `BadTable` where one cannot be read."""
        moments = []
        for name, form in self._forms.items():
            cell = row.get(name)
            if is_absent(cell):
                return None
            moment = form.seconds(cell)
            if moment is None:
                moment = clock_seconds(cell)
            if moment is None:
                raise BadTable(
                    f"{self._path}, line {number}: the time {cell!r} in {name!r} is neither a number nor "
                    "ISO 8601; mend it, or name another column with --map time=COLUMN"
                )
            moments.append(moment)
        return tuple(moments)


def _items(cell: Any) -> Iterator[str]:
    """The ids in a cell: one, or those of a list."""
    yield from map(identifier, cell) if isinstance(cell, list | tuple) else (identifier(cell),)


def _lists(path: Path) -> dict[str, list[str]] | None:
    """A JSON object of lists of ids; None where the file holds a table."""
    try:
        form = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadTable(f"{path} cannot be read: {error}") from None
    if isinstance(form, list) and form and all(isinstance(row, dict) for row in form):
        return None
    if not isinstance(form, dict) or not all(isinstance(items, list) for items in form.values()):
        raise BadTable(
            f"{path} must be an object of lists, user to item ids, oldest first; or a list of objects with a "
            "user, an item and a time"
        )
    if any(isinstance(item, dict) for items in form.values() for item in items):
        return None
    return {str(user): [str(item) for item in items] for user, items in form.items()}
