"""A catalogue the project draws itself: products with photos, titles and prices from numbers alone.

For the demo, the tests and the shipped models, which may use no shop's pictures.

Laws (tested in tests/ingestion/test_drawn.py):
- `draw_product(seed, index)` depends on nothing else; another index is another product;
- the box holds every pixel of the product, and outside it a packshot is white;
- the first products of a catalogue are the same however many follow.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vlclip.engine.disk import whole_file, write_whole
from vlclip.engine.item import Item
from vlclip.ingestion.drawn.dice import Dice
from vlclip.ingestion.drawn.kinds import (
    CLOTHES_BRANDS,
    COLOURS,
    HOME_BRANDS,
    KINDS,
    MARKUP,
    MATERIAL_COST,
    ON_DARK,
    ON_PALE,
    PALE,
    WIDE_BRANDS,
    Kind,
)
from vlclip.ingestion.drawn.scene import cluttered, packshot
from vlclip.ingestion.drawn.sketch import RGB, Sketch
from vlclip.ingestion.drawn.surface import Surface

Scene = Literal["packshot", "cluttered"]

POSSESSIVE = {"women": "Women's", "men": "Men's", "kids": "Kids'", "unisex": "Unisex"}
SLOGANS = (
    "BEST PRICE!!!",
    "free shipping",
    "*** NEW ***",
    "HOT SALE -50%",
    "top quality!!",
    "gift idea 2024",
    "100% original",
    "limited offer >>>",
)


@dataclass(frozen=True, slots=True)
class DrawnProduct:
    """A product, its photo as JPEG bytes in `item.image`, and what is true of it.

    `box` is x0, y0, x1, y1 in pixels; `clean_title` is the title before any mess was made of it.
    """

    item: Item
    box: tuple[int, int, int, int]
    scene: Scene
    clean_title: str


def draw_product(seed: int, index: int, *, size: tuple[int, int] = (160, 200)) -> DrawnProduct:
    """The product with this number in the catalogue of this seed; `size` is width, height in pixels."""
    # Three sets of dice: a new stroke in a shape must not change the titles and prices of the catalogue.
    dice, strokes, room = Dice(seed, index, 0), Dice(seed, index, 1), Dice(seed, index, 2)
    name = dice.pick(tuple(KINDS))
    kind = KINDS[name]
    colour, pattern = dice.pick(tuple(COLOURS)), _pattern(kind, dice)
    material = dice.pick(kind.materials)
    accent = COLOURS[dice.pick(ON_PALE if colour in PALE else ON_DARK)]
    audience = dice.pick(kind.audiences)
    brand = dice.pick((*(HOME_BRANDS if audience == "home" else CLOTHES_BRANDS), *WIDE_BRANDS))

    sketch = Sketch()
    detail = kind.shape(sketch, strokes)
    surface = Surface(
        _tinted(COLOURS[colour], strokes),
        pattern,
        accent,
        strokes.between(0.11, 0.19),
        strokes.chance(0.3),
    )
    scene: Scene = "packshot" if dice.chance(0.7) else "cluttered"
    if scene == "packshot":
        shot = packshot(sketch, surface, material, room, size)
    else:
        shot = cluttered(sketch, surface, material, room, size, kind=name)
    photo = io.BytesIO()
    shot.photo.save(photo, "JPEG", quality=90)

    looks = " ".join([colour, material] if pattern == "plain" else [pattern, colour, material])
    words = (brand, POSSESSIVE.get(audience, ""), looks.title(), kind.title)
    clean = " ".join(word for word in words if word)
    item = Item(
        id=f"drawn-{index:05d}",
        title=messy_title(clean, kind.title, dice) if dice.chance(0.25) else clean,
        description=f"{kind.title} in {looks}, {detail}.",
        product_type=name,
        brand=brand,
        price=_price(kind, brand, material, dice),
        currency="EUR",
        attributes={"colour": colour, "pattern": pattern, "material": material, "audience": audience},
        image=photo.getvalue(),
        popularity=round(dice.unit() ** 3, 4),
        available=not dice.chance(0.06),
    )
    return DrawnProduct(item, shot.box, scene, clean)


def draw_catalogue(
    count: int, *, seed: int = 7, size: tuple[int, int] = (160, 200)
) -> Iterator[DrawnProduct]:
    """The first `count` products of this seed's catalogue."""
    for index in range(count):
        yield draw_product(seed, index, size=size)


def write_catalogue(folder: Path, count: int, seed: int = 7, *, size: tuple[int, int] = (160, 200)) -> Path:
    """Draw a catalogue and write it as a shop would hand it over; the path of its `catalogue.jsonl`."""
    return write_products(folder, draw_catalogue(count, seed=seed, size=size))


def write_products(folder: Path, products: Iterable[DrawnProduct]) -> Path:
    """Write products that are already drawn; the path of their `catalogue.jsonl`.

    Beside it: `photos/<id>.jpg`, and `truth.jsonl` with each product's box, scene and clean title.
    """
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    path = folder / "catalogue.jsonl"
    with whole_file(path) as rows, whole_file(folder / "truth.jsonl") as truths:
        for product in products:
            item, image = product.item, f"photos/{product.item.id}.jpg"
            if isinstance(item.image, bytes):
                write_whole(folder / image, item.image, synced=False)
            row = {
                "id": item.id,
                "title": item.title,
                "description": item.description,
                "product_type": item.product_type,
                "brand": item.brand,
                "price": item.price,
                "currency": item.currency,
                "image": image,
                "popularity": item.popularity,
                "available": item.available,
                "attributes": dict(item.attributes),
            }
            truth = {
                "id": item.id,
                "box": product.box,
                "scene": product.scene,
                "clean_title": product.clean_title,
            }
            rows.write(json.dumps(row, ensure_ascii=False) + "\n")
            truths.write(json.dumps(truth, ensure_ascii=False) + "\n")
    return path


def messy_title(clean: str, type_words: str, dice: Dice) -> str:
    """What a careless seller makes of a clean title: two or three kinds of mess at once."""
    words = clean.split()
    for mess in dice.shuffled(range(6))[: 2 + int(dice.chance(0.5))]:
        if mess == 0:
            words = [dice.pick(SLOGANS), *words]
        elif mess == 1:
            words = [*words, dice.pick(SLOGANS), dice.pick(SLOGANS)]
        elif mess == 2:
            words = [word.upper() for word in words]
        elif mess == 3:
            words = [*words, *words[-3:], words[0]]
        elif mess == 4:
            left_out = {word.removesuffix("S") for word in type_words.upper().split()}
            words = [word for word in words if word.upper().removesuffix("S") not in left_out]
        else:
            code = f"{dice.pick('ABKMXZ')}{dice.pick('CDLRTV')}-{1000 + int(dice.between(0, 9000))}"
            words.insert(
                int(dice.between(0, len(words) + 1)), f"{code}/{dice.pick(('S', 'M', 'XL', '38', '42'))}"
            )
    return " ".join(words)


def _pattern(kind: Kind, dice: Dice) -> str:
    """Plain four times in ten where the type has patterns at all."""
    plain = dice.chance(0.4)
    chosen = dice.pick(kind.patterns)
    return "plain" if plain else chosen


def _tinted(colour: RGB, dice: Dice) -> RGB:
    """The colour as this product's dye came out, a little off."""
    red, green, blue = (min(255, max(0, part + int(dice.between(-6, 7)))) for part in colour)
    return red, green, blue


def _price(kind: Kind, brand: str, material: str, dice: Dice) -> float:
    """A shop's price in EUR: it ends in .99 up to 100, in 9 above."""
    raw = kind.price * MARKUP[brand] * MATERIAL_COST.get(material, 1.0) * dice.between(0.85, 1.2)
    return round(raw) - 0.01 if raw < 100 else float(round(raw / 10) * 10 - 1)
