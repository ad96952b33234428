"""Words that shoppers search for, from files and from the shop itself.

The sources: `titles`, those of the catalogue; `typos`, the other queries with a typing error; the lists in
`loadtest/queries` by name (`furniture`, `scripts`); any `.txt` file beside the plan, one per line.

Laws (tests/loadtest/test_queries.py):
- a typo is one typing error away from its query, and the same for the same seed;
- `furniture.txt` holds what `furniture()` returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from vlclip.loadtest.errors import BadPlan
from vlclip.loadtest.plan import Plan

SHIPPED = Path(__file__).parent / "queries"
STYLES = (
    "mid century", "scandinavian", "industrial", "rustic", "art deco", "minimalist", "vintage", "modern",
    "small", "large", "narrow", "foldable", "grey", "black", "white", "light green",
)  # fmt: skip
MATERIALS = ("walnut", "oak", "pine", "rattan", "velvet", "leather", "marble", "metal", "glass", "linen")
PIECES = (
    "sideboard", "coffee table", "armchair", "sofa", "bed frame", "bookcase", "bar stool", "desk",
    "nightstand", "dining chair", "tv stand", "floor lamp", "wardrobe", "bench", "mirror", "ottoman",
)  # fmt: skip
FURNITURE = 480
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
"""A keyboard; each row stands half a key to the right of the one above."""


def furniture(count: int = FURNITURE, seed: int = 0) -> list[str]:
    """Short queries for furniture, all different: style, material and piece; some lack one of the three."""
    random, queries = Random(seed), dict[str, None]()  # noqa: S311 - no secrets here
    while len(queries) < count:
        style, material, piece = random.choice(STYLES), random.choice(MATERIALS), random.choice(PIECES)
        words = random.choice([(style, material, piece), (style, piece), (material, piece)])
        queries[" ".join(words)] = None
    return list(queries)


def neighbours(letter: str) -> str:
    """The keys around a letter's; empty for what is no letter of the keyboard."""
    for row, keys in enumerate(ROWS):
        at = keys.find(letter)
        if at >= 0:
            above = ROWS[row - 1][at : at + 2] if row else ""
            below = ROWS[row + 1][max(0, at - 1) : at + 1] if row + 1 < len(ROWS) else ""
            return keys[max(0, at - 1) : at] + keys[at + 1 : at + 2] + above + below
    return ""


def typo(query: str, random: Random) -> str:
    """One typing error: a neighbouring key, or a letter doubled, left out or swapped with the next."""
    places = [at for at, letter in enumerate(query.lower()) if neighbours(letter)]
    if not places:
        return query
    at = random.choice(places)
    before, letter, after = query[:at], query[at], query[at + 1 :]
    slips = (
        before + random.choice(neighbours(letter.lower())) + after,
        before + letter * 2 + after,
        before + after,
        before + after[:1] + letter + after[1:],
    )
    slip = random.choice(slips)
    return slip if slip.strip() and slip != query else slips[0]


def read_queries(plan: Plan, titles: Sequence[str]) -> dict[str, list[str]]:
    """The queries of each source the plan names; `BadPlan` if one is unknown or empty."""
    sources: dict[str, list[str]] = {}
    for name, weight in plan.queries.items():
        if weight and name != "typos":
            sources[name] = list(titles) if name == "titles" else _lines(plan, name)
    if plan.queries.get("typos"):
        correct = [query for queries in sources.values() for query in queries] or furniture()
        random = Random(plan.seed)  # noqa: S311
        sources["typos"] = [typo(query, random) for query in correct]
    for name, queries in sources.items():
        if not queries:
            raise BadPlan(f"queries.{name}: nothing to search for; take another source")
    return sources


def _lines(plan: Plan, name: str) -> list[str]:
    path = plan.near(name) if name.endswith(".txt") else SHIPPED / f"{name}.txt"
    if not path.is_file():
        names = ", ".join(["titles", "typos", *sorted(file.stem for file in SHIPPED.glob("*.txt"))])
        raise BadPlan(f"queries.{name}: no such source; there are {names}, and .txt files beside the plan")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise BadPlan(f"queries.{name}: {path} is no text in UTF-8 ({error}); save it as such") from None
    return [line.strip() for line in lines if line.strip()]
