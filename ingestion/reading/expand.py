"""Rows that hold several items, and items that lie over several rows.

Laws (tests/ingestion/reading/test_reshape.py):
- each variant is a row with its product's cells and its own;
- each photo of a product is in every row of it, a variant's own photo first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from vlclip.engine.tables.format import Row
from vlclip.ingestion.reading import values
from vlclip.ingestion.reading.group_column import plain_name
from vlclip.ingestion.reading.preset import OPTIONS, find

Rows = Iterable[Row]
Spec = Mapping[str, Any]


def fold(rows: Rows, spec: Spec, columns: Sequence[str]) -> Iterator[Row]:
    """Following rows of one key are variants and photos of one product, whose cells the first of them has."""
    key = find(columns, spec["key"])
    if not key or not any(find(columns, name) for name in (spec["id"], spec["photo"])):
        yield from rows  # variants are not rows here
        return
    lines = _Lines(spec, columns)
    for name, group in groupby(rows, lambda row: values.identifier(row.values.get(key))):
        members = list(group)
        yield from lines.items(members) if name else members


class _Lines:
    """The rows of one product."""

    def __init__(self, spec: Spec, columns: Sequence[str]) -> None:
        own = tuple(plain_name(name) for name in spec["own"])
        self._inherited = [column for column in columns if not plain_name(column).startswith(own)]
        self._item = [column for name in spec["item"] if (column := find(columns, name))]
        self._id, self._photo, self._position, self._caption, self._own_photo = (
            find(columns, spec[name]) or spec[name].partition("|")[0]
            for name in ("id", "photo", "position", "caption", "own_photo")
        )
        self._key = find(columns, spec["key"])
        self._options = [column for n in (1, 2, 3) if (column := find(columns, f"Option{n} Value"))]
        self._of_photo = {self._key, self._photo, self._position, self._caption}

    def items(self, rows: Sequence[Row]) -> Iterator[Row]:
        """Its variants, with the photos that stand in rows of their own."""
        first = rows[0].values
        photos = self._photos(rows)
        captions = [row.values.get(self._caption) for row in rows]
        captions = [caption for caption in captions if not values.absent(caption)]
        variants = [row for row in rows if row is rows[0] or self._is_item(row)]
        notes = dict.fromkeys(
            f"{column} stands in a row that holds a photo alone; left out"
            for row in rows
            if row not in variants
            for column, cell in row.values.items()
            if column not in self._of_photo and not values.absent(cell) and cell != first.get(column)
        )
        ids: set[str] = set()
        for row in variants:
            cells = dict(row.values)
            for column in self._inherited:
                if values.absent(cells.get(column)):
                    cells[column] = first.get(column)
            own = cells.pop(self._own_photo, None)
            cells.pop(self._position, None)
            if all_photos := list(dict.fromkeys([*([] if values.absent(own) else [own]), *photos])):
                cells[self._photo] = all_photos if len(all_photos) > 1 else all_photos[0]
            if captions:
                cells[self._caption] = captions if len(captions) > 1 else captions[0]
            cells[self._id] = self._name(cells, ids, single=len(variants) == 1)
            yield row._replace(values=cells, notes=(*row.notes, *(notes if row is rows[0] else ())))

    def _is_item(self, row: Row) -> bool:
        return any(not values.absent(row.values.get(column)) for column in self._item)

    def _photos(self, rows: Sequence[Row]) -> list[Any]:
        pairs = [
            (values.written_number(values.text(row.values.get(self._position))), row.values.get(self._photo))
            for row in rows
        ]
        present = [(place, photo) for place, photo in pairs if not values.absent(photo)]
        if all(place is not None for place, _ in present):
            present.sort(key=lambda pair: pair[0] or 0)
        return list(dict.fromkeys(photo for _, photo in present))

    def _name(self, cells: Mapping[str, Any], ids: set[str], *, single: bool) -> str:
        """The id of a variant: its own, made its own by the options where it has none or shares it."""
        name = values.identifier(cells.get(self._id)) or values.identifier(cells[self._key])
        is_own = not values.absent(cells.get(self._id)) and name not in ids
        options = [values.text(cells.get(column)) for column in self._options]
        if not single and not is_own:
            name = "/".join([name, *filter(None, options)])
        ids.add(name)
        return name


def unfold(rows: Rows, spec: Spec, _columns: Sequence[str]) -> Iterator[Row]:
    """A row with a list of variants becomes a row for each, with the product's cells and its own."""
    for row in rows:
        variants = row.values.get(spec["list"])
        if not isinstance(variants, list) or not any(isinstance(part, Mapping) and part for part in variants):
            yield row
            continue
        product = {name: cell for name, cell in row.values.items() if name != spec["list"]}
        option_names = _option_names(product.pop(spec["options"], None))
        for variant in variants:
            if not isinstance(variant, Mapping):
                yield Row(row.number, problem=f"{spec['list']} holds something that is no object")
                continue
            cells = {**product, **{f"{spec['prefix']}{name}": cell for name, cell in variant.items()}}
            ids = [values.identifier(variant.get(name)) for name in spec["id"]]
            if not ids[0]:
                product_id = values.identifier(product.get(spec["within"]))
                cells[f"{spec['prefix']}{spec['id'][0]}"] = f"{product_id}/{ids[1]}" if ids[1] else product_id
            if options := _options_of(variant, option_names):
                cells[OPTIONS] = options
            cells[spec["photos"]] = _photos_of(variant, product.get(spec["photos"]), spec)
            yield row._replace(values=cells)


def _option_names(cell: Any) -> list[str]:
    parts = cell if isinstance(cell, list) else []
    return [values.text(part.get("name") if isinstance(part, Mapping) else part) for part in parts]


def _options_of(variant: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    written = [variant.get(f"option{place}") for place in range(1, len(names) + 1)]
    if all(map(values.absent, written)):
        title = values.text(variant.get("title"))
        parts = title.split(" / ")
        written = list(parts) if len(parts) == len(names) else [title, *[None] * (len(names) - 1)]
    pairs = zip(names, written, strict=False)
    return {n: v for n, v in pairs if n and not values.absent(v) and [n, v] != ["Title", "Default Title"]}


def _photos_of(variant: Mapping[str, Any], photos: Any, spec: Spec) -> Any:
    """The product's photos, the variant's own first."""
    listed = photos if isinstance(photos, list) else [] if values.absent(photos) else [photos]
    own = [variant.get(name) for name in spec["own_photo"]]
    first = [part for part in own if isinstance(part, Mapping)]
    ids = [part for part in own if not isinstance(part, Mapping) and not values.absent(part)]
    first += [part for part in listed if isinstance(part, Mapping) and ids and part.get("id") in ids]
    sources = [part.get("src") for part in first]
    return [*first, *(part for part in listed if not _has_source(part, sources))]


def _has_source(part: Any, sources: Sequence[Any]) -> bool:
    return isinstance(part, Mapping) and part.get("src") in sources


def expand_jsonld(rows: Rows, spec: Spec, _columns: Sequence[str]) -> Iterator[Row]:
    """The products of graphs, lists and groups, one row each; what is no product is left out with a note."""
    kinds = frozenset(spec["kinds"])
    waiting: Row | None = None
    notes: tuple[str, ...] = ()
    number = 0
    for row in rows:
        number = row.number
        products, others = ([], []) if row.problem else _products(row.values, kinds)
        notes += tuple(f"an object of the type {kind} is no product; left out" for kind in others)
        fresh = [row] if row.problem else [row._replace(values=_identified(product)) for product in products]
        for item in fresh:
            if waiting is not None:
                yield waiting
            waiting, notes = item._replace(notes=(*item.notes, *notes)), ()
    if waiting is not None:
        yield waiting._replace(notes=(*waiting.notes, *notes))
    elif notes:
        yield Row(number, problem=f"there is no product: {notes[0]}")


_IDENTITY = ("sku", "productID", "gtin13", "gtin", "gtin14", "gtin12", "gtin8", "mpn", "isbn", "@id", "url")
"""What says which product an object is, likeliest first; a variant has its own."""


def _identified(product: dict[str, Any]) -> dict[str, Any]:
    """The product with a `sku`: where it has none, what else says which one it is."""
    if not values.absent(product.get("sku")):
        return product
    names = (values.identifier(product.get(key)) for key in _IDENTITY)
    return {**product, "sku": next(filter(None, names), None)}


def _products(node: Any, kinds: frozenset[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The products in a node, and the types of what else there is."""
    if isinstance(node, list):
        pairs = [_products(part, kinds) for part in node]
        return [product for products, _ in pairs for product in products], [k for _, ks in pairs for k in ks]
    if not isinstance(node, Mapping):
        return [], [] if values.absent(node) else ["text"]
    types = node.get("@type")
    names = [str(name).rpartition("/")[2] for name in (types if isinstance(types, list) else [types]) if name]
    if not kinds.isdisjoint(names):
        return _variants_of(node), []
    inner = [node[key] for key in ("@graph", "itemListElement", "item", "mainEntity") if node.get(key)]
    if inner:
        return _products(inner, kinds)
    return ([], [names[0]]) if names else ([dict(node)], [])


def _variants_of(node: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A product, or the variants of a group with what they inherit of it."""
    variants = node.get("hasVariant")
    if values.absent(variants):
        return [dict(node)]
    group = next((node[key] for key in ("productGroupID", "sku", "@id") if node.get(key)), None)
    listed = variants if isinstance(variants, list) else [variants]
    described = [part for part in listed if isinstance(part, Mapping) and set(part) - {"@id", "@type"}]
    if not described:  # the variants are nodes of their own
        return [{**node, "inProductGroupWithID": group}]
    product = {f"group {key}" if key in _IDENTITY else key: part for key, part in node.items()}
    del product["hasVariant"]
    if name := node.get("name"):
        product["group name"] = name
    return [{**product, "inProductGroupWithID": group, **part} for part in described]
