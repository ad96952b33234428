"""A small shop with planted vectors, whose lists can be computed with a dot product."""

from __future__ import annotations

import numpy as np

from vlclip.engine.space import FusedSpace, Segment, unit
from vlclip.engine.store.store import Point, StoreInfo

SPACE = FusedSpace((Segment("image", 16), Segment("text", 8)))
INFO = StoreInfo("fp", SPACE, {"image": "planted", "text": "planted"})
COUNT = 300
COLOURS = ("red", "green", "blue")


class PlantedEmbedder:
    """Query directions seeded by the text: the same words give the same direction."""

    info = INFO

    def embed_query(self, *, text="", photo=None):
        rng = np.random.default_rng(sum(map(ord, text)) + (0 if photo is None else 7))
        parts = {"image": rng.normal(size=16).astype(np.float32)}
        if text:
            parts["text"] = rng.normal(size=8).astype(np.float32)
        return {name: unit(part[None])[0] for name, part in parts.items()}


def planted_vectors() -> np.ndarray:
    rng = np.random.default_rng(3)
    images, texts = rng.normal(size=(COUNT, 16)), rng.normal(size=(COUNT, 8))
    images[5], texts[6] = 0, 0  # an item without a photo, one without words
    return SPACE.item_vectors({"image": images.astype(np.float32), "text": texts.astype(np.float32)}, COUNT)


def planted_points(vectors: np.ndarray) -> list[Point]:
    return [
        Point(
            f"i{n}", vectors[n], f"{COLOURS[n % 3]} item number{n}",
            {"colour": COLOURS[n % 3], "price": float(n), "title": f"t{n}", "popularity": float(n % 17),
             "available": n % 2 == 0, "provenance": {"fingerprint": "fp"}},
        )
        for n in range(COUNT)
    ]  # fmt: skip
