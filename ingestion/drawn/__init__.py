"""A catalogue the project draws itself: products with photos, titles and prices from numbers alone."""

from vlclip.ingestion.drawn.catalogue import (
    DrawnProduct,
    draw_catalogue,
    draw_product,
    messy_title,
    write_catalogue,
    write_products,
)
from vlclip.ingestion.drawn.kinds import COLOURS, KINDS
from vlclip.ingestion.drawn.surface import PATTERN_NAMES

__all__ = [
    "COLOURS",
    "KINDS",
    "PATTERN_NAMES",
    "DrawnProduct",
    "draw_catalogue",
    "draw_product",
    "messy_title",
    "write_catalogue",
    "write_products",
]
