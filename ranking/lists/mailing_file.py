"""Lists of users written to Parquet or JSON lines: a row a user, or a row for each item of a list.

Laws (tests/ranking/lists/test_mailing.py):
- both formats and both shapes hold the same;
- the file appears when it is complete, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from vlclip.engine.disk import whole_file
from vlclip.ranking.errors import HistoryError
from vlclip.ranking.lists.mailing import UserList, list_form

_LIST: Mapping[str, Any] = {
    "user": pl.String, "strategy": pl.String, "is_fallback": pl.Boolean, "arm": pl.String
}  # fmt: skip
_ITEM: Mapping[str, Any] = {
    "rank": pl.Int64, "id": pl.String, "score": pl.Float64, "title": pl.String, "price": pl.Float64,
    "currency": pl.String, "photo": pl.String,
}  # fmt: skip


@dataclass(slots=True)
class MailingSize:
    """How many users, lists for anybody, empty lists, items, and items without the address of a photo."""

    users: int = 0
    fallbacks: int = 0
    empty: int = 0
    items: int = 0
    without_photo: int = 0


def write_mailing(
    path: Path,
    batches: Iterable[Sequence[UserList]],
    *,
    is_flat: bool = False,
    photo_base: str = "",
    progress: Callable[[int], None] = lambda _: None,
) -> MailingSize:
    """Write the lists to `path`, .parquet or .jsonl; with `is_flat` a row for each item of a list.

    The file is written under another name beside it and renamed at the end. `progress` is called with the
    number of users. `HistoryError` for another ending, `DiskFull` without room.
    """
    if path.suffix not in {".parquet", ".jsonl"}:
        raise HistoryError(f"{path} must end in .parquet or .jsonl; rename it")
    schema = {**_LIST, **_ITEM} if is_flat else {**_LIST, "items": pl.List(pl.Struct(dict(_ITEM)))}
    size, failures = MailingSize(), []

    def source(*_: object) -> Iterator[pl.DataFrame]:
        try:
            for batch in batches:
                forms = [list_form(item_list, photo_base) for item_list in batch]
                _count(forms, size)
                yield pl.DataFrame(_flat(forms) if is_flat else forms, schema=schema)
                progress(size.users)
        except Exception as error:  # polars would tell of it in its own words
            failures.append(error)
            raise

    rows = register_io_source(source, schema=schema)
    try:
        with whole_file(path, "wb") as file:
            (rows.sink_parquet if path.suffix == ".parquet" else rows.sink_ndjson)(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        if failures:
            raise failures[0] from None
        raise HistoryError(f"{path} cannot be written ({error}); free its disk or choose another") from error
    return size


def _flat(forms: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**{name: form[name] for name in _LIST}, **item} for form in forms for item in form["items"]]


def _count(forms: Sequence[Mapping[str, Any]], size: MailingSize) -> None:
    size.users += len(forms)
    size.fallbacks += sum(form["is_fallback"] for form in forms)
    size.empty += sum(not form["items"] for form in forms)
    size.items += sum(len(form["items"]) for form in forms)
    size.without_photo += sum(not item["photo"] for form in forms for item in form["items"])
