"""Rows of an export made rows of items, in the steps that its preset names.

Laws (tests/ingestion/reading/test_reshape.py):
- a cell that is given stays in a row, goes to the rows that inherit it, or a note of a row names its column;
- a row is in the group of the first of its parents, in whatever order rows and files come;
- rows are read in one pass; what is kept is the rows of one product, and those that others name as parents.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from vlclip.engine.tables.format import Row
from vlclip.ingestion.reading import objects, values
from vlclip.ingestion.reading.expand import expand_jsonld, fold, unfold
from vlclip.ingestion.reading.following import follow
from vlclip.ingestion.reading.group_column import fill
from vlclip.ingestion.reading.preset import OPTIONS, Preset, find

Rows = Iterable[Row]
Cells = Mapping[str, Any]
_LOCALE = re.compile(r"(?P<base>.+?)-(?P<locale>[a-z]{2,3}_[A-Z]{2})(-(?P<channel>[\w]+))?")
_CURRENCY = re.compile(r"(?P<base>\w*(?:price|cost|msrp)\w*)-(?P<currency>[A-Z]{3})", re.IGNORECASE)


class Shape:
    """The steps of one preset over the rows of a catalogue; `all_rows` reads them anew, to find parents."""

    def __init__(self, preset: Preset, columns: Sequence[str], all_rows: Callable[[], Iterator[Row]]) -> None:
        self._steps: list[Callable[[Rows], Iterator[Row]]] = [
            partial(_step, make, preset.steps[name], columns)
            for name, make in _STEPS.items()
            if name in preset.steps
        ]
        if "parents" in preset.steps:
            spec = preset.steps["parents"]
            heirs = (
                _Children(spec, columns, all_rows)
                if "children" in spec
                else _Parents(spec, columns, all_rows, self)
            )
            self._steps.append(heirs)

    def __call__(self, rows: Rows) -> Iterator[Row]:
        """The rows of items."""
        for step in self._steps:
            rows = step(rows)
        return iter(rows)


def _step(make: Step, spec: Mapping[str, Any], columns: Sequence[str], rows: Rows) -> Iterator[Row]:
    return make(rows, spec, columns)


def _views(rows: Rows, spec: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Row]:
    """Of rows of one key that follow one another that of the default view; a note counts the others.

    They hold texts for other languages. A row that has no such neighbour is an item, whatever its view.
    """
    column, key = find(columns, spec["column"]), find(columns, spec["key"])
    waiting: Row | None = None
    for row in rows:
        if waiting is None or row.problem or not _have_same(key, waiting, row):
            if waiting is not None:
                yield waiting
            waiting = row
            continue
        view, earlier = (values.text(r.values.get(column)) if column else "" for r in (row, waiting))
        if view.lower() in spec["default"]:
            if earlier.lower() in spec["default"]:  # the same row twice, which is told later on
                yield waiting
                waiting = row
                continue
            left_out, waiting = earlier, row._replace(notes=(*waiting.notes, *row.notes))
        else:
            left_out = view
        note = f"a row with the texts of {column} {left_out} is left out; the default one is read"
        waiting = waiting._replace(notes=(*waiting.notes, note))
    if waiting is not None:
        yield waiting


def _have_same(key: str, row: Row, other: Row) -> bool:
    name = values.identifier(row.values.get(key))
    return bool(name) and name == values.identifier(other.values.get(key))


def _map_values(rows: Rows, change: Callable[[dict[str, Any]], None]) -> Iterator[Row]:
    for row in rows:
        if row.problem:
            yield row
            continue
        cells = dict(row.values)
        change(cells)
        yield row._replace(values=cells)


def _options(rows: Rows, spec: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Row]:
    """Pairs of columns for name and value become attributes of those names."""
    pairs: list[tuple[str, str]] = []
    while name := find(columns, spec["names"].format(n=len(pairs) + 1)):
        pairs.append((name, find(columns, spec["values"].format(n=len(pairs) + 1))))

    def change(cells: dict[str, Any]) -> None:
        options: dict[str, Any] = {}
        for name_column, value_column in pairs:
            name, value = values.text(cells.get(name_column)), cells.get(value_column)
            if not name or values.absent(value):
                continue
            if [name, value] != spec.get("ignored"):
                options[name] = value
                if "split" in spec and isinstance(value, str) and spec["split"] in value:
                    options[name] = [part.strip() for part in value.split(spec["split"])]
            del cells[name_column], cells[value_column]
        _add_options(cells, options)

    return _map_values(rows, change)


def _stock(rows: Rows, spec: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Row]:
    """Whether a row can be bought, from its quantity; it can where nobody counts, or none is needed."""
    names = (spec.get(key) for key in ("quantity", "tracked", "policy"))
    quantity, tracked, policy = (find(columns, name) if name else "" for name in names)
    return _map_values(rows, partial(_count_stock, spec, quantity, tracked, policy))


def _unfolded_stock(rows: Rows, spec: Mapping[str, Any], _columns: Sequence[str]) -> Iterator[Row]:
    """The same for the variants of a list, whose columns are there once they are rows."""
    for row in rows:
        cells = dict(row.values)
        if not row.problem and spec["quantity"] in cells:
            tracked = spec["tracked"] if spec["tracked"] in cells else ""
            _count_stock(spec, spec["quantity"], tracked, spec["policy"], cells)
        yield row._replace(values=cells)


def _count_stock(
    spec: Mapping[str, Any], quantity: str, tracked: str, policy: str, cells: dict[str, Any]
) -> None:
    if not quantity or values.absent(cells.get(quantity)):
        return
    word = values.text(cells.get(tracked)).lower() if tracked else ""
    is_tracked = not values.absent(cells.get(tracked)) and word not in spec.get("untracked", ())
    is_counted = not tracked or is_tracked
    sells_on = bool(policy) and values.text(cells.get(policy)).lower() in spec["sells"]
    cells[spec["into"]] = cells[quantity] if is_counted and not sells_on else True


def _off_sale(rows: Rows, spec: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Row]:
    """Rows that are not on sale, as drafts, cannot be bought whatever their stock; a note counts them.

    Where no column says what is in stock, one is added, with the count of the column `instead`.
    """
    words = {column: off for name, off in spec["columns"].items() if (column := find(columns, name))}
    instead = find(columns, spec["instead"]) if "instead" in spec else ""
    for row in rows:
        if row.problem or not words:
            yield row
            continue
        column = next((c for c, off in words.items() if values.text(row.values.get(c)).lower() in off), "")
        target = next((name for name in spec["into"] if name in row.values), "")
        target = target or next((name for want in spec["into"] if (name := find(row.values, want))), "")
        if column:
            note = f"{column} {values.text(row.values[column])} means not on sale; kept as unavailable"
            cells = {**row.values, target or spec["into"][0]: False}
            yield row._replace(values=cells, notes=(*row.notes, note))
        elif target:
            yield row
        else:
            yield row._replace(values={**row.values, spec["into"][0]: row.values.get(instead)})


def _listed(rows: Rows, spec: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Row]:
    """Cells such as `colour=green,material=cotton` become attributes."""
    names = [column for name in spec["columns"] if (column := find(columns, name))]

    def change(cells: dict[str, Any]) -> None:
        for name in names:
            cell = cells.get(name)
            if isinstance(cell, str) and "=" in cell:
                pairs = [part.partition("=") for part in re.split(r",(?=[^,=]+=)", cell)]
                del cells[name]
                _add_options(cells, {key.strip(): _listed_value(value) for key, _, value in pairs})

    return _map_values(rows, change)


def _listed_value(value: str) -> str | list[str]:
    """A value without the quotes that enclose it; bars part several."""
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"')
    parts = [part.strip() for part in text.split("|")]
    return text if len(parts) == 1 else [part for part in parts if part]


def _written(rows: Rows, spec: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Row]:
    """Cells without the signs that a system writes for a spreadsheet's sake.

    An apostrophe that keeps the zeros of a code goes, and two signs for a line break become one.
    """
    codes, texts = (
        [column for name in spec.get(key, ()) if (column := find(columns, name))]
        for key in ("codes", "texts")
    )

    def change(cells: dict[str, Any]) -> None:
        for name in codes:
            if isinstance(cell := cells.get(name), str) and cell[:1] == "'" and cell[1:2].isdigit():
                cells[name] = cell[1:]
        for name in texts:
            if isinstance(cell := cells.get(name), str) and "\\n" in cell:
                cells[name] = cell.replace("\\n", "\n")

    return _map_values(rows, change)


def _named(rows: Rows, spec: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Row]:
    """Objects with a name and a value become attributes of those names."""
    names = [column for name in spec["columns"] if (column := find(columns, name))]

    def change(cells: dict[str, Any]) -> None:
        for name in names:
            cell = cells.get(name)
            parts = [cell] if isinstance(cell, Mapping) else cell
            if isinstance(parts, list) and (options := objects.named_values(parts)):
                del cells[name]
                _add_options(cells, options)

    return _map_values(rows, change)


def _suffixes(rows: Rows, _spec: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Row]:
    """`name-en_US` and `name-de_DE` become `name` with its languages, `price-EUR` one with its currency."""
    texts: dict[str, dict[str, str]] = {}
    prices: dict[str, dict[str, str]] = {}
    for column in columns:
        if (match := _LOCALE.fullmatch(column)) and match["base"] not in columns:
            texts.setdefault(match["base"], {}).setdefault(match["locale"], column)
        elif (match := _CURRENCY.fullmatch(column)) and match["base"] not in columns:
            prices.setdefault(match["base"], {}).setdefault(match["currency"], column)

    def change(cells: dict[str, Any]) -> None:
        for base, locales in texts.items():
            texts_of = {tag: cells.pop(column, None) for tag, column in locales.items()}
            cells[base] = {tag: text for tag, text in texts_of.items() if not values.absent(text)}
        for base, currencies in prices.items():
            for currency, column in currencies.items():
                if not values.absent(cells.get(column)):
                    cells[base] = f"{values.text(cells.pop(column))} {currency}"
                    break

    return _map_values(rows, change)


class _Parents:
    """Rows that name a parent inherit what they lack from it, then from its own parent, and so on.

    Their group is the first of these. `earlier` are the steps before this one.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        columns: Sequence[str],
        all_rows: Callable[[], Iterator[Row]],
        earlier: Callable[[Rows], Iterator[Row]],
    ) -> None:
        self._parent = next((name for want in spec["parent"] if (name := find(columns, want))), "")
        self._rows: dict[str, Cells] = {}
        self._inherited: list[str] = []
        if not self._parent:
            return
        templates = [template for key in spec["keys"] if (template := _template(key, columns))]
        parents = {values.identifier(row.values.get(self._parent)) for row in all_rows()} - {"", "0"}
        for row in all_rows() if parents else ():
            for template in templates:
                if (name := fill(template, row.values)) in parents and name not in self._rows:
                    self._rows[name] = next(earlier([row]), row).values
        columns = list(dict.fromkeys([*columns, *(name for row in self._rows.values() for name in row)]))
        self._inherited = [column for name in spec["inherited"] if (column := find(columns, name))]

    def __call__(self, rows: Rows) -> Iterator[Row]:
        """The rows with what they inherit."""
        if not self._parent:
            return iter(rows)
        return _map_values(rows, self._inherit)

    def _inherit(self, cells: dict[str, Any]) -> None:
        name = values.identifier(cells.get(self._parent))
        if name == "0":  # no parent, as WooCommerce writes it
            cells[self._parent] = None
        passed = dict.fromkeys([name])
        while parent := self._rows.get(name):
            _inherit(cells, parent, self._inherited)
            above = values.identifier(parent.get(self._parent))
            if above in ("", "0"):
                break
            if above in passed:  # in a ring none is the first
                return
            passed[name := above] = None
        if len(passed) > 1:
            cells[self._parent] = name


class _Children:
    """Rows that their parent's list names inherit from it, and are in its group."""

    def __init__(
        self, spec: Mapping[str, Any], columns: Sequence[str], all_rows: Callable[[], Iterator[Row]]
    ) -> None:
        self._key = find(columns, spec["key"])
        self._into = spec["into"]
        self._inherited = [column for name in spec["inherited"] if (column := find(columns, name))]
        self._parents: dict[str, Cells] = {}
        children = find(columns, spec["children"])
        for row in all_rows() if children else ():
            listed = values.text(row.values.get(children))
            for child in listed.split("|") if listed else ():
                pairs = dict(part.partition("=")[::2] for part in child.split(","))
                if sku := pairs.get("sku", "").strip():
                    self._parents.setdefault(sku, row.values)
                    self._parents.setdefault(values.identifier(row.values.get(self._key)), row.values)

    def __call__(self, rows: Rows) -> Iterator[Row]:
        """The rows with what they inherit."""
        return _map_values(rows, self._inherit)

    def _inherit(self, cells: dict[str, Any]) -> None:
        if parent := self._parents.get(values.identifier(cells.get(self._key))):
            cells[self._into] = parent.get(self._key)
            _inherit(cells, parent, self._inherited)


def _inherit(cells: dict[str, Any], parent: Cells, columns: Iterable[str]) -> None:
    for column in columns:
        if values.absent(cells.get(column)) and not values.absent(parent.get(column)):
            cells[column] = parent[column]


def _template(key: str, columns: Sequence[str]) -> str:
    """A column, or a template of one such as `id:{ID}`, with the column's name as the file has it."""
    match = re.fullmatch(r"(.*)\{(.+)\}", key)
    column = find(columns, match[2] if match else key)
    return f"{match[1] if match else ''}{{{column}}}" if column else ""


def _add_options(cells: dict[str, Any], options: Mapping[str, Any]) -> None:
    own = cells.get(OPTIONS)
    if options:
        cells[OPTIONS] = {**(own if isinstance(own, Mapping) else {}), **options}


def _ids(rows: Rows, spec: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Row]:
    """Rows without an id of their kind have another: models of products have a code, and no SKU."""
    first, *others = [column for name in spec["columns"] if (column := find(columns, name))] or [""]

    def change(cells: dict[str, Any]) -> None:
        if values.absent(cells.get(first)):
            cells[first] = next((c for o in others if not values.absent(c := cells.get(o))), None)

    return _map_values(rows, change) if others else iter(rows)


Step = Callable[[Rows, Mapping[str, Any], Sequence[str]], Iterator[Row]]
_STEPS: Mapping[str, Step] = {
    "written": _written,
    "views": _views,
    "ids": _ids,
    "jsonld": expand_jsonld,
    "fold": fold,
    "unfold": unfold,
    "following": follow,
    "options": _options,
    "stock": _stock,
    "unfolded_stock": _unfolded_stock,
    "off_sale": _off_sale,
    "listed": _listed,
    "suffixes": _suffixes,
    "named": _named,
}
"""The steps in their order; parents come last."""
