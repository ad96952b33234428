"""A catalogue's columns read as items.

Laws (tests/ingestion/reading/test_mapping.py):
- a given mapping always wins over a guess;
- every column feeds a field, is an attribute, or `describe()` names it as left out. Where two columns
  become one attribute, the last is kept; the row warns if they differ;
- a cell that is given is read, or a warning or an error names it;
- equal rows give equal items.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vlclip.engine.errors import ItemError
from vlclip.engine.item import (
    MAX_ID_CHARS,
    MAX_PHOTOS,
    MAX_TEXT_CHARS,
    Attribute,
    Item,
    too_long,
)
from vlclip.ingestion.photos.source import is_photo_file, photo_file
from vlclip.ingestion.reading import objects, values
from vlclip.ingestion.reading.attribute_columns import MORE, AttributeColumns, attribute_name
from vlclip.ingestion.reading.availability import read_availability, read_sold_out, unknown_word
from vlclip.ingestion.reading.category import PATH, read_category
from vlclip.ingestion.reading.choices import DEFAULT_CHOICES, ReadingChoices
from vlclip.ingestion.reading.column_names import sold_out_columns
from vlclip.ingestion.reading.group_column import fill, plain_name, read_group, read_group_title
from vlclip.ingestion.reading.origin import PRICES, Cells, Origin
from vlclip.ingestion.reading.photo_cell import Photo, is_no_photo, read_photo, read_photos
from vlclip.ingestion.reading.price import MINOR_KEYS, Price, read_price

REGULAR_PRICE = "regular_price"
PRICE_UNIT = "price_unit"
"""The attribute that names what the price is for, where that is not one piece."""

TEXTS = ("title", "description", "product_type", "brand", "currency", "updated_at", "group_title")
PRICE_KEYS = frozenset(
    ("price", "amount", "value", "@value", "currency", "pricecurrency", "currencycode", "currency_code",
     "currency_minor_unit", "unit_amount", "centamount", "fractiondigits")
)  # fmt: skip
"""Keys of an object that are its price and currency, in lower case."""
STOCK_KEYS = ("isinstock", "instock", "available", "isavailable", "availability", "stockstatus", "status",
              "state", "quantity", "qty", "stock")  # fmt: skip
"""Keys of an object that say what is in stock, likeliest first, in lower case without punctuation."""
NO_PRICE = Price()
_OPENING = ("{", "[", " ", "\n")
"""How a text begins that may be JSON."""
_NO_TEXTS = dict.fromkeys(TEXTS, "")


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How the columns of one catalogue become items; `vlclip.ingestion.reading.guesses` makes one.

    `attributes` are the columns that feed no field. `root` is the folder that guessed photo paths start
    from. `tagged` are the columns whose texts come in several languages. `own_groups` are templates of the
    group that rows without one are heads of. `notes` say what a guess took a column for, where that is not
    plain. `decimal_mark` is the decimal sign of written prices, "" where the first rows do not say.
    `folded` are columns whose cells a preset has read into others, `keyed` the keys that fields read of
    objects in a column.
    """

    fields: Mapping[str, Origin]
    attributes: AttributeColumns
    left_out: tuple[str, ...]
    root: Path
    tagged: frozenset[str] = frozenset()
    choices: ReadingChoices = DEFAULT_CHOICES
    own_groups: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    decimal_mark: str = ""
    folded: tuple[str, ...] = ()
    keyed: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def item_id(self, row: Cells) -> str:
        """The row's id, "" where it has none."""
        return values.identifier(self.fields["id"].value(row))

    def item(self, row: Cells) -> tuple[Item, tuple[str, ...]]:
        """The row as an item, and warnings to count; an `ItemError` says what is wrong with it."""
        try:
            return self._item(row)
        except RecursionError:
            raise ItemError("the row has lists or objects too deep in one another; flatten them") from None

    def _item(self, row: Cells) -> tuple[Item, tuple[str, ...]]:
        warnings: list[str] = []
        nested = self.attributes.read_nested(row, warnings)
        item_fields: dict[str, Any] = {**_NO_TEXTS, "id": self.item_id(row)}
        for name in TEXTS:
            origin = self.fields.get(name)
            if origin:
                item_fields[name] = self._text(origin, row, warnings)
            elif name in nested:
                item_fields[name] = values.text(nested.pop(name))
        pairs: list[tuple[str, Attribute]] = self._add_price(row, item_fields, warnings)
        pairs += self._add_category(row, item_fields, warnings)
        self._add_popularity(row, item_fields)
        self._add_availability(row, item_fields, warnings)
        self._add_photo(row, item_fields, warnings)
        self._add_group(row, item_fields, warnings)
        warnings += self._unread_keys(row)
        pairs += [(attribute_name(name), value) for name, value in nested.items()]
        pairs += self.attributes.read(row, self.choices.language, warnings)
        attributes: dict[str, Attribute] = {}
        for name, value in pairs:
            if attributes.get(name, value) != value:
                warnings.append(f"attribute {name} is given twice, differently; the last is kept")
            attributes[name] = value
        item = Item(**item_fields, attributes=attributes)
        warnings += [
            f"{name} has more than {MAX_TEXT_CHARS:,} characters; the rest is left out"
            for name in too_long(
                {**attributes, **{name: item_fields[name] for name in ("description", "group_title")}}
            )
        ]
        return item, tuple(warnings)

    def describe(self) -> list[str]:
        """The mapping in lines for people, one per field."""
        lines = [
            f"{name:<12} ← {origin.template}{self._describe_language(*origin.columns)}"
            for name, origin in self.fields.items()
        ]
        attributes = [
            (name if name == column else f"{name} (column {column})") + self._describe_language(column)
            for column, name in self.attributes.names.items()
            if column not in self.folded
        ]
        if self.attributes.nested:
            attributes.append(f"everything in {self.attributes.nested}")
        if attributes:
            lines.append(f"{'attributes':<12} ← {', '.join(attributes)}")
        if self.folded:
            lines.append(f"{'read within':<12} : {', '.join(self.folded)}")
        if self.left_out:
            lines.append(f"{'left out':<12} : {', '.join(self.left_out)}")
        return [*lines, *(f"{'note':<12} : {note}" for note in self.notes)]

    def _describe_language(self, *columns: str) -> str:
        is_tagged = not self.tagged.isdisjoint(columns)
        return f" (in {self.choices.language}, else its first language)" if is_tagged else ""

    def _unread_keys(self, row: Cells) -> Iterator[str]:
        """Notes on what the objects of a column hold beside the keys that feed fields."""
        for column, read in self.keyed.items():
            cell = row.get(column)
            parts = cell if isinstance(cell, list | tuple) else [cell]
            present = [part for part in parts if not values.absent(part)]
            if len(present) > 1:
                yield f"{column} holds several objects; of each key the first value is read"
            further = {
                str(key)
                for part in present
                for key, value in (part.items() if isinstance(part, Mapping) else [(column, part)])
                if key not in read and not values.absent(value) and not str(key).startswith("@")
            }
            if further:
                yield f"{column} holds more than is read: {', '.join(sorted(further)[:5])} left out"

    def _text(self, origin: Origin, row: Cells, warnings: list[str]) -> str:
        """The text of a field; objects in its columns are read as the text that they hold."""
        if origin.keys:
            return objects.read_text(origin.value(row), self.choices.language).text
        if origin.column and isinstance(cell := row.get(origin.column), str) and cell[:1] not in _OPENING:
            return cell.strip()
        cells: dict[str, Any] = {}
        for column in origin.columns:
            cell = _unwritten(row.get(column))
            if objects.holds_objects(cell) or (not values.absent(cell) and not values.text(cell)):
                reading, cell_before = objects.read_text(cell, self.choices.language), cell
                cell = reading.text
                note = reading.note or (MORE if objects.holds_more(cell_before) else "")
                if not note and isinstance(row[column], str) and objects.is_tagged(cell_before):
                    note = f"is JSON in several languages; that in {self.choices.language} is read"
                if note:
                    warnings.append(f"{column} {note}")
            cells[column] = cell
        return values.text(origin.value(cells))

    def _add_category(
        self, row: Cells, item_fields: dict[str, Any], warnings: list[str]
    ) -> list[tuple[str, Attribute]]:
        """Of several categories one is the type; the ways through all come back as an attribute."""
        origin = self.fields.get("product_type")
        if origin is None or origin.keys or (cell := origin.value(row)) is None:
            return []
        category = read_category(cell, origin.template, item_fields["title"], self.choices.language)
        if category is None:
            return []
        item_fields["product_type"] = category.product_type
        if isinstance(cell, str) and objects.holds_more(values.written_container(cell)):
            warnings.append(f"{origin.template} {MORE}")
        ways = category.ways
        if ways == (category.product_type,):
            return []
        return [(PATH, ways if len(ways) > 1 else ways[0])]

    def _add_price(
        self, row: Cells, item_fields: dict[str, Any], warnings: list[str]
    ) -> list[tuple[str, Attribute]]:
        """Fill in what is paid; what else the prices of the row say comes back as attributes."""
        price, sale, highest = (self._price(name, row, item_fields["currency"], warnings) for name in PRICES)
        further: list[tuple[str, Attribute]] = []
        if sale.amount and (price.amount is None or sale.amount < price.amount):
            if price.amount is not None:
                further.append((REGULAR_PRICE, price.amount))
            price = replace(sale, currency=sale.currency or price.currency)
        elif sale.amount and price.amount is not None and sale.amount > price.amount:
            warnings.append("sale price is higher than the price; left out")
        if price.amount is None:
            return further
        upper = price.upper if highest.amount is None else highest.amount
        item_fields["price"] = price.amount
        item_fields["price_to"] = upper if upper is not None and upper > price.amount else None
        item_fields["currency"] = item_fields["currency"] or price.currency
        return [*further, (PRICE_UNIT, price.unit)] if price.unit else further

    def _price(self, field: str, row: Cells, currency: str, warnings: list[str]) -> Price:
        if field not in self.fields:
            return NO_PRICE
        raw = self._raw(field, row)
        cell = raw
        if plain_name(self.fields[field].column) in MINOR_KEYS and not objects.holds_objects(raw):
            cell = {"unit_amount": raw, "currency": currency}
        price = read_price(cell, decimal_mark=self.decimal_mark, currency=currency)
        name = field.replace("_", " ")
        warnings += [note.replace("price", name, 1) for note in price.notes]
        if price.amount is not None and objects.holds_further(raw, PRICE_KEYS):
            warnings.append(f"{name} holds objects, of which only the price is read")
        return price

    def _add_popularity(self, row: Cells, item_fields: dict[str, Any]) -> None:
        if not values.absent(raw := self._raw("popularity", row)):
            item_fields["popularity"] = values.number("popularity", raw)

    def _add_availability(self, row: Cells, item_fields: dict[str, Any], warnings: list[str]) -> None:
        if values.absent(raw := self._raw("available", row)):
            return
        origin = self.fields["available"]
        offered = [raw]
        if origin.keys:
            offered = objects.every_value(row.get(origin.column), origin.keys)
        elif isinstance(raw, list | tuple) and not objects.is_tagged(raw):
            offered = [cell for cell in raw if not values.absent(cell)]
        read = read_sold_out if plain_name(origin.column) in sold_out_columns() else read_availability
        words = [self._availability_word(cell) for cell in offered]
        raw = next((word for word in words if read(word)), words[0])
        availability = read(raw)
        if availability is None:
            availability = self.choices.unknown_is_available
            meaning = "available" if availability else "unavailable"
            warnings.append(f"availability {unknown_word(raw)!r} is an unknown word; kept as {meaning}")
        item_fields["available"] = availability

    def _availability_word(self, cell: Any) -> Any:
        if isinstance(cell, Mapping):
            named = {plain_name(str(key)): part for key, part in cell.items()}
            stock = [named[key] for key in STOCK_KEYS if not values.absent(named.get(key))]
            if stock and not isinstance(stock[0], list | tuple | Mapping):
                return stock[0]
        if isinstance(cell, list | tuple | Mapping):
            return objects.read_text(cell, self.choices.language).text or _schema_id(cell) or cell
        return cell

    def _add_photo(self, row: Cells, item_fields: dict[str, Any], warnings: list[str]) -> None:
        cells = []
        if (origin := self.fields.get("image")) is not None:
            cells = [(origin, origin.value(self._photo_cells(origin, row)))]
        if (further := self.fields.get("photos")) is not None:
            cells += [(further, row.get(column)) for column in further.columns]
        photos: dict[Photo, None] = {}
        for source, cell in cells:
            read = self._photos(source, cell, warnings)
            photos.update(dict.fromkeys(read))
        names = [photo for photo in photos if isinstance(photo, str)]
        item_fields["image"] = next(iter(photos), None)
        if len(photos) - len(names) > 1:
            warnings.append("of several photos as bytes only the first is kept")
        if len(names) > MAX_PHOTOS:
            warnings.append(f"the item has more than {MAX_PHOTOS} photos; the first ones are kept")
        if len(names) > 1 or (names and len(photos) > 1):
            item_fields["photos"] = tuple(names[:MAX_PHOTOS])

    def _photos(self, origin: Origin, cell: Any, warnings: list[str]) -> tuple[Photo, ...]:
        try:
            reading = read_photos(cell, self._is_file)
        except ItemError as error:
            if self.choices.needs_photo:
                raise
            warnings.append(f"{error}; kept without it")
            return ()
        if reading.refusal:
            warnings.append(f"{reading.refusal}; its other photos are kept")
        if origin.optional and reading.photos and not self._is_file(str(reading.photos[0])):
            warnings.append(f"no file at {origin.template}; kept without a photo")
            return ()
        return reading.photos

    def _is_file(self, name: str) -> bool:
        return is_photo_file(photo_file(self.root, name))

    def _add_group(self, row: Cells, item_fields: dict[str, Any], warnings: list[str]) -> None:
        raw = self._raw("group", row)
        group = read_group(raw)
        if not group and not values.absent(raw):
            warnings.append("group is not one value; kept without a group")
        elif len(group) > MAX_ID_CHARS:
            warnings.append(f"group has over {MAX_ID_CHARS} characters; kept without a group")
            group = ""
        elif objects.holds_objects(raw):
            item_fields["group_title"] = item_fields["group_title"] or read_group_title(
                raw, self.choices.language
            )
            warnings.append("group is an object, of which its id and name alone are kept")
        heads = (fill(template, row) for template in self.own_groups)
        item_fields["group"] = group or next(filter(None, heads), "")

    def _photo_cells(self, origin: Origin, row: Cells) -> Cells:
        """The cells of the photo's columns, where a path is put together from them: their own photos.

        A word such as `no_selection` in the place of a file's name is no photo. Before an ending, as in
        `{sku}.jpg`, it may be an id and stays.
        """
        if origin.column:
            return row
        cells = {column: row.get(column) for column in origin.columns}
        for column in origin.columns:
            cell = cells[column]
            if isinstance(cell, list | tuple | Mapping):
                cell = cells[column] = read_photo(cell)
                if isinstance(cell, bytes):
                    raise ItemError(f"{column} holds a photo, not its name; use --map image={column}")
            if origin.template.endswith(f"{{{column}}}") and isinstance(cell, str) and is_no_photo(cell):
                cells[column] = None
        return cells

    def _raw(self, field: str, row: Cells) -> Any:
        origin = self.fields.get(field)
        return origin.value(row) if origin else None


def _unwritten(cell: Any) -> Any:
    """A cell that is JSON or Python as text as what it writes: an object, or a list of texts or objects."""
    if not isinstance(cell, str) or cell[:1] not in _OPENING:
        return cell
    content = values.written_container(cell.strip())
    is_list = isinstance(content, list | tuple) and all(isinstance(part, str | Mapping) for part in content)
    return content if is_list or isinstance(content, Mapping) else cell


def _schema_id(cell: Any) -> str:
    """The name of a schema.org value that is written as an object, `{"@id": "https://schema.org/InStock"}`."""
    return values.text(cell.get("@id")) if isinstance(cell, Mapping) else ""
