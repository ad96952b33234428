"""Rows of one file read as events, thousands at a time.

Laws (tests/ranking/history/intake/test_reader.py):
- each row, or each element of its items, is an event, or it is counted with the reason;
- the same who, what, item and moment is the same event, whatever file it comes in;
- no time is moved: one that cannot be read, or lies before 2000 or in the future, is counted;
- rows give the same events in whatever portions they come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson

from vlclip.ranking.history.batch import EventBatch
from vlclip.ranking.history.event_kinds import PURCHASE
from vlclip.ranking.history.intake.preset import plain_name
from vlclip.ranking.history.intake.shape import Shape
from vlclip.ranking.tables.cells import identifier, is_absent, number
from vlclip.ranking.tables.columns import TIME
from vlclip.ranking.tables.times import FIRST, TimeForm, clock_seconds

Row = Mapping[str, Any]
Getter = Callable[[Row], Any]
AHEAD_S = 86_400
"""How far a time may lie in the future: clocks and zones differ."""


class EventReader:
    """Reads rows as events by a shape; `left_out` and `unknown_kinds` count what is none."""

    def __init__(self, shape: Shape, times: TimeForm, now: float) -> None:
        self._get = {field: [cell_getter(path) for path in paths] for field, paths in shape.columns.items()}
        self._clock = cell_getter(shape.clock) if shape.clock else None
        self._times, self._latest = times, now + AHEAD_S
        self._kinds, self._every_kind = _Kinds(shape.kinds), shape.every_kind
        self.left_out: Counter[str] = Counter()
        self.unknown_kinds: Counter[str] = Counter()

    def read(self, rows: Sequence[Row]) -> EventBatch:
        """The events of these rows, in their order."""
        rows, kinds = self._of_known_kinds(rows)
        rows, (kinds, moments) = self._filtered(rows, [kinds, self._moments(rows)], 1, "")
        users, sessions = self._ids("user", rows), self._ids("session", rows)
        who = [user or session for user, session in zip(users, sessions, strict=True)]
        columns = [who, kinds, moments, users, sessions, self._ids("id", rows), self._ids("request_id", rows)]
        rows, columns = self._filtered(rows, columns, 0, "no user and no session")
        rows, elements, columns = self._exploded(rows, columns)
        items = self._ids("item", elements)
        if elements is not rows:
            items = [item or own for item, own in zip(items, self._ids("item", rows), strict=True)]
        values = self._values(columns[1], elements)
        rows, columns = self._filtered(rows, [items, *columns, values], 0, "no item")
        items, who, kinds, moments, users, sessions, ids, request_ids, values = columns
        ids = [
            own or derived_id(kind, item, moment, unit)
            for own, kind, item, moment, unit in zip(ids, kinds, items, moments, who, strict=True)
        ]
        return EventBatch(
            id=ids, kind=kinds, item=items, time=moments, user=users, session=sessions,
            request_id=request_ids, value=values,
        ).checked(self.left_out)  # fmt: skip

    def _of_known_kinds(self, rows: Sequence[Row]) -> tuple[Sequence[Row], list[Any]]:
        if self._every_kind:
            return rows, [self._every_kind] * len(rows)
        names = first_of(self._get.get("kind", ()), rows)
        kinds = [self._kinds[name] if isinstance(name, str) else self._kinds.of(name) for name in names]
        if None in kinds:
            self.unknown_kinds.update(
                identifier(name) or "(none)" for name, kind in zip(names, kinds, strict=True) if kind is None
            )
        return self._filtered(rows, [kinds], 0, "")[0], [kind for kind in kinds if kind is not None]

    def _filtered(
        self, rows: Sequence[Row], columns: list[list[Any]], key: int, reason: str
    ) -> tuple[Sequence[Row], list[list[Any]]]:
        """The rows for which the column `key` has something, and their part of every column."""
        missing = len(rows) - sum(map(bool, columns[key]))
        if not missing:
            return rows, columns
        if reason:
            self.left_out[reason] += missing
        places = [place for place, cell in enumerate(columns[key]) if cell]
        return [rows[n] for n in places], [[column[n] for n in places] for column in columns]

    def _moments(self, rows: Sequence[Row]) -> list[float | None]:
        """The time of each row, None for one that is left out."""
        cells, read = first_of(self._get[TIME], rows), self._times.seconds
        moments = [read(cell) for cell in cells]
        if self._clock is not None:
            clocks = [clock_seconds(self._clock(row)) for row in rows]
            moments = [
                None if moment is None or clock is None else moment + clock
                for moment, clock in zip(moments, clocks, strict=True)
            ]
        for place, moment in enumerate(moments):
            if moment is None or not FIRST <= moment <= self._latest:
                moments[place] = None
                self.left_out[_fault(cells[place], moment)] += 1
        return moments

    def _exploded(
        self, rows: Sequence[Row], columns: list[list[Any]]
    ) -> tuple[Sequence[Row], Sequence[Row], list[list[Any]]]:
        """A row for each element of its items, or itself: rows, elements and columns."""
        if not self._get.get("items"):
            return rows, rows, columns
        lists = [_elements(cell) for cell in first_of(self._get["items"], rows)]
        pairs = [(n, place) for n, elements in enumerate(lists) for place in range(max(len(elements), 1))]
        elements = [lists[n][place] if lists[n] else rows[n] for n, place in pairs]
        out = [[column[n] for n, _ in pairs] for column in columns]
        own_ids = 5
        out[own_ids] = [
            f"{event_id}:{place}" if event_id and lists[n] else event_id
            for event_id, (n, place) in zip(out[own_ids], pairs, strict=True)
        ]
        return [rows[n] for n, _ in pairs], elements, out

    def _ids(self, field: str, rows: Sequence[Row]) -> list[str]:
        getters = self._get.get(field, ())
        if not getters:
            return [""] * len(rows)
        ids = [identifier(getters[0](row)) for row in rows]
        for get in getters[1:]:
            ids = [text or identifier(get(row)) for text, row in zip(ids, rows, strict=True)]
        return ids

    def _values(self, kinds: Sequence[str], rows: Sequence[Row]) -> list[float | None]:
        """What each purchase brought: price times quantity; None for other kinds."""
        values: list[float | None] = [None] * len(rows)
        for place in [n for n, kind in enumerate(kinds) if kind == PURCHASE.name]:
            (price,) = first_of(self._get.get("price", ()), rows[place : place + 1])
            (quantity,) = first_of(self._get.get("quantity", ()), rows[place : place + 1])
            amount, count = number(price), number(quantity)
            values[place] = None if amount is None else amount * (1.0 if count is None else count)
        return values


class _Kinds(dict[str, str | None]):
    """Our kind by the file's name of it, None for an unknown one; names are looked up once."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        super().__init__()
        self._plain = kinds

    def __missing__(self, name: str) -> str | None:
        kind = self[name] = self._plain.get(plain_name(name.strip()))
        return kind

    def of(self, name: Any) -> str | None:
        """The kind of a name that is no text, as the number 1."""
        return self[identifier(name)]


def first_of(getters: Sequence[Getter], rows: Sequence[Row]) -> list[Any]:
    """The first value in each row among the columns of a field, None where all are absent."""
    cells: list[Any] = [None] * len(rows)
    for get in reversed(getters):
        own = [get(row) for row in rows]
        cells = [earlier if is_absent(cell) else cell for earlier, cell in zip(cells, own, strict=True)]
    return cells


def first_getter(paths: Sequence[str]) -> Getter:
    """What gives the first value in a row among these columns."""
    getters = [cell_getter(path) for path in paths]
    return getters[0] if len(getters) == 1 else lambda row: first_of(getters, (row,))[0]


def derived_id(kind: str, item: str, moment: float, unit: str) -> str:
    """The id of an event that has none of its own: the same for the same kind, item, moment and unit.

    It begins with the moment, so that ids of a log come nearly in order, which SQLite adds twice as fast.
    """
    text = f"{kind}\x00{item}\x00{unit}".encode("utf-8", "surrogatepass")
    return f"{round(moment * 1e6):013x}{blake2b(text, digest_size=10).hexdigest()}"


def cell_getter(path: str) -> Getter:
    """What gives a column's cell. `a.b` is the column of that name, or else key `b` of the object in `a`."""
    head, dot, tail = path.partition(".")
    if not dot:
        return lambda row: row.get(path)
    inner = cell_getter(tail)

    def get(row: Row) -> Any:
        if path in row:
            return row[path]
        part = row.get(head)
        return inner(part) if isinstance(part, dict) else None

    return get


def _elements(cell: Any) -> list[Row]:
    """The objects in a cell, which may be written as JSON text."""
    if isinstance(cell, str):
        try:
            cell = orjson.loads(cell)
        except orjson.JSONDecodeError:
            return []
    if isinstance(cell, dict):
        return [cell]
    return [element for element in cell if isinstance(element, dict)] if isinstance(cell, list) else []


def _fault(cell: Any, moment: float | None) -> str:
    """Why a row's time is none."""
    if cell is None:
        return "no time"
    if moment is None:
        return "a time that cannot be read"
    return "a time before 2000" if moment < FIRST else "a time in the future"
