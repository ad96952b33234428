"""Refined titles find their photos: clean ones no worse, spoiled ones far better than raw."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.engine.refinement.spoiler import spoil
from vlclip.engine.item import Item
from vlclip.engine.refinement.fields import FieldRefiner

pytestmark = [pytest.mark.slow, pytest.mark.data]


def test_by_the_shipped_model_over_products_it_was_not_trained_on(data: Path):
    import polars as pl

    from vlclip.engine.encoding.clip import load_clip
    from vlclip.engine.training.held_out import is_validation
    from vlclip.engine.training.retrieval import text_to_image

    rows = pl.read_parquet(data / "fashion" / "items-0.parquet").to_dicts()
    rows = [row for row in rows if is_validation(row["product_id"])]
    clip = load_clip("vlclip-small", "cpu")
    shots = [Image.open(io.BytesIO(row["image"])).convert("RGB") for row in rows]
    photos = np.concatenate(
        [clip.encode_images(shots[start : start + 64]) for start in range(0, len(shots), 64)]
    )
    names = [row["title"] for row in rows]

    def hits(titles: list[str], *, refined: bool) -> float:
        texts = titles
        if refined:
            items = [
                Item(row["product_id"], title=title, product_type=row["article_type"] or "",
                     attributes={"base_colour": row["base_colour"] or "", "usage": row["usage"] or ""})
                for row, title in zip(rows, titles, strict=True)
            ]  # fmt: skip
            texts = [text.text for text in FieldRefiner().refine(items, [None] * len(items))]
        return text_to_image(clip.encode_texts(texts), photos, names)["hits@5"]

    spoiled = [spoil(row["title"], row["article_type"], row["product_id"]) for row in rows]
    assert hits(names, refined=True) >= hits(names, refined=False) - 0.01
    assert hits(spoiled, refined=True) >= 1.07 * hits(spoiled, refined=False)
