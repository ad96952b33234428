"""Where the fields of an event stand in the rows of one file: by a preset, by name, by the operator's word.

Laws (tests/ranking/history/intake/test_shape.py):
- a given column wins over the preset's, and that over a guess;
- a file whose events have no item, user, time or kind is refused with what to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlclip.ranking.errors import BadTable
from vlclip.ranking.history.intake.preset import PLAIN, Preset
from vlclip.ranking.tables.columns import TIME, Guess, choose_columns, parse_mapping
from vlclip.ranking.tables.fields import GUESSES
from vlclip.ranking.tables.times import looks_like_clock

FIELDS = ("id", "user", "session", "time", "kind", "items", "item", "price", "quantity", "request_id")
"""What `--map` may name."""
KIND_NAMES = ("event", "eventtype", "eventname", "kind", "action", "behavior", "behaviour", "behaviortype",
              "behaviourtype", "interaction", "interactiontype", "type", "activity")  # fmt: skip
EXTRA = (
    Guess("kind", KIND_NAMES),
    Guess("price", ("price", "value", "revenue", "amount")),
    Guess("quantity", ("quantity", "qty")),
    Guess("request_id", ("requestid",)),
    Guess("id", ("eventid", "messageid", "eventuuid", "uuid")),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of each field, likeliest first, and what the file's names of kinds mean.

    `clock` is the column of the time of the day where the time's column has only days.
    """

    columns: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, str]
    every_kind: str
    clock: str
    unused: tuple[str, ...]

    def describe(self) -> str:
        """What was taken and what was not, in one line for people."""
        pairs = [f"{field} ← {' or '.join(names)}" for field, names in self.columns.items() if names]
        if self.clock:
            pairs.append(f"time of the day ← {self.clock}")
        if self.every_kind:
            pairs.append(f"every row is of kind {self.every_kind}")
        unused = f"; not used: {', '.join(self.unused)}" if self.unused else ""
        return ", ".join(pairs) + unused


def choose_shape(
    preset: Preset,
    columns: Sequence[str],
    sample: Sequence[Mapping[str, Any]],
    mapping: Sequence[str],
    kinds: Mapping[str, str],
    every_kind: str,
    name: str,
) -> Shape:
    """The shape of the file `name`, of these columns and first rows.

    `kinds` are given names of kinds by the file's, `every_kind` that of every row. `BadTable` where no column
    holds an item, a user, a time or a kind.
    """
    options = parse_mapping(mapping, FIELDS)
    for field, chosen in options.items():
        for column in chosen:
            if column not in columns and column.partition(".")[0] not in columns:
                raise BadTable(f"{field}={column}: {name} has no such column; it has {', '.join(columns)}")
    if preset.name == PLAIN:
        flat = {field: chosen for field, chosen in options.items() if all(c in columns for c in chosen)}
        nested = {guess.field for guess in (*GUESSES, *EXTRA)} & (options.keys() - flat.keys())
        wanting = [guess for guess in (*GUESSES, *EXTRA) if guess.field not in nested]
        by_field = dict(choose_columns(columns, sample, wanting, flat, name).by_field)
    else:
        heads = set(columns)
        by_field = {
            field: likely
            if field in ("item", "price", "quantity") and "items" in preset.columns
            else tuple(column for column in likely if heads & {column, column.partition(".")[0]})
            for field, likely in preset.columns.items()
        }
    by_field |= options
    clock = ""
    if preset.name == PLAIN and len(by_field.get(TIME, ())) == 2:
        by_field[TIME], (_, second) = by_field[TIME][:1], by_field[TIME]
        clock = second if looks_like_clock(row.get(second) for row in sample) else ""
    single = every_kind or ("" if by_field.get("kind") else preset.every_kind)
    if single:
        by_field["kind"] = ()
    _check(by_field, single, columns, name)
    used = {column.partition(".")[0] for chosen in by_field.values() for column in chosen}
    used |= {column for chosen in by_field.values() for column in chosen}
    unused = tuple(column for column in columns if column not in used | {clock})
    return Shape(by_field, {**preset.kinds, **kinds}, single, clock, unused)


def _check(by_field: Mapping[str, Sequence[str]], every_kind: str, columns: Sequence[str], name: str) -> None:
    missing = [
        field
        for field in ("user", "item", TIME, "kind")
        if not by_field.get(field)
        and not (field == "user" and by_field.get("session"))
        and not (field == "item" and by_field.get("items"))
        and not (field == "kind" and every_kind)
    ]
    if missing:
        kind = " (or the kind of all rows: --kind view)" if "kind" in missing else ""
        raise BadTable(
            f"{name} has no column for the {' and the '.join(missing)}; it has {', '.join(columns)}: name it "
            f"with --map {missing[0]}=COLUMN{kind}"
        )
