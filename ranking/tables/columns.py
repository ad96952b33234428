"""Which columns of a table mean what: by the operator's `field=column`, the rest by name and by content.

Laws (tests/ranking/tables/test_columns.py):
- a given column always wins over a guess, and `field=` leaves a field empty;
- a column without any value is not guessed where another has values;
- a column whose values look like times is a time, is mapped to another field, or the table is refused;
- where there is no time, a column that numbers rows is mapped to it or left out by the operator;
- every column is taken, or named as not used; all fields that lack a column are named at once.
"""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlclip.ranking.errors import BadTable
from vlclip.ranking.tables.cells import is_absent
from vlclip.ranking.tables.times import is_day_only, looks_like_clock, looks_like_times

Cells = Mapping[str, Any]
TIME = "time"
"""The field whose columns are recognised by their values too."""
SLOT = re.compile(r"\{([^{}]+)\}")
_WITHIN_A_DAY = ("timeframe", "timeofday", "clock", "hour")
_ORDER = (
    "position", "positioninsession", "order", "ordernumber", "sequence", "sequencenumber", "seq", "step",
    "rank", "index", "idx", "eventindex", "eventnumber", "clicknumber", "clickorder", "turn",
)  # fmt: skip
"""Names of columns that number what came one after another."""
_TIME_NAME = re.compile(r"(time|date|timestamp)|(at|ts|on)$")


@dataclass(frozen=True, slots=True)
class Guess:
    """A field and the names of columns that mean it, likeliest first, in lower case without punctuation."""

    field: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of each field, mostly one, and those that are not used."""

    by_field: Mapping[str, tuple[str, ...]]
    unused: tuple[str, ...]

    def __getitem__(self, field: str) -> str:
        """The column of a field, "" where it has none."""
        return next(iter(self.by_field.get(field, ())), "")

    def describe(self) -> str:
        """What was taken and what was not, in one line for people."""
        pairs = [
            f"{field} ← {', then '.join(columns)}" for field, columns in self.by_field.items() if columns
        ]
        unused = f"; not used: {', '.join(self.unused)}" if self.unused else ""
        return ", ".join(pairs) + unused


def parse_mapping(options: Iterable[str], fields: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The command line's `field=column` options; `BadTable` for a field that there is not.

    `time={date} {clock}` takes two columns. `field=` leaves the field empty instead of guessing it.
    """
    mapping: dict[str, tuple[str, ...]] = {}
    for option in options:
        field, sign, column = (part.strip() for part in option.partition("="))
        if not sign or not field:
            raise BadTable(f"cannot read the mapping {option!r}; write field=column")
        if field not in fields:
            raise BadTable(f"there is no field {field!r} here; there are: {', '.join(fields)}")
        mapping[field] = tuple(SLOT.findall(column)) or ((column,) if column else ())
    return mapping


def choose_columns(
    columns: Sequence[str],
    sample: Sequence[Cells],
    guesses: Sequence[Guess],
    mapping: Mapping[str, tuple[str, ...]],
    name: str,
) -> Columns:
    """The columns of each field; `sample` are the first rows, `name` is what messages call the table.

    `BadTable` where a mapped column is not there, or a column that nobody asked for looks like a time.
    """
    by_field = dict(mapping)
    for field, chosen in mapping.items():
        for column in chosen:
            if column not in columns:
                raise BadTable(f"{field}={column}: {name} has no such column{_nearest(column, columns)}")
    used = {column for chosen in by_field.values() for column in chosen}
    for guess in guesses:
        if guess.field in mapping:
            continue
        column = _guess([column for column in columns if column not in used], guess.names, sample)
        by_field[guess.field] = (column,) if column else ()
        used.add(column)
    if TIME in by_field and TIME not in mapping:
        by_field[TIME] = _time_columns(by_field[TIME], [c for c in columns if c not in used], sample, name)
        used.update(by_field[TIME])
    return Columns(by_field, tuple(column for column in columns if column not in used))


def need_columns(
    columns: Columns, needs: Sequence[Sequence[str]], path: object, present: Sequence[str]
) -> None:
    """`BadTable` that names all needs for which there is no column; any field of a need will do."""
    lacking = [fields for fields in needs if not any(columns[field] for field in fields)]
    if lacking:
        named = " and ".join(f"the {' or '.join(fields)}" for fields in lacking)
        options = " ".join(f"--map {fields[0]}=COLUMN" for fields in lacking)
        raise BadTable(
            f"{path} has no column for {named}; it has {', '.join(present)}: name "
            f"{'them' if lacking[1:] else 'it'} with {options}"
        )


def plain(name: str) -> str:
    """A column's name in lower case without punctuation."""
    return re.sub(r"[\W_]", "", name.lower())


def _guess(columns: Sequence[str], names: Sequence[str], sample: Sequence[Cells]) -> str:
    """The likeliest column that has a value in the sample, else the likeliest."""
    by_name = {plain(column): column for column in reversed(columns)}
    likely = [by_name[name] for name in names if name in by_name]
    filled = (column for column in likely if any(not is_absent(row.get(column)) for row in sample))
    return next(filled, likely[0] if likely else "")


def _time_columns(
    chosen: tuple[str, ...], unused: Sequence[str], sample: Sequence[Cells], name: str
) -> tuple[str, ...]:
    """The columns of the time: the guess, with that of the time of the day where the guess has only days.

    Without a guess, the one column that is called after a time and holds times.
    """
    now = time.time()
    cells = {column: [row.get(column) for row in sample] for column in (*chosen, *unused)}
    if chosen and not is_day_only(cells[chosen[0]]):
        return chosen
    clock = next((c for c in unused if plain(c) in _WITHIN_A_DAY or looks_like_clock(cells[c])), "")
    if chosen and clock:
        return (*chosen, clock)
    likely = [column for column in unused if looks_like_times(cells[column], now)]
    if not chosen and not likely:
        likely = [column for column in unused if plain(column) in _ORDER and _counts(cells[column])]
        if likely:
            raise BadTable(
                f"{name}: {likely[0]!r} may be the order; take it with --map time={likely[0]}, or that of "
                "the rows with --map time="
            )
    if not likely or (not chosen and len(likely) == 1 and _TIME_NAME.search(plain(likely[0]))):
        return chosen or tuple(likely)
    raise BadTable(
        f"{name}: {', '.join(map(repr, (*chosen, *likely)))} may be the time; say which column it is with "
        f"--map time={likely[0]}" + ("" if chosen else ", or take the order of the rows with --map time=")
    )


def _counts(cells: Iterable[Any]) -> bool:
    """Whether there are whole numbers and nothing else."""
    present = [str(cell).strip() for cell in cells if not is_absent(cell)]
    return bool(present) and all(cell.isdecimal() for cell in present)


def _nearest(name: str, candidates: Sequence[str]) -> str:
    lower = {candidate.lower(): candidate for candidate in candidates}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    return f"; did you mean {lower[close[0]]!r}?" if close else f"; it has {', '.join(candidates)}"
