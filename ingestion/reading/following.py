"""Variants that follow the row of their product, as BigCommerce writes them.

Laws (tests/ingestion/reading/test_following.py):
- each variant is an item with what it lacks from its product's row, and its options as attributes;
- a row of another kind, or a variant without a product, is left out, and a note names its kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from vlclip.engine.tables.format import Row
from vlclip.ingestion.reading import values
from vlclip.ingestion.reading.preset import OPTIONS, find

_OPTION = re.compile(r"\[[A-Z]+\]\s*([^=\[\]]+?)\s*=\s*(.*?)\s*(?=[,;]\s*\[[A-Z]+\]|$)", re.DOTALL)
_COLOUR_CODE = re.compile(r":#[0-9A-Fa-f|#]+$")


def follow(rows: Iterable[Row], spec: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Row]:
    """Products and their variants as rows of items."""
    kind, name = find(columns, spec["kind"]), find(columns, spec["name"])
    ids = [column for wish in spec["ids"] if (column := find(columns, wish))]
    own = {column for wish in spec["own"] if (column := find(columns, wish))} | {kind, name}
    product: Mapping[str, Any] | None = None
    waiting: Row | None = None
    notes: tuple[str, ...] = ()
    for row in rows:
        word = values.text(row.values.get(kind)).strip().lower()
        is_variant = word in spec["variants"] and product is not None
        if not row.problem and word not in spec["heads"] and not is_variant:
            note = f"a row with {kind} {word or '(nothing)'} is left out"
            if waiting is None:
                notes += (note,)
            else:
                waiting = waiting._replace(notes=(*waiting.notes, note))
            continue
        cells = dict(row.values)
        cells[spec["id"]] = next((i for c in ids if (i := values.identifier(row.values.get(c)))), "")
        cells[spec["available"]] = True
        if is_variant and product is not None:
            options = options_of(values.text(row.values.get(name)))
            inherited = {column: cell for column, cell in product.items() if column not in own}
            present = {column: cell for column, cell in cells.items() if not values.absent(cell)}
            group = product[spec["id"]]
            cells = {**cells, **inherited, **present, name: product.get(name), spec["group"]: group}
            cells[OPTIONS] = options
            if not present.get(spec["id"]):
                cells[spec["id"]] = "/".join([group, *options.values()])
            if waiting is not None and waiting.values.get(spec["id"]) == group:  # the product itself
                waiting = waiting._replace(values={**waiting.values, spec["group"]: group})
        elif not row.problem:
            product = cells
        if waiting is not None:
            yield waiting
        waiting = row if row.problem else row._replace(values=cells, notes=(*row.notes, *notes))
        notes = notes if row.problem else ()
    if waiting is not None:
        yield waiting


def options_of(text: str) -> dict[str, str]:
    """`[S]Size=Small,[CS]Color=Black:#000000` as names and values; another text is one option."""
    options = {name: _COLOUR_CODE.sub("", value) for name, value in _OPTION.findall(text)}
    return options or ({"option": text} if text else {})
