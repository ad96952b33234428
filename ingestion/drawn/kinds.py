"""What the drawn shop sells: types, colours, brands, and what they do to a price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vlclip.ingestion.drawn import home, worn
from vlclip.ingestion.drawn.dice import Dice
from vlclip.ingestion.drawn.sketch import RGB, Sketch
from vlclip.ingestion.drawn.surface import PATTERN_NAMES

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
    shape: Callable[[Sketch, Dice], str]
    price: float
    materials: tuple[str, ...]
    audiences: tuple[str, ...] = ("women", "women", "men", "men", "kids", "unisex")
    patterns: tuple[str, ...] = PATTERN_NAMES


KINDS: dict[str, Kind] = {
    "t-shirt": Kind("T-Shirt", worn.t_shirt, 18, ("cotton", "linen", "wool", "silk")),
    "dress": Kind("Dress", worn.dress, 55, CLOTHES, WOMEN),
    "trousers": Kind("Trousers", worn.trousers, 45, CLOTHES),
    "sneaker": Kind("Sneakers", worn.sneaker, 70, ("canvas", "leather", "suede"),
                    patterns=("plain", "checked", "dotted", "floral")),
    "boot": Kind("Boots", worn.boot, 95, ("leather", "suede"),
                 patterns=("plain", "plain", "floral", "dotted")),
    "handbag": Kind("Handbag", worn.handbag, 85, ("leather", "canvas", "suede"), WOMEN),
    "backpack": Kind("Backpack", worn.backpack, 60, ("canvas", "leather", "nylon")),
    "hat": Kind("Hat", worn.hat, 28, ("straw", "wool", "suede", "cotton")),
    "watch": Kind("Watch", worn.watch, 120, ("leather", "metal", "nylon"),
                  patterns=("plain", "plain", "striped")),
    "sunglasses": Kind("Sunglasses", worn.sunglasses, 40, ("plastic", "metal"), patterns=("plain",)),
    "mug": Kind("Mug", home.mug, 12, ("ceramic", "glass", "metal"), audiences=HOME),
    "lamp": Kind("Table Lamp", home.lamp, 48, ("linen", "glass", "metal"), audiences=HOME),
    "chair": Kind("Chair", home.chair, 90, ("velvet", "wool", "leather", "wood"), audiences=HOME),
    "sofa": Kind("Sofa", home.sofa, 480, ("velvet", "wool", "leather", "linen"), audiences=HOME),
    "table": Kind("Table", home.table, 190, ("wood", "metal", "glass"), audiences=HOME,
                  patterns=("plain",)),
    "vase": Kind("Vase", home.vase, 24, ("ceramic", "glass", "metal"), audiences=HOME),
    "cushion": Kind("Cushion", home.cushion, 20, ("cotton", "linen", "velvet", "wool", "silk"),
                    audiences=HOME),
    "umbrella": Kind("Umbrella", worn.umbrella, 22, ("nylon", "cotton")),
    "bottle": Kind("Water Bottle", home.bottle, 16, ("metal", "glass", "plastic"), audiences=HOME,
                   patterns=("plain", "striped", "dotted", "zigzag")),
    "clock": Kind("Wall Clock", home.clock, 34, ("wood", "metal", "plastic"), audiences=HOME,
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
