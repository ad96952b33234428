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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.item import Item
from ingestion.drawn_canvas import PATTERN_NAMES, RGB, Dice, Sketch, Surface
from ingestion.drawn_scenes import cluttered, packshot
from ingestion.drawn_shapes import SHAPES

Scene = Literal["packshot", "cluttered"]

COLOURS: dict[str, RGB] = {
    "black": (34, 33, 36),
    "white": (240, 240, 237),
    "grey": (138, 140, 143),
    "red": (204, 36, 40),
    "orange": (240, 126, 30),
    "yellow": (246, 208, 52),
    "green": (44, 138, 66),
    "teal": (20, 142, 146),
    "blue": (38, 92, 200),
    "purple": (120, 56, 158),
    "pink": (242, 140, 178),
    "brown": (124, 76, 44),
    "beige": (217, 196, 160),
}
PALE = ("white", "yellow", "pink", "beige")
ON_PALE, ON_DARK = ("black", "blue", "green"), ("white", "white", "yellow")
"""The pattern's second colour."""

CLOTHES = ("cotton", "linen", "wool", "denim", "silk")
CLOTHES_BRANDS = ("Northwind", "Velloma", "Tarnbeck", "Maribou", "Corvello", "Kestrelle")
HOME_BRANDS = ("Fernhill", "Aldermoor", "Hartwick", "Lumora", "Oskarine")
WIDE_BRANDS = ("Quillby", "Brightwater", "Pinehaven", "Solenne")
BRANDS = (*CLOTHES_BRANDS, *HOME_BRANDS, *WIDE_BRANDS)
CHEAP_TO_DEAR = (
    *(
        "Brightwater",
        "Northwind",
        "Fernhill",
        "Pinehaven",
        "Maribou",
        "Aldermoor",
        "Tarnbeck",
        "Quillby",
    ),
    *("Lumora", "Kestrelle", "Hartwick", "Velloma", "Oskarine", "Corvello", "Solenne"),
)
MARKUP = {brand: 0.6 * 1.13**place for place, brand in enumerate(CHEAP_TO_DEAR)}
"""What a brand's name does to a price: the cheapest 0.6 times, the dearest some 3.3 times."""


WOMEN, HOME = ("women", "women", "kids"), ("home",)


@dataclass(frozen=True, slots=True)
class Kind:
    """What the shop knows of a product type; `price` is the usual one in EUR."""

    title: str
    price: float
    materials: tuple[str, ...]
    audiences: tuple[str, ...] = ("women", "women", "men", "men", "kids", "unisex")
    patterns: tuple[str, ...] = PATTERN_NAMES


KINDS: dict[str, Kind] = {
    "t-shirt": Kind("T-Shirt", 18, ("cotton", "linen", "wool", "silk")),
    "dress": Kind("Dress", 55, CLOTHES, WOMEN),
    "trousers": Kind("Trousers", 45, CLOTHES),
    "sneaker": Kind("Sneakers", 70, ("canvas", "leather", "suede"),
                    patterns=("plain", "checked", "dotted", "floral")),
    "boot": Kind("Boots", 95, ("leather", "suede"), patterns=("plain", "plain", "floral", "dotted")),
    "handbag": Kind("Handbag", 85, ("leather", "canvas", "suede"), WOMEN),
    "backpack": Kind("Backpack", 60, ("canvas", "leather", "nylon")),
    "hat": Kind("Hat", 28, ("straw", "wool", "suede", "cotton")),
    "watch": Kind("Watch", 120, ("leather", "metal", "nylon"), patterns=("plain", "plain", "striped")),
    "sunglasses": Kind("Sunglasses", 40, ("plastic", "metal"), patterns=("plain",)),
    "mug": Kind("Mug", 12, ("ceramic", "glass", "metal"), audiences=HOME),
    "lamp": Kind("Table Lamp", 48, ("linen", "glass", "metal"), audiences=HOME),
    "chair": Kind("Chair", 90, ("velvet", "wool", "leather", "wood"), audiences=HOME),
    "sofa": Kind("Sofa", 480, ("velvet", "wool", "leather", "linen"), audiences=HOME),
    "table": Kind("Table", 190, ("wood", "metal", "glass"), audiences=HOME, patterns=("plain",)),
    "vase": Kind("Vase", 24, ("ceramic", "glass", "metal"), audiences=HOME),
    "cushion": Kind("Cushion", 20, ("cotton", "linen", "velvet", "wool", "silk"), audiences=HOME),
    "umbrella": Kind("Umbrella", 22, ("nylon", "cotton")),
    "bottle": Kind("Water Bottle", 16, ("metal", "glass", "plastic"), audiences=HOME,
                   patterns=("plain", "striped", "dotted", "zigzag")),
    "clock": Kind("Wall Clock", 34, ("wood", "metal", "plastic"), audiences=HOME,
                  patterns=("plain", "plain", "striped", "checked")),
}  # fmt: skip
"""The product types, as `Item.product_type` names them."""

MATERIAL_COST = {
    "silk": 1.6,
    "leather": 1.5,
    "wool": 1.25,
    "suede": 1.35,
    "velvet": 1.3,
    "plastic": 0.7,
    "nylon": 0.8,
}
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
    dice, strokes, room = Dice(seed, index, 0), Dice(seed, index, 1), Dice(seed, index, 2)
    name = dice.pick(tuple(KINDS))
    kind = KINDS[name]
    colour, pattern, material = (
        dice.pick(tuple(COLOURS)),
        _pattern(kind, dice),
        dice.pick(kind.materials),
    )
    accent = COLOURS[dice.pick(ON_PALE if colour in PALE else ON_DARK)]
    audience = dice.pick(kind.audiences)
    brand = dice.pick((*(HOME_BRANDS if audience == "home" else CLOTHES_BRANDS), *WIDE_BRANDS))

    sketch = Sketch()
    detail = SHAPES[name](sketch, strokes)
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


def write_catalogue(
    folder: Path, count: int, seed: int = 7, *, size: tuple[int, int] = (160, 200)
) -> Path:
    """Write the catalogue as a shop would hand it over; the path of its `catalogue.jsonl`.

    Beside it: `photos/<id>.jpg`, and `truth.jsonl` with each product's box, scene and clean title.
    """
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    path = folder / "catalogue.jsonl"
    with (
        path.open("w", encoding="utf-8") as rows,
        (folder / "truth.jsonl").open("w", encoding="utf-8") as truths,
    ):
        for product in draw_catalogue(count, seed=seed, size=size):
            item, image = product.item, f"photos/{product.item.id}.jpg"
            if isinstance(item.image, bytes):
                (folder / image).write_bytes(item.image)
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
            left_out = set(type_words.upper().split())
            words = [word for word in words if word.upper() not in left_out]
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
