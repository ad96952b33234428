"""A small made-up shop for store tests, and what is true of it worked out without a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vlclip.engine.filters import Condition, Filter
from vlclip.engine.space import FusedSpace, Segment
from vlclip.engine.store.store import Point, Revision, Store, StoreInfo

SPACE = FusedSpace((Segment("image", 5), Segment("text", 3)))
INFO = StoreInfo("0123456789abcdef", SPACE, {"image": "tiny", "text": "tiny"})
OTHER = StoreInfo("fedcba9876543210", SPACE, {"image": "other", "text": "other"})
WORDS = ("red", "blue", "shoe", "boot", "bag", "leather", "nike", "x200", "café")
KINDS = {"id": "keyword", "brand": "keyword", "price": "number", "available": "bool", "tags": "keyword"}


def shop(count: int, seed: int = 0) -> list[Point]:
    """Items with gaps: no photo, no text, no words, no brand, no price, no tags or empty ones.

    At most one has neither photo nor text: two would always tie, and engines may order ties as they like.
    """
    rng = np.random.default_rng(seed)
    image = rng.standard_normal((count, 5)).astype(np.float32)
    text = rng.standard_normal((count, 3)).astype(np.float32)
    image[rng.random(count) < 0.15] = 0
    lost = np.flatnonzero(rng.random(count) < 0.15)
    bare = [row for row in lost if not image[row].any()]
    text[np.setdiff1d(lost, bare[1:])] = 0
    vectors = SPACE.item_vectors({"image": image, "text": text}, count)
    return [Point(f"sku {row}", vectors[row], _words(rng), _payload(rng, row)) for row in range(count)]


def write(store: Store, change: tuple[str, Any, Any], count: int) -> None:
    """Change one item of a shop of `count`: put it anew, delete it, change its words or one of its fields.

    A change is its kind or the name of a field, the item (to put, its row), and the new value (to put, a
    seed); a field of None is removed.
    """
    kind, target, value = change
    match kind:
        case "put":
            store.upsert([shop(count, seed=value)[target]])
        case "delete":
            store.delete([target])
        case "words":
            store.revise([target], lambda _: Revision({}, lexical=value))
        case _ if value is None:
            store.revise([target], lambda _: Revision({}, removed=[kind]))
        case _:
            store.revise([target], lambda _: Revision({kind: value}))


def _words(rng: np.random.Generator) -> str:
    return " ".join(rng.choice(WORDS, rng.integers(0, 6)))


def _payload(rng: np.random.Generator, row: int) -> dict[str, Any]:
    payload: dict[str, Any] = {"id": f"sku {row}", "available": bool(rng.random() < 0.5)}
    if rng.random() < 0.8:
        payload["brand"] = str(rng.choice(["Nike", "Puma", "Größe 1"]))
    if rng.random() < 0.8:
        payload["price"] = float(rng.integers(1, 8)) / 2
    if rng.random() < 0.8:
        payload["tags"] = [str(tag) for tag in rng.choice(["new", "sale", "eco"], rng.integers(0, 3))]
    return payload


def point(row: int) -> Point:
    """One item of an endless shop; `row` says all of it."""
    return Point(f"row {row}", direction(row), f"thing {row}", {"id": f"row {row}", "number": row})


def direction(seed: int) -> np.ndarray:
    """Some query."""
    return np.random.default_rng(seed).standard_normal(SPACE.size).astype(np.float32)


def fits(payload: Mapping[str, Any], filter: Filter) -> bool:
    """Whether an item passes a filter, read off its definition."""
    return all(_holds(payload.get(c.field), c) for c in filter.conditions)


def _holds(value: Any, condition: Condition) -> bool:
    has = value if isinstance(value, list) else [] if value is None else [value]
    values = condition.values
    match condition.operator:
        case "any":
            return any(part in values for part in has)
        case "not":
            return not any(part in values for part in has)
        case "missing":
            return (not has) == values[0]
        case "gt":
            return any(part > values[0] for part in has)
        case "gte":
            return any(part >= values[0] for part in has)
        case "lt":
            return any(part < values[0] for part in has)
        case "lte":
            return any(part <= values[0] for part in has)


def best(points: Sequence[Point], query: np.ndarray, limit: int) -> dict[str, float]:
    """The `limit` best by dot product, with their scores."""
    scores = {point.id: float(point.vector @ query) for point in points}
    return dict(sorted(scores.items(), key=lambda pair: -pair[1])[:limit])


def contents(store: Store) -> dict[str, tuple[dict[str, Any], list[float]]]:
    """Everything in a store."""
    return {
        record.id: (dict(record.payload), [round(float(x), 5) for x in record.vector])
        for batch in store.scan(with_vector=True, batch=16)
        for record in batch
        if record.vector is not None
    }


SHOP = shop(80)
