"""Variants and photos that follow the row of their product, as BigCommerce writes them.

Laws (tests/ingestion/reading/test_following.py):
- each variant is an item with what it lacks from its product's row, and its options as attributes;
- each photo that stands in a row of its own is in every row of its product, a variant's own photo first;
- a row of another kind, or one without a product, is left out, and a note names its kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from vlclip.engine.tables.format import Row
from vlclip.ingestion.reading import values
from vlclip.ingestion.reading.preset import OPTIONS, find

Cells = Mapping[str, Any]
_OPTION = re.compile(r"\[[A-Z]+\]\s*([^=\[\]]+?)\s*=\s*(.*?)\s*(?=[,;]\s*\[[A-Z]+\]|$)", re.DOTALL)
_NAMED_OPTION = re.compile(r"(?:^|\|)Name=(.*?)\|Value=(.*?)(?=\|Type=|\|Name=|$)", re.DOTALL)
_COLOUR_CODE = re.compile(r"(:#|\[#)[0-9A-Fa-f|#, ]+\]?$")
YES = ("true", "yes", "y", "1")


def follow(rows: Iterable[Row], spec: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Row]:
    """Products and their variants as rows of items."""
    product = _Product(spec, columns)
    notes: tuple[str, ...] = ()
    members: list[Row] = []
    for row in rows:
        word = product.kind_of(row)
        if row.problem or (members and word in product.followers):
            members.append(row)
        elif word in spec["heads"]:
            yield from product.items(members)
            members, notes = [row._replace(notes=(*row.notes, *notes))], ()
        else:
            note = f"a row with {product.kind} {word or '(nothing)'} is left out"
            if members:
                members[0] = members[0]._replace(notes=(*members[0].notes, note))
            else:
                notes += (note,)
    yield from product.items(members)


class _Product:
    """How the rows of one product are told apart and read."""

    def __init__(self, spec: Mapping[str, Any], columns: Sequence[str]) -> None:
        self._spec = spec
        self.kind, self._name = find(columns, spec["kind"]), find(columns, spec["name"])
        self._options = find(columns, spec["options"])
        self._ids = [column for wish in spec["ids"] if (column := find(columns, wish))]
        own = {column for wish in spec["own"] if (column := find(columns, wish))}
        self._own = own | {self.kind, self._options}
        self._photos = [column for wish in spec["photo"] if (column := find(columns, wish))]
        self._first, self._position, self._caption, self._own_photo = (
            find(columns, spec[name]) for name in ("first", "position", "caption", "own_photo")
        )
        self._tracked, self._quantity = find(columns, spec["tracked"]), find(columns, spec["quantity"])
        self.followers = frozenset((*spec["variants"], *spec["photos"]))

    def kind_of(self, row: Row) -> str:
        """The word that says what a row is."""
        return values.text(row.values.get(self.kind)).strip().lower()

    def items(self, rows: Sequence[Row]) -> Iterator[Row]:
        """The product, the variants that follow it, and rows that cannot be read; the first is a head."""
        head = next((row for row in rows if not row.problem), None)
        product = self._cells(head) if head is not None else {}
        readable = [row for row in rows if not row.problem]
        further = self._further_photos([row for row in readable if self.kind_of(row) in self._spec["photos"]])
        has_variants = any(self.kind_of(row) in self._spec["variants"] for row in readable)
        if has_variants:
            product[self._spec["group"]] = product[self._spec["id"]]
        for row in rows:
            if row.problem:
                yield row
            elif row is head:
                yield row._replace(values={**product, **further})
            elif self.kind_of(row) in self._spec["variants"]:
                yield row._replace(values=self._variant(row, product, further))

    def _cells(self, row: Row) -> dict[str, Any]:
        cells = dict(row.values)
        cells[self._spec["id"]] = next(
            (name for column in self._ids if (name := values.identifier(row.values.get(column)))), ""
        )
        cells[self._spec["available"]] = True
        return cells

    def _variant(self, row: Row, product: Cells, further: Cells) -> dict[str, Any]:
        own = self._cells(row)
        options = options_of(values.text(own.pop(self._options, None)))
        present = {column: cell for column, cell in own.items() if not values.absent(cell)}
        inherited = {column: cell for column, cell in product.items() if column not in self._own}
        cells = {**own, **inherited, **present, OPTIONS: options}
        cells[self._name] = product.get(self._name)
        if values.text(product.get(self._tracked)).lower() == self._spec["shared"]:
            cells[self._quantity] = product.get(self._quantity)  # the stock of all variants together
        if not cells[self._spec["id"]] or not present.get(self._spec["id"]):
            cells[self._spec["id"]] = "/".join([product[self._spec["id"]], *options.values()])
        cells |= further
        if not values.absent(own_photo := cells.pop(self._own_photo, None)):
            column = self._spec["into"]
            cells[column] = list(dict.fromkeys([own_photo, *cells.get(column, [])]))
        return cells

    def _further_photos(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The photos that stand in rows of their own, the one that is marked as first before the others."""

        def place(row: Row) -> tuple[bool, float]:
            position = values.written_number(values.text(row.values.get(self._position)))
            is_first = values.text(row.values.get(self._first)).lower() in YES
            return not is_first, position if position is not None else float("inf")

        ordered = sorted(rows, key=place)
        cells = [
            next((cell for column in self._photos if not values.absent(cell := row.values.get(column))), None)
            for row in ordered
        ]
        photos = [photo for photo in cells if photo is not None]
        captions = [caption for row in ordered if not values.absent(caption := row.values.get(self._caption))]
        listed: dict[str, Any] = {}
        if photos:
            listed[self._spec["into"]] = list(dict.fromkeys(photos))
        if captions:
            listed[self._caption] = captions
        return listed


def options_of(text: str) -> dict[str, str]:
    """The options of a variant as names and values; another text is one option.

    The older export writes `[S]Size=Small,[CS]Color=Black:#000000`, the newer `Type=Radio|Name=Size|Value=S`.
    """
    pairs = _OPTION.findall(text) or [(n.strip(), v.strip()) for n, v in _NAMED_OPTION.findall(text)]
    options = {name: _COLOUR_CODE.sub("", value) for name, value in pairs}
    return options or ({"option": text} if text else {})
