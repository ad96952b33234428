"""Rows of one file read as events, thousands at a time.

Laws (tests/ranking/history/intake/test_reader.py):
- each row, or each element of its items, is an event, or it is counted with the reason;
- the same who, what, item and moment is the same event, whatever file it comes in;
- no time is moved: one that cannot be read, or lies before 2000 or in the future, is counted;
- rows give the same events in whatever portions they come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson

from vlclip.engine.tables.block import Block, RowBlock
from vlclip.ranking.history.batch import EventBatch
from vlclip.ranking.history.event_kinds import PURCHASE
from vlclip.ranking.history.events import AHEAD_S
from vlclip.ranking.history.intake.preset import plain_name
from vlclip.ranking.history.intake.shape import Shape
from vlclip.ranking.tables.cells import identifiers, number, present
from vlclip.ranking.tables.columns import TIME
from vlclip.ranking.tables.times import FIRST, TimeForm, clock_seconds

Cells = Mapping[str, Any]
Column = Sequence[Any]


class EventReader:
    """Reads rows as events by a shape; `left_out` and `unknown_kinds` count what is none.

    Everything is done by whole columns, which costs a third of what going from row to row does.
    """

    def __init__(self, shape: Shape, times: TimeForm, now: float) -> None:
        self._columns, self._clock = shape.columns, shape.clock
        self._times, self._latest = times, now + AHEAD_S
        self._kinds, self._every_kind = _Kinds(shape.kinds), shape.every_kind
        self.latest_ahead = 0.0
        """The latest time that was left out as it lies in the future; 0 without one."""
        self.left_out: Counter[str] = Counter()
        self.unknown_kinds: Counter[str] = Counter()

    @property
    def paths(self) -> list[str]:
        """The columns that are read."""
        return [path for paths in (*self._columns.values(), (self._clock,)) for path in paths if path]

    def read(self, rows: Block) -> EventBatch:
        """The events of these rows, in their order."""
        rows, kinds = self._of_known_kinds(rows)
        rows, (kinds, moments) = self._filtered(rows, [kinds, self._moments(rows)], 1, "")
        users, sessions = self._ids("user", rows), self._ids("session", rows)
        who: Column = [user or session for user, session in zip(users, sessions, strict=True)]
        own_ids, requests = self._ids("id", rows), self._ids("request_id", rows)
        columns: Sequence[Column] = [who, kinds, moments, users, sessions, own_ids, requests]
        rows, columns = self._filtered(rows, columns, 0, "no user and no session")
        elements = self._elements(rows)
        items, values = self._ids("item", rows), self._values(columns[1], rows)
        if elements is not None:
            rows, columns, items, values = self._exploded(elements, columns, items, values)
        _, columns = self._filtered(rows, [items, *columns, values], 0, "no item")
        items, who, kinds, moments, users, sessions, ids, request_ids, values = columns
        if not all(ids):
            derived = derived_ids(kinds, items, moments, who)
            ids = [own or other for own, other in zip(ids, derived, strict=True)]
        return EventBatch(
            id=ids, kind=kinds, item=items, time=moments, user=users, session=sessions,
            request_id=request_ids, value=values,
        ).checked(self.left_out)  # fmt: skip

    def _of_known_kinds(self, rows: Block) -> tuple[Block, Column]:
        if self._every_kind:
            return rows, [self._every_kind] * len(rows)
        names = identifiers(first_of(rows, self._columns.get("kind", ())))
        kinds: Column = list(map(self._kinds.__getitem__, names))
        if None in kinds:
            unknown = (name or "(none)" for name, kind in zip(names, kinds, strict=True) if kind is None)
            self.unknown_kinds.update(unknown)
        rows, (kinds,) = self._filtered(rows, [kinds], 0, "")
        return rows, kinds

    def _filtered(
        self, rows: Block, columns: Sequence[Column], key: int, reason: str
    ) -> tuple[Block, Sequence[Column]]:
        """The rows for which the column `key` has something, and their part of every column."""
        if all(columns[key]):
            return rows, columns
        places = [place for place, cell in enumerate(columns[key]) if cell]
        if reason:
            self.left_out[reason] += len(rows) - len(places)
        return rows.take(places), [[column[n] for n in places] for column in columns]

    def _moments(self, rows: Block) -> Column:
        """The time of each row, None for one that is left out."""
        cells = first_of(rows, self._columns[TIME])
        moments: list[Any] = self._times.column(cells)
        if self._clock:
            clocks = map(clock_seconds, rows.cells(self._clock))
            moments = [
                None if moment is None or clock is None else moment + clock
                for moment, clock in zip(moments, clocks, strict=True)
            ]
        if not moments or (None not in moments and FIRST <= min(moments) <= max(moments) <= self._latest):
            return moments
        for place, moment in enumerate(moments):
            if moment is None or not FIRST <= moment <= self._latest:
                moments[place] = None
                if moment is not None and moment > self._latest:
                    self.latest_ahead = max(self.latest_ahead, moment)
                self.left_out[_fault(cells[place], moment)] += 1
        return moments

    def _elements(self, rows: Block) -> list[Sequence[Cells]] | None:
        """The objects in each row's items, None where the shape has no items."""
        paths = self._columns.get("items")
        if not paths:
            return None
        return [
            cell
            if type(cell) is list
            and (type(cell[0]) is dict if len(cell) == 1 else set(map(type, cell)) == {dict})
            else _objects(cell)
            for cell in first_of(rows, paths)
        ]

    def _exploded(
        self, elements: Sequence[Sequence[Cells]], columns: Sequence[Column], items: Column, values: Column
    ) -> tuple[Block, Sequence[Column], Column, Column]:
        """Elements, columns, items and values of an event for each, or for the row where it has none."""
        places: Sequence[int] = range(len(elements))
        if set(map(len, elements)) == {1}:  # most logs are of single items
            inner = RowBlock([element for (element,) in elements])
            columns = list(columns)
        else:
            places = [n for n, part in enumerate(elements) for _ in range(len(part) or 1)]
            inner = RowBlock([element for part in elements for element in part or ({},)])
            columns = [[column[n] for n in places] for column in columns]
        own_ids, kinds = 5, columns[1]
        if any(columns[own_ids]):
            numbers = [number for part in elements for number in (range(len(part)) if part else [None])]
            columns[own_ids] = [
                event_id if number is None or not event_id else f"{event_id}:{number}"
                for event_id, number in zip(columns[own_ids], numbers, strict=True)
            ]
        items = [item or items[n] for item, n in zip(self._ids("item", inner), places, strict=True)]
        inner_values = self._values(kinds, inner)
        if values.count(None) < len(values):
            inner_values = [
                value if elements[n] else values[n] for value, n in zip(inner_values, places, strict=True)
            ]
        return inner, columns, items, inner_values

    def _ids(self, field: str, rows: Block) -> Column:
        paths = self._columns.get(field, ())
        if not paths:
            return [""] * len(rows)
        ids = identifiers(rows.cells(paths[0]))
        for path in paths[1:]:
            ids = [text or other for text, other in zip(ids, identifiers(rows.cells(path)), strict=True)]
        return ids

    def _values(self, kinds: Sequence[str], rows: Block) -> Column:
        """What each purchase brought: price times quantity; None for other kinds."""
        values: list[float | None] = [None] * len(rows)
        places = [n for n, kind in enumerate(kinds) if kind == PURCHASE.name]
        bought = rows.take(places)
        prices = map(number, first_of(bought, self._columns.get("price", ())))
        quantities = map(number, first_of(bought, self._columns.get("quantity", ())))
        for place, price, quantity in zip(places, prices, quantities, strict=True):
            values[place] = None if price is None else price * (1.0 if quantity is None else quantity)
        return values


class _Kinds(dict[str, str | None]):
    """Our kind by the file's name of it, None for an unknown one; names are looked up once."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        super().__init__()
        self._plain = kinds

    def __missing__(self, name: str) -> str | None:
        kind = self[name] = self._plain.get(plain_name(name.strip()))
        return kind


def first_of(rows: Block, paths: Sequence[str]) -> Column:
    """The first value in each row among the columns of a field, None where all are absent."""
    columns = [present(rows.cells(path)) for path in paths]
    if not columns:
        return [None] * len(rows)
    first, *others = columns
    for other in others:
        first = [later if cell is None else cell for cell, later in zip(first, other, strict=True)]
    return first


def derived_ids(
    kinds: Sequence[str], items: Sequence[str], moments: Sequence[float], units: Sequence[str]
) -> list[str]:
    """The ids of events that have none of their own: the same for the same kind, item, moment and unit.

    They begin with the moment, so that ids of a log come nearly in order, which SQLite adds twice as fast.
    """
    texts = [f"{kind}\x00{item}\x00{unit}" for kind, item, unit in zip(kinds, items, units, strict=True)]
    hashes = [blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest() for text in texts]
    times = np.rint(np.array(moments, dtype=np.float64) * 1e6).astype(np.int64).tolist()
    return ["%013x%s" % pair for pair in zip(times, hashes, strict=True)]  # noqa: UP031 - twice as fast


def _objects(cell: Any) -> list[Cells]:
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
    return "a time before 2000" if moment < FIRST else "a time over a day ahead"
