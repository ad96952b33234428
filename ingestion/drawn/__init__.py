"""A catalogue the project draws itself: products with photos, titles and prices from numbers alone."""

from ingestion.drawn.catalogue import (
    DrawnProduct,
    draw_catalogue,
    draw_product,
    messy_title,
    write_catalogue,
    write_products,
)
from ingestion.drawn.kinds import COLOURS, KINDS
from ingestion.drawn.surface import PATTERN_NAMES

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
