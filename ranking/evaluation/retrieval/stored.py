"""Retrieval judged on a store's vectors: do titles find their photos, and are neighbours alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vlclip.engine.encoding.embedder import Embedder
from vlclip.engine.space import Floats
from vlclip.engine.store.store import Record, Store
from vlclip.engine.training.retrieval import text_to_image
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.neighbours import agreeing_share, chance_share, nearest_others

CHUNK = 1000


def evaluate_titles(store: Store, embedder: Embedder, titles: Mapping[str, str]) -> dict[str, float]:
    """HITS@1/5/10 and MRR of titles (by item id) finding their own photo among these items.

    Vectors are the store's, scoring is exact. Keys that end in `_dup` count any product with
    the same title as a hit. `missing` items are not in the store, `without_photo` ones have no image segment;
    both are left out.
    """
    span = store.info.space.slices()["image"]
    ids, photos = [], []
    missing = without = 0
    titled = [item_id for item_id, title in titles.items() if title.strip()]
    for start in range(0, len(titled), CHUNK):
        chunk = titled[start : start + CHUNK]
        records = store.retrieve(chunk, fields=("id",), with_vector=True)
        for item_id in chunk:
            record = records.get(item_id)
            if record is None or record.vector is None:
                missing += 1
            elif not record.vector[span].any():
                without += 1
            else:
                ids.append(item_id)
                photos.append(record.vector[span])
    if not ids:
        raise EvaluationError(
            "none of these items is in the store with a photo; ingest the same catalogue first"
        )
    texts = [titles[item_id] for item_id in ids]
    queries = np.stack([embedder.embed_query(text=text)["image"] for text in texts])
    figures = text_to_image(queries, np.stack(photos), texts)
    return {**figures, "missing": missing, "without_photo": without}


def same_share(
    records: Sequence[Record],
    store: Store,
    fields: Sequence[str],
    weights: Mapping[str, float],
    k: int = 5,
) -> dict[str, float]:
    """Share of each item's `k` most similar others that agree with it, field by field.

    `records` are the anchors and the pool, with vectors; scoring is exact. Anchors without a value
    for a field are left out of that field's share. `_chance` keys are the shares of random neighbours.
    """
    if len(records) <= k:
        raise EvaluationError(f"{len(records)} items are too few to look at {k} neighbours")
    space = store.info.space
    vectors = np.stack([_need(record.vector) for record in records])
    scale = np.concatenate(
        [np.full(segment.size, weights.get(segment.name, 1.0)) for segment in space.segments]
    ).astype(np.float32)
    nearest = nearest_others(vectors, k, scale)
    shares: dict[str, float] = {}
    for name in fields:
        values = [str(record.payload.get(name, "")) for record in records]
        if not any(values):
            raise EvaluationError(f"no item has a value for {name!r}")
        shares[name] = float(np.nanmean(agreeing_share(nearest, values)))
        shares[f"{name}_chance"] = chance_share(values)
    return shares


def _need(vector: Floats | None) -> Floats:
    if vector is None:
        raise EvaluationError("the records were read without their vectors")
    return vector
