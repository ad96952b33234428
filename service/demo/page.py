"""The demo's page and its questions: what the engine finds in a drawn catalogue, and why.

Laws (tested in tests/service/demo/test_page.py):
- the page is one file: pictures are inside it, nothing is fetched and nothing runs;
- whatever a title says, it is shown as text;
- every part of every score is on the page, every crop is drawn on its photo, and a refined text stands
  beside the shop's own;
- equal catalogues give equal questions, and each question has something to find.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vlclip.engine.filters import Filter, parse_clauses
from vlclip.ingestion.drawn import DrawnProduct, draw_product

PAGES = Path(__file__).parent
CHEAP = 50
"""EUR; what the filtered question asks products to cost less than."""
VIVID = ("red", "green", "blue", "teal", "purple", "orange")
"""Colours that stay the main one under any pattern; good to ask for."""

_SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n": "image/png",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}


@dataclass(frozen=True, slots=True)
class Embedded:
    """What was embedded of a product.

    `box` is the crop: left, top, width and height in percent of the photo, None for the whole photo;
    `refined` is the text, "" where the title stayed.
    """

    box: tuple[float, float, float, float] | None = None
    refined: str = ""

    @classmethod
    def of(cls, provenance: Mapping[str, Any], title: str) -> Embedded:
        """From what a point says of how it was made."""
        text = str(provenance.get("text", title))
        refined = "" if text == title else text
        if not provenance.get("crop"):
            return cls(None, refined)
        (x0, y0, x1, y1), (width, height) = provenance["crop"], provenance["photo_size"]
        box = (100 * x0 / width, 100 * y0 / height, 100 * (x1 - x0) / width, 100 * (y1 - y0) / height)
        return cls(box, refined)


WHOLE = Embedded()


@dataclass(frozen=True, slots=True)
class DemoItem:
    """One product as it came and as it was embedded."""

    title: str
    photo: bytes
    embedded: Embedded


@dataclass(frozen=True, slots=True)
class DemoResult:
    """One product in a list; `parts` say how much of `score` each segment gave, and sum to it."""

    id: str
    title: str
    price: str
    photo: bytes
    score: float
    parts: Mapping[str, float]
    embedded: Embedded = WHOLE


@dataclass(frozen=True, slots=True)
class DemoSection:
    """One question and its answer: the words and the photo that were asked with, best result first."""

    heading: str
    explanation: str
    query: str
    photo: bytes | None
    results: Sequence[DemoResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoQuery:
    """One question to ask the engine: by `text`, by `photo`, or for items like the one of id `anchor`.

    `weights` are by segment; without them the engine's own hold.
    """

    heading: str
    explanation: str
    text: str = ""
    photo: bytes | None = None
    anchor: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    filter: Filter = field(default_factory=Filter)


def render_demo(
    sections: Sequence[DemoSection],
    *,
    title: str,
    facts: Mapping[str, str],
    created: str,
    items: Sequence[DemoItem] = (),
) -> str:
    """The page as HTML, whole in one file; `facts` are shown at its head, `created` at its foot.

    `items` are shown first: how products came, and what was embedded of them.
    """
    pages = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["data_uri"] = data_uri
    pages.filters["longest_bar"] = longest_bar
    return pages.get_template("demo.html.j2").render(
        sections=sections,
        title=title,
        facts=facts,
        created=created,
        parts=part_names(sections),
        items=items,
    )


def data_uri(photo: bytes) -> str:
    """The photo as a `data:` address; empty where the bytes are no JPEG, PNG, GIF or WebP."""
    kind = next((mime for start, mime in _SIGNATURES.items() if photo.startswith(start)), None)
    return f"data:{kind};base64,{base64.b64encode(photo).decode()}" if kind else ""


def longest_bar(results: Sequence[DemoResult]) -> float:
    """The largest score part of a list, which is drawn at full length; never 0."""
    return max((abs(part) for result in results for part in result.parts.values()), default=0.0) or 1.0


def part_names(sections: Sequence[DemoSection]) -> list[str]:
    """Every score part on the page, in the order of first appearance."""
    named = (name for section in sections for result in section.results for name in result.parts)
    return list(dict.fromkeys(named))


def telling(products: Sequence[DrawnProduct], count: int = 8) -> list[DrawnProduct]:
    """Products that have something to find or to clean: cluttered photos with messy titles first."""
    available = [product for product in products if product.item.available]

    def plainness(product: DrawnProduct) -> tuple[bool, bool, str]:
        clean = product.item.title == product.clean_title
        return product.scene != "cluttered" or clean, product.scene != "cluttered", product.item.id

    return sorted(available, key=plainness)[:count]


def demo_queries(products: Sequence[DrawnProduct], *, seed: int = 7) -> list[DemoQuery]:
    """A handful of questions that this catalogue has answers to; `seed` is the catalogue's own.

    Two text searches, one with a filter, one by a photo that is not in the catalogue, and two for
    similar items.
    """
    available = [product for product in products if product.item.available]
    if not available:
        return []
    home = [product for product in available if product.item.attributes["audience"] == "home"]
    worn = [product for product in available if product.item.attributes["audience"] != "home"]
    low = [product for product in available if (product.item.price or 0) < CHEAP]
    high = {product.item.product_type for product in available if (product.item.price or 0) >= CHEAP}
    cut = [product for product in low if product.item.product_type in high]
    messy = [product for product in available if product.item.title != product.clean_title]
    first, second = _commonest(worn or available), _commonest(home or available)
    bargain = _commonest(_fresh(cut or low or available, first, second))
    anchor = _commonest(_fresh(available, first, second, bargain))
    shouted = _commonest(_fresh(messy or available, anchor))
    outside = _outside(available, len(products), seed)
    return [
        DemoQuery(
            heading=f"“{_words(first)}”",
            explanation="A text search. The words meet every photo and every title in one comparison.",
            text=_words(first),
        ),
        DemoQuery(
            heading=f"“{_words(second)}”",
            explanation="Another text search: colour, pattern and type all have to be seen or said.",
            text=_words(second),
        ),
        DemoQuery(
            heading=f"“{_words(bargain)}” under {CHEAP} EUR",
            explanation="A text search with a filter. The filter holds inside the search: "
            "dearer products are never candidates.",
            text=_words(bargain),
            filter=parse_clauses([f"price<{CHEAP}"]),
        ),
        DemoQuery(
            heading="A photo taken at home",
            explanation=f"A photo search. This {outside.item.product_type} is not in the catalogue, "
            "and other things stand around it.",
            photo=_photo(outside),
        ),
        DemoQuery(
            heading="More like this, by photo and title",
            explanation=f"Similar items to {anchor.item.title}. Photo and title weigh the same.",
            anchor=anchor.item.id,
            weights={"image": 1.0, "text": 1.0},
        ),
        DemoQuery(
            heading="More like this, by photo alone",
            explanation=f"The title of this one is “{shouted.item.title}”. With the text's weight at 0 "
            "only the photo counts.",
            anchor=shouted.item.id,
            weights={"image": 1.0, "text": 0.0},
        ),
    ]


def _words(product: DrawnProduct) -> str:
    """What someone who looks for this product would type."""
    look = product.item.attributes
    pattern = "" if look["pattern"] == "plain" else f"{look['pattern']} "
    return f"{look['colour']} {pattern}{product.item.product_type}"


def _commonest(products: Iterable[DrawnProduct]) -> DrawnProduct:
    """The product most of the others look like; vivid, patterned, cleanly titled ones first."""
    choice = sorted(products, key=lambda product: product.item.id)
    counts = Counter(_words(product) for product in choice)
    return max(
        choice,
        key=lambda product: (
            product.item.attributes["colour"] in VIVID and product.item.attributes["pattern"] != "plain",
            counts[_words(product)],
            product.item.title == product.clean_title,
            product.scene == "packshot",
        ),
    )


def _fresh(products: Sequence[DrawnProduct], *used: DrawnProduct) -> Sequence[DrawnProduct]:
    """Those of another type and colour than the ones already shown, if there are any."""
    types = {product.item.product_type for product in used}
    colours = {product.item.attributes["colour"] for product in used}
    fresh = [
        product
        for product in products
        if product.item.product_type not in types and product.item.attributes["colour"] not in colours
    ]
    return fresh or products


def _outside(products: Sequence[DrawnProduct], start: int, seed: int) -> DrawnProduct:
    """The first cluttered photo after the end of the catalogue of which the catalogue has the like."""
    wordings = Counter(_words(product) for product in products)
    drawn = [draw_product(seed, start + step) for step in range(30)]
    scenes = [product for product in drawn if product.scene == "cluttered"] or drawn
    return max(scenes, key=lambda product: min(wordings[_words(product)], 2))


def _photo(product: DrawnProduct) -> bytes | None:
    return product.item.image if isinstance(product.item.image, bytes) else None
