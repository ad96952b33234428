"""What the columns of an unknown catalogue probably mean.

Laws (tests/ingestion/reading/test_mapping.py):
- a guess depends on column names alone, with exceptions that look at data: photos beside the catalogue that
  are named after their item, columns of numbers in files without types, columns of quantities, which count
  the stock only if they hold numbers, not "500 g", and codes, which are ids only if no two are the same;
- a column feeds one field at most; a guess never overrules the operator's mapping.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vlclip.ingestion.errors import MappingError
from vlclip.ingestion.photos.source import is_photo_file
from vlclip.ingestion.reading import objects, values
from vlclip.ingestion.reading.amount import column_mark
from vlclip.ingestion.reading.attribute_columns import AttributeColumns, attribute_name
from vlclip.ingestion.reading.availability import read_availability, says_sold_out
from vlclip.ingestion.reading.catalogue import Catalogue
from vlclip.ingestion.reading.choices import DEFAULT_CHOICES, ReadingChoices
from vlclip.ingestion.reading.column_names import CODES as FOREIGN_CODES
from vlclip.ingestion.reading.column_names import SOLD_OUT, foreign_names
from vlclip.ingestion.reading.group_column import (
    SLOT,
    GroupColumn,
    Rows,
    guess_group,
    own_names,
    plain_name,
    title_column,
)
from vlclip.ingestion.reading.listed import is_list_column
from vlclip.ingestion.reading.mapping import ColumnMapping
from vlclip.ingestion.reading.objects import read_object
from vlclip.ingestion.reading.origin import FIELDS, PRICES, Cells, Origin, parse_map
from vlclip.ingestion.reading.preset import OPTIONS

QUANTITIES = (
    "qty", "quantity", "stockqty", "stockquantity", "stock", "stocklevel", "stockcount", "stockonhand",
    "inventory", "inventoryquantity", "inventoryqty", "inventorylevel", "quantityavailable",
    "availablequantity", "availablestock", "qtyavailable", "quantityonhand", "onhand", "unitsinstock",
    "qtyinstock", "quantityinstock", "stockavailable", "totalinventory", "currentstock", "lager", "magazzino",
    "stan", "stocks", "inventario", "qtestock", "lagerbestand", "bestand", "lagermenge", "voorraad",
    "giacenza", "existencias", "stanmagazynowy", "stanmagazynu",
)  # fmt: skip
"""Names of columns that count the stock; they feed `available` and stay attributes as well. Words in
them must all be known ones."""

CODES = ("code", "productcode", "itemcode", "articlecode", "articlenumber", "itemnumber", "productnumber",
         "barcode", "gtin", "ean", "upc", "mpn", "partnumber")  # fmt: skip
"""Names of columns that are ids only where every first row has one of its own."""

GUESSES: dict[str, tuple[str, ...]] = {
    "id": ("id", "productid", "itemid", "articleid", "offerid", "sku", "productcodesku", "asin", "parentasin",
           "uniqid", "identifier", "@id", *CODES),
    "title": ("title", "name", "productname", "producttitle", "itemname", "productdisplayname", "posttitle",
              "displayname"),
    "description": ("description", "productdescription", "longdescription", "desc", "bodyhtml", "body",
                    "shortdescription", "postcontent"),
    "product_type": ("producttype", "articletype", "category", "type", "productcategory", "subcategory",
                     "categories", "productcategorytree", "taxproductcat", "categorypath"),
    "brand": ("brand", "brandname", "manufacturer", "vendor", "brands"),
    "price": ("price", "currentprice", "finalprice", "sellingprice", "unitprice", "variantprice",
              "regularprice", "retailprice", "actualprice", "originalprice", "baseprice", "minprice",
              "pricemin", "lowprice", "pricefrom", "listprice", "mrp", "unitprice",
              "pricegross", "grossprice", "pricetaxincluded", "priceincltax", "pricetaxexcluded",
              "prices", "defaultprice", "unitamount", "priceincents", "pricecents", "centamount"),
    "sale_price": ("saleprice", "specialprice", "discountedprice", "promotionalprice", "promoprice",
                   "offerprice"),
    "price_to": ("priceto", "maxprice", "pricemax", "highprice", "pricehigh"),
    "currency": ("currency", "currencycode", "pricecurrency"),
    "image": ("image", "imageurl", "imagelink", "imagepath", "imagefile", "images", "photo", "photourl",
              "img", "imgurl", "picture", "pictureurl", "baseimage", "mainimage", "imagesrc", "mainphoto",
              "mainpicture", "primaryimage", "featuredimage", "photos", "pictures", "imageurls", "thumbnail",
              "mainimageurl", "productimage", "productimageurl", "coverimage", "covermediaurl", "imagename"),
    "popularity": ("popularity", "popularityscore"),
    "available": ("available", "availability", "instock", "isavailable", "isinstock", "availabilitystatus",
                  "stockstatus", "stockstate", "stockavailability", "inventorystatus", "availableforsale",
                  "ispurchasable", "purchasable", "issalable", "salable", "issaleable", "saleable",
                  "buyable", "isbuyable", "orderable", "isorderable", "allowpurchases", *QUANTITIES),
    "updated_at": ("updatedat", "lastmodified", "modifiedat"),
}  # fmt: skip
"""Field to the column names that mean it, likeliest first, in lower case without punctuation but "@", which
marks what JSON-LD says of its own: `@type` is no product type."""

TYPES_OF_RECORDS = ("producttype", "type", "typ", "tipo")
KINDS_OF_RECORDS = frozenset(
    ("p", "d", "g", "physical", "digital", "giftcertificate", "simple", "variable", "variation",
     "configurable", "grouped", "external", "bundle", "virtual", "downloadable", "product", "variant",
     "standard", "service",
     "hardgood", "game", "software", "physisch", "einfach")
)  # fmt: skip
"""What shop systems write in such columns about the record, not about the product."""

SALE_DATES = (
    "salepriceeffectivedate", "specialfromdate", "specialtodate", "specialpricefromdate",
    "specialpricetodate", "datesalepricestarts", "datesalepriceends", "salepricedatesfrom",
    "salepricedatesto", "dateonsalefrom", "dateonsaleto", "salestartdate", "saleenddate",
)  # fmt: skip
"""Names of columns that say when a sale price holds."""

FURTHER_PHOTOS = (
    "additionalimagelink", "additionalimagelinks", "additionalimages", "additionalimage",
    "additionalimageurls", "additionalphotos", "otherimages", "otherimageurls", "moreimages", "gallery",
    "galleryimages", "imagegallery", "mediagallery", "images", "imageurls", "photos", "pictures",
)  # fmt: skip
"""Names of columns that hold further photos of an item; numbered ones such as `image_2` do, too."""
_NUMBERED = re.compile(
    r"(additional|other|product|gallery|extra|url)?"
    r"(image|img|photo|picture|pic|bild|foto|imagen|immagine|afbeelding|zdjecie)(url|link|src|path|file)?"
    r"(?P<number>\d{1,2})(url|link|src|path|file)?"
)

_NUMBERS_ALONE = re.compile(r"[\d\s,;|/]+")
"""Ids of categories, one or several."""
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")

OFFER_KEYS = {
    "price": ("price", "lowPrice", "priceSpecification"),
    "price_to": ("highPrice",),
    "currency": ("priceCurrency",),
    "available": ("availability",),
}
"""Fields that schema.org keeps in the column `offers`, with their keys."""

PHOTO_FOLDERS = ("images", "image", "photos", "img", "")
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".JPG")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a catalogue shows of its columns.

    `sample` are its first rows and later ones that show something new, `late` the columns that no first row
    has, `mixed` those that hold numbers as well as text. `typed` says whether the file format distinguishes
    the two, `decimal_comma` whether a comma can be a decimal sign. `rows` reads all of them (None: the sample
    is all).
    """

    columns: Sequence[str]
    sample: Sequence[Cells] = ()
    late: Collection[str] = ()
    mixed: Collection[str] = ()
    typed: bool = True
    decimal_comma: bool = False
    rows: Rows | None = None

    @classmethod
    def of(cls, catalogue: Catalogue) -> Evidence:
        """What was seen when the catalogue was opened."""
        return cls(
            catalogue.columns,
            [row.values for row in catalogue.sample if not row.problem],
            catalogue.late,
            catalogue.mixed,
            catalogue.typed,
            catalogue.decimal_comma,
            catalogue.rows,
        )


def map_columns(
    catalogue: Catalogue, options: Iterable[str] = (), choices: ReadingChoices = DEFAULT_CHOICES
) -> ColumnMapping:
    """The mapping for a catalogue; `options` are the operator's `field=column`."""
    mapping = parse_map(options)
    preset = catalogue.preset
    if preset is None:
        columns = guess(Evidence.of(catalogue), mapping, catalogue.root, choices)
        return replace(columns, notes=(*catalogue.notes, *columns.notes))
    mapped_columns = set(mapping.values())
    fields = {
        name: column
        for name, column in preset.mapping(catalogue.columns).items()
        if column not in mapped_columns and not (name == "sale_price" and "price" in mapping)
    }
    columns = guess(Evidence.of(catalogue), fields | mapping, catalogue.root, choices)
    note = preset.note(is_detected=catalogue.is_detected)
    return replace(columns, notes=(note, *catalogue.notes, *columns.notes), folded=catalogue.folded)


def guess(
    evidence: Evidence,
    mapping: Mapping[str, str],
    root: Path,
    choices: ReadingChoices = DEFAULT_CHOICES,
) -> ColumnMapping:
    """The mapping for these columns: `mapping` (field to column or template) first, the rest guessed.

    `root` is the catalogue's folder. Late columns feed only fields that are still free. A `MappingError`
    names what does not exist and the nearest name that does.
    """
    columns, sample = evidence.columns, evidence.sample
    fields = _mapped_fields(columns, mapping)
    used = {origin.column for origin in fields.values()}
    late = [column for column in columns if column in set(evidence.late)]
    early = [column for column in columns if column not in set(late)]
    _fill(fields, early, mapping, used, sample)
    _add_photos(fields, mapping, early, used)
    if "image" not in fields and "image" not in mapping and "id" in fields:
        beside = _beside(fields["id"], sample, root)
        if beside is not None:
            fields["image"] = beside
    _fill(fields, late, mapping, used, sample)
    _add_photos(fields, mapping, late, used)
    if "id" not in fields:
        raise MappingError(
            f"no column looks like an item id; name it with --map id=COLUMN; there are: {_listed(columns)}"
        )
    group = (
        GroupColumn()
        if mapping.get("group") == ""
        else _group(columns, fields, used, sample, evidence.rows or (lambda: sample))
    )
    if group.column and "group" not in fields:
        fields["group"] = Origin(group.column, group.column)
        used.add(group.column)
    if "group" in fields and "group_title" not in mapping and (title := title_column(columns, used)):
        fields["group_title"] = Origin(title, title)
        used.add(title)
    unused = [column for column in columns if column not in used]
    nested = next((column for column in unused if _holds_objects(column, sample)), "")
    kept_columns = [column for column in unused if column != nested and _keepable(column, sample)]
    signs = {} if evidence.typed else {c: _decimal_sign(c, evidence) for c in kept_columns}
    return ColumnMapping(
        fields={name: fields[name] for name in FIELDS if name in fields},
        attributes=AttributeColumns(
            names={column: attribute_name(column) for column in kept_columns},
            nested=nested,
            numeric={column: sign for column, sign in signs.items() if sign},
            mixed=frozenset(evidence.mixed).intersection(kept_columns),
            parted=frozenset(filter(is_list_column, kept_columns)),
        ),
        left_out=tuple(column for column in unused if column not in kept_columns and column != nested),
        root=root,
        tagged=frozenset(c for c in columns if any(map(objects.is_tagged, _cells(c, sample)))),
        choices=choices,
        keyed=_keyed(fields.values()),
        own_groups=group.own,
        notes=tuple(
            note
            for note in (
                group.note,
                _sale_note(fields, columns, sample),
                "" if "available" in (*fields, *mapping) else _stock_note(kept_columns, sample),
            )
            if note
        ),
        decimal_mark=_decimal_mark(fields, sample),
    )


def _add_photos(
    fields: dict[str, Origin], mapping: Mapping[str, str], columns: Sequence[str], used: set[str]
) -> None:
    """The columns of further photos; without another one, the first numbered column is that of the photo."""
    if "photos" in fields and not fields["photos"].each:
        columns_of = SLOT.findall(fields["photos"].template) or [fields["photos"].template]
        fields["photos"] = Origin(", ".join(columns_of), each=tuple(columns_of))
    numbers = {column: _NUMBERED.fullmatch(plain_name(column)) for column in columns if column not in used}
    numbered = [column for column, match in numbers.items() if match]
    numbered.sort(key=lambda column: int(((match := numbers[column]) and match["number"]) or 0))
    if numbered and "image" not in fields and "image" not in mapping:
        fields["image"] = Origin(numbered[0], numbered[0])
        used.add(numbered.pop(0))
    if "photos" in mapping or "image" not in fields:
        return
    further = [
        column
        for column in columns
        if column not in used and (plain_name(column) in FURTHER_PHOTOS or column in numbered)
    ]
    further.sort(key=lambda column: numbered.index(column) + 1 if column in numbered else 0)
    if further:
        every = (*(fields["photos"].each if "photos" in fields else ()), *further)
        fields["photos"] = Origin(", ".join(every), each=every)
        used.update(further)


def _sale_note(fields: Mapping[str, Origin], columns: Sequence[str], sample: Sequence[Cells]) -> str:
    """What to know where sale prices hold for a time only, which a mapping without a clock cannot see."""
    dates = [column for column in columns if plain_name(column) in SALE_DATES and _cells(column, sample)]
    if "sale_price" not in fields or not dates:
        return ""
    return (
        f"a sale price counts whatever {' and '.join(dates)} {'say' if dates[1:] else 'says'} "
        "(--map sale_price= leaves sale prices out)"
    )


def _stock_note(columns: Sequence[str], sample: Sequence[Cells]) -> str:
    """The column that seems to say what is in stock, where none does by its name."""
    likely = next(
        (
            column
            for column in columns
            if _holds_known_words(column, sample) and any(map(says_sold_out, _cells(column, sample)))
        ),
        "",
    )
    if not likely:
        return ""
    return f"{likely} seems to say what is in stock, but all is available; --map available={likely} reads it"


def _decimal_mark(fields: Mapping[str, Origin], sample: Sequence[Cells]) -> str:
    """The decimal sign of the written prices, of all their columns together."""
    origins = [fields[name] for name in PRICES if name in fields]
    cells = [origin.value(row) for origin in origins for row in sample]
    return column_mark(cell for cell in cells if isinstance(cell, str))


def _keyed(origins: Iterable[Origin]) -> dict[str, frozenset[str]]:
    """The keys that fields read of the objects in a column."""
    keys: dict[str, frozenset[str]] = {}
    for origin in origins:
        if origin.keys:
            keys[origin.column] = keys.get(origin.column, frozenset()).union(origin.keys)
    return keys


def _fill(
    fields: dict[str, Origin],
    columns: Sequence[str],
    mapping: Mapping[str, str],
    used: set[str],
    sample: Sequence[Cells],
) -> None:
    """Guess the fields that have no origin yet from these columns."""
    for name, likely in GUESSES.items():
        is_settled = name in mapping or name in fields or (name == "sale_price" and "price" in mapping)
        usable = [column for column in columns if not _is_something_else(name, column, sample)]
        if is_settled or not (column := _guess(usable, (*likely, *_foreign(name)), used)):
            continue
        fields[name] = Origin(column, column)
        if _bare_name(column) not in QUANTITIES:
            used.add(column)
    if (
        "offers" in columns
        and "offers" not in used
        and any(objects.holds_objects(cell) for cell in _cells("offers", sample))
    ):
        for name, keys in OFFER_KEYS.items():
            if name not in fields and name not in mapping:
                fields[name] = Origin(f"offers.{keys[0]}", "offers", keys=keys)
                used.add("offers")


def _foreign(field: str) -> tuple[str, ...]:
    """Names of a field's columns in other languages."""
    names = foreign_names()
    further = {"id": FOREIGN_CODES, "available": SOLD_OUT}.get(field, "")
    return (*names.get(field, ()), *names.get(further, ()))


def _is_something_else(field: str, column: str, sample: Sequence[Cells]) -> bool:
    """Whether the values of a column show that it does not feed a field that its name may mean.

    Quantities such as "500 g" are no stock, codes that repeat no ids, numbers neither titles nor product
    types, and "P" and "simple" no product types: shop systems write so what kind of record a product is.
    """
    name = _bare_name(column)
    if field == "available" and name in QUANTITIES:
        return not (_numeric(column, sample) or _holds_known_words(column, sample))
    if field == "id":
        return (name in CODES or name in foreign_names()[FOREIGN_CODES]) and not _distinct(column, sample)
    if field == "title":
        return name in foreign_names()["title"] and _numeric(column, sample)
    if field == "product_type":
        words = {values.text(cell).lower() for cell in _cells(column, sample)}
        if name in TYPES_OF_RECORDS and words and words <= KINDS_OF_RECORDS:
            return True
        return bool(words) and all(map(_NUMBERS_ALONE.fullmatch, words))
    return False


def _mapped_fields(columns: Sequence[str], mapping: Mapping[str, str]) -> dict[str, Origin]:
    fields: dict[str, Origin] = {}
    for name, template in mapping.items():
        if name not in FIELDS:
            raise MappingError(f"items have no field {name!r}{_nearest(name, FIELDS)}")
        slots = SLOT.findall(template)
        for column in slots or ([template] if template else []):
            if column not in columns:
                raise MappingError(
                    f"--map {name}={template}: the catalogue has no column {column!r}"
                    f"{_nearest(column, columns)}"
                )
        if template:
            fields[name] = Origin(template, "" if slots else template)
    return fields


def _group(
    columns: Sequence[str], fields: Mapping[str, Origin], used: set[str], sample: Sequence[Cells], rows: Rows
) -> GroupColumn:
    """The column of groups: the one that is mapped, else a guess."""
    id_template = fields["id"].as_template
    if "group" not in fields:
        return guess_group(columns, used, id_template, sample, rows)
    column = fields["group"].column
    return GroupColumn(column, own_names(column, columns, id_template, sample, rows) if column else ())


def _guess(columns: Sequence[str], likely: Sequence[str], used: set[str]) -> str:
    """The likeliest column; names that say more in brackets, as `Price (EUR)` does, come last."""
    unused = [column for column in reversed(columns) if column not in used]
    plain = {plain_name(column): column for column in unused}
    bare = {_bare_name(column): column for column in unused}
    return next(
        (columns_of[name] for columns_of in (plain, bare) for name in likely if name in columns_of), ""
    )


def _bare_name(column: str) -> str:
    return plain_name(_BRACKETS.sub("", column))


def _beside(id_origin: Origin, sample: Sequence[Cells], root: Path) -> Origin | None:
    """Photos named after their items: `images/{Id}.webp`, if one of the first rows has such a file."""
    for row in sample[:20]:
        item_id = values.identifier(id_origin.value(row))
        if not item_id or re.search(r"[/\\]", item_id):
            continue
        for folder in PHOTO_FOLDERS:
            for ending in PHOTO_ENDINGS:
                if is_photo_file(root / folder / f"{item_id}{ending}"):
                    path = f"{id_origin.as_template}{ending}"
                    return Origin(f"{folder}/{path}" if folder else path, optional=True)
    return None


def _cells(column: str, sample: Sequence[Cells]) -> list[object]:
    return [value for row in sample if not values.absent(value := row.get(column))]


def _holds_objects(column: str, sample: Sequence[Cells]) -> bool:
    cells = _cells(column, sample)
    return column.lower() == OPTIONS and any(read_object(value) is not None for value in cells)


def _keepable(column: str, sample: Sequence[Cells]) -> bool:
    """Whether a column can be an attribute: not if all of its values are bytes."""
    cells = _cells(column, sample)
    return bool(column.strip()) and (not cells or not all(isinstance(value, bytes) for value in cells))


def _numeric(column: str, sample: Sequence[Cells]) -> bool:
    cells = _cells(column, sample)
    return bool(cells) and all(values.written_number(values.text(value)) is not None for value in cells)


def _holds_known_words(column: str, sample: Sequence[Cells]) -> bool:
    cells = _cells(column, sample)
    return bool(cells) and all(read_availability(cell) is not None for cell in cells)


def _distinct(column: str, sample: Sequence[Cells]) -> bool:
    """Whether every row has a value of its own."""
    cells = [values.identifier(cell) for cell in _cells(column, sample)]
    return len(set(cells)) == len(sample) > 0


def _decimal_sign(column: str, evidence: Evidence) -> str:
    styles = {values.written_as(values.text(value)) for value in _cells(column, evidence.sample)}
    return values.decimal_sign(styles, comma=evidence.decimal_comma)


def _nearest(name: str, candidates: Iterable[str]) -> str:
    names = list(candidates)
    lower = {candidate.lower(): candidate for candidate in names}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    return f"; did you mean {lower[close[0]]!r}?" if close else f"; there are: {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(list(names)[:30]) + (", …" if len(names) > 30 else "")
