"""Exposures and their outcomes as one table, a row for each shown item: Parquet or JSON lines.

The columns are described in docs/exposures.md.

Laws (tests/ranking/experiments/test_exposures.py):
- a table is read back as it was written, as Parquet and as JSON lines;
- the file appears when it is complete, and not before; memory does not grow with its length;
- in an anonymous table equal units stay equal, and no unit, request id or search text is in the file.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from polars.io.plugins import register_io_source

from vlclip.engine.disk import whole_file
from vlclip.ranking.errors import HistoryError
from vlclip.ranking.experiments.exposure import Exposure, ShownItem
from vlclip.ranking.experiments.outcome import Logged, Outcome

ROWS = 50_000
"""How many rows of Parquet are read at a time."""
LATER = frozenset({"variants"})
"""Columns that older tables lack."""
PART = "part_"
"""The prefix of the columns with the parts of scores."""
IMPERSONAL = ("anchor", "weights", "filter", "strategy", "asked")
"""The fields of the context that stay in an anonymous table; `asked` stays without its `exclude`."""

_LIST: dict[str, Any] = {
    "request_id": pl.String,
    "time": pl.Float64,
    "kind": pl.String,
    "unit": pl.String,
    "experiment": pl.String,
    "arm": pl.String,
    "context": pl.String,
    "temperature": pl.Float64,
}
_ITEM: dict[str, Any] = {
    "position": pl.Int64,
    "item": pl.String,
    "score": pl.Float64,
    "propensity": pl.Float64,
    "clicks": pl.Int64,
    "carts": pl.Int64,
    "purchases": pl.Int64,
    "first_click": pl.Float64,
    "value": pl.Float64,
    "variants": pl.List(pl.String),
    "candidates": pl.List(pl.String),
    "candidate_scores": pl.List(pl.Float64),
}


@dataclass(frozen=True, slots=True)
class TableSize:
    """The number of lists and shown items in a table, and the number of items that were clicked."""

    lists: int = 0
    items: int = 0
    clicked: int = 0


def part_names(batches: Iterable[Sequence[Exposure]]) -> list[str]:
    """The names of all parts that occur in scores, sorted."""
    items = (item for batch in batches for exposure in batch for item in exposure.items)
    return sorted({name for item in items for name in item.parts})


def write_table(
    path: Path,
    batches: Iterable[Sequence[Logged]],
    parts: Sequence[str],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> TableSize:
    """Write the lists to `path`, .parquet or .jsonl; `parts` are the names of the parts of scores.

    The file is written under another name beside it and renamed at the end. `progress` is called with the
    number of lists written. Errors: `HistoryError` for another suffix or a part not in `parts`, `DiskFull`.
    """
    if path.suffix not in {".parquet", ".jsonl"}:
        raise HistoryError(f"{path} must end in .parquet or .jsonl; rename it")
    totals = [0, 0, 0]

    def source(*_: object) -> Iterator[pl.DataFrame]:
        for batch in batches:
            yield _frame(batch, parts)
            totals[0] += len(batch)
            totals[1] += sum(len(exposure.items) for exposure, _ in batch)
            totals[2] += sum(outcome.clicks > 0 for _, outcomes in batch for outcome in outcomes)
            progress(totals[0])

    rows = register_io_source(source, schema=_LIST | _items(parts))
    try:
        # a file object, since with a name polars may create the file even after it has failed
        with whole_file(path, "wb") as file:
            (rows.sink_parquet if path.suffix == ".parquet" else rows.sink_ndjson)(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise HistoryError(f"{path} cannot be written ({error}); free its disk or choose another") from error
    return TableSize(*totals)


def read_exposures(path: Path) -> Iterator[Logged]:
    """The lists of a table with the outcomes of their items, in the order of the file, in constant memory."""
    for _, rows in groupby(_rows(path), key=lambda row: row["request_id"]):
        yield _logged(list(rows))


def anonymous(batches: Iterable[Sequence[Logged]]) -> Iterator[list[Logged]]:
    """The lists with hashes for units and request ids, by a discarded key, and the `IMPERSONAL` context."""
    key = secrets.token_bytes(32)

    def hashed(text: str) -> str:
        return blake2b(text.encode(), key=key, digest_size=8).hexdigest() if text else ""

    for batch in batches:
        yield [
            (
                replace(
                    exposure,
                    request_id=hashed(exposure.request_id),
                    unit=hashed(exposure.unit),
                    context=_impersonal(exposure.context),
                ),
                outcomes,
            )
            for exposure, outcomes in batch
        ]


def _impersonal(context: Mapping[str, Any]) -> dict[str, Any]:
    impersonal = {name: context[name] for name in IMPERSONAL if name in context}
    if isinstance(request := impersonal.get("asked"), Mapping):
        impersonal["asked"] = {name: value for name, value in request.items() if name != "exclude"}
    return impersonal


def _items(parts: Sequence[str]) -> dict[str, Any]:
    return _ITEM | dict.fromkeys([PART + name for name in parts], pl.Float64)


def _frame(batch: Sequence[Logged], parts: Sequence[str]) -> pl.DataFrame:
    """A frame with a row for each item: each list is a row of list columns that polars explodes."""
    columns: dict[str, list[Any]] = {name: [] for name in [*_LIST, *_items(parts)]}
    for exposure, outcomes in batch:
        if any(item.parts.keys() - set(parts) for item in exposure.items):
            raise HistoryError(f"the list {exposure.request_id!r} has a new part; export again to have it")
        for name in ("request_id", "time", "kind", "unit", "experiment", "arm", "temperature"):
            columns[name].append(getattr(exposure, name))
        columns["context"].append(orjson.dumps(exposure.context).decode())
        # a list without results has one row, without an item
        length = max(1, len(exposure.items))
        columns["position"].append(range(exposure.offset + 1, exposure.offset + 1 + length))
        for name in ("item", "score", "propensity"):
            columns[name].append([getattr(item, name) for item in exposure.items] or [None])
        for name in ("clicks", "carts", "purchases", "first_click", "value"):
            columns[name].append([getattr(outcome, name) for outcome in outcomes] or [None])
        columns["variants"].append([item.variants or None for item in exposure.items] or [None])
        # only in the first row: in every row they would be most of the file
        items, scores = zip(*exposure.candidates, strict=True) if exposure.candidates else (None, None)
        columns["candidates"].append([items] + [None] * (length - 1))
        columns["candidate_scores"].append([scores] + [None] * (length - 1))
        for name in parts:
            columns[PART + name].append([item.parts.get(name) for item in exposure.items] or [None])
    schema = _LIST | {name: pl.List(kind) for name, kind in _items(parts).items()}
    return pl.DataFrame(columns, schema=schema).explode(*_items(parts))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a table of exposures; `HistoryError` if the file is not one."""
    columns = [name for name in _LIST | _ITEM if name not in LATER]
    try:
        for number, row in enumerate(_read(path), 1):
            fields = row if isinstance(row, dict) else {}
            if missing := [name for name in columns if name not in fields]:
                raise HistoryError(
                    f"{path} is no table of exposures (row {number} has no {missing[0]!r}); export it again"
                )
            yield row
    except (pl.exceptions.PolarsError, OSError, orjson.JSONDecodeError) as error:
        raise HistoryError(f"{path} is no table of exposures ({error}); export it again") from error


def _read(path: Path) -> Iterator[Any]:
    """The rows of a file, unchecked."""
    if path.suffix == ".jsonl":
        with path.open("rb") as lines:
            yield from map(orjson.loads, lines)
    else:
        # collect_batches reads ahead without limit; slices keep memory constant
        rows, start = pl.scan_parquet(path), 0
        while len(frame := rows.slice(start, ROWS).collect()):
            yield from frame.iter_rows(named=True)
            start += ROWS


def _logged(rows: Sequence[Mapping[str, Any]]) -> Logged:
    first = rows[0]
    item_rows = [row for row in rows if row["item"] is not None]
    parts = [name for name in first if name.startswith(PART)]
    exposure = Exposure(
        request_id=first["request_id"],
        time=first["time"],
        kind=first["kind"],
        unit=first["unit"],
        experiment=first["experiment"],
        arm=first["arm"],
        context=orjson.loads(first["context"]),
        temperature=first["temperature"],
        candidates=tuple(zip(first["candidates"] or (), first["candidate_scores"] or (), strict=True)),
        offset=first["position"] - 1,
        items=tuple(
            ShownItem(
                row["item"],
                row["score"],
                {name.removeprefix(PART): row[name] for name in parts if row[name] is not None},
                row["propensity"],
                tuple(row.get("variants") or ()),
            )
            for row in item_rows
        ),
    )
    outcomes = tuple(
        Outcome(row["clicks"], row["carts"], row["purchases"], row["first_click"], row["value"])
        for row in item_rows
    )
    return exposure, outcomes
