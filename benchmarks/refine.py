"""How well texts find their own photo: clean titles, the same spoiled, and both refined from the fields.

    python benchmarks/refine.py --catalogue fashion
    python benchmarks/refine.py --drawn 700
    python benchmarks/refine.py --cost 3000 --catalogue fashion/items-0.parquet

Over the catalogue's validation products (a tenth, by a hash of the id; none was trained on). Spoiled are
titles as careless sellers write them: slogans, capitals, repetition, stock codes, the type left out
(`vlclip.ingestion.drawn.catalogue.messy_title`, two or three at once, seeded by the row). The photo does not
decide here: it would choose the text that finds it.

Then the other way round: the clean titles ask, and what is asked are the spoiled items, stored with their
raw text, their refined one, or the one of both that fits the photo better (`refinement.agreement`).

With `--drawn`: products that the project draws, whose title is the name of a series, such as IKEA's, with and
without their type; then with their own clean titles. Words of the description are added up to each number.

With `--cost`: CPU of an ingest of so many items, with and without the refiner, in turns.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import polars as pl
import torch
from PIL import Image

from vlclip.engine.encoding.clip import Clip, load_clip
from vlclip.engine.item import Item
from vlclip.engine.refinement import FieldRefiner, fields
from vlclip.engine.refinement.agreement import keep_better
from vlclip.engine.space import Floats
from vlclip.engine.training.held_out import is_validation
from vlclip.engine.training.retrieval import text_to_image
from vlclip.ingestion.datasets.item_photos import item_photo_batches
from vlclip.ingestion.drawn.catalogue import draw_catalogue, messy_title
from vlclip.ingestion.drawn.dice import Dice
from vlclip.ingestion.pipeline.ingest import ingest_catalogue
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.service.settings import Settings

SYLLABLES = ("ku", "ra", "bil", "ly", "mal", "vi", "sto", "ren", "hem", "nes")
TURNS = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--catalogue")
    parser.add_argument("--drawn", type=int, help="how many products to draw")
    parser.add_argument("--cost", type=int, help="how many items to ingest each time")
    parser.add_argument("--clip", default="vlclip-small")
    parser.add_argument("--items", type=int, default=4076)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.cost:
        cost(args.catalogue, args.cost)
        return
    clip = load_clip(args.clip, "cpu")
    if args.drawn:
        series(args.drawn, clip)
        return
    items, photos = read(args.catalogue, args.items, clip)
    titles = [item.title for item in items]
    spoiled = [
        replace(item, title=messy_title(item.title, item.product_type, Dice(args.seed, row, 0)))
        for row, item in enumerate(items)
    ]
    refiner = FieldRefiner()
    figures = {}
    for name, texts_of_items in (("clean", items), ("spoiled", spoiled)):
        began = time.perf_counter()
        refined = [text.text for text in refiner.refine(texts_of_items, [None] * len(texts_of_items))]
        took = (time.perf_counter() - began) / len(texts_of_items)
        raw = [item.text for item in texts_of_items]
        for kind, texts in (("raw", raw), ("refined", refined)):
            ranks = text_to_image(clip.encode_texts(texts), photos, titles)
            figures[f"{name}, {kind}"] = {key: round(ranks[key], 4) for key in ("hits@1", "hits@5", "mrr")}
        figures[f"{name}, refined"]["us_per_item"] = round(took * 1e6)
    stored = stored_texts(spoiled, refiner, clip, photos)
    asking = clip.encode_texts(titles)
    for name, texts in stored.items():
        for segments, query, items_ in (
            ("text", asking, texts),
            ("image + text", np.hstack([asking, asking]), np.hstack([photos, texts])),
        ):
            ranks = text_to_image(query, items_, titles)
            figures[f"clean titles ask {segments}: {name}"] = {"hits@5": round(ranks["hits@5"], 4)}
    print(json.dumps({"items": len(items), "version": refiner.version, **figures}, indent=1))


def series(count: int, clip: Clip) -> None:
    """How often titles that are names of series find their photo, and the same products' clean titles."""
    products = [product.item for product in draw_catalogue(count, seed=11)]
    images = [
        Image.open(io.BytesIO(item.image)).convert("RGB")
        for item in products
        if isinstance(item.image, bytes)
    ]
    photos = np.concatenate([clip.encode_images(images[at : at + 64]) for at in range(0, count, 64)])
    names = [Dice(3, row % 60, 0) for row in range(count)]
    bare = [
        replace(item, title="".join(dice.pick(SYLLABLES) for _ in range(3)).upper(), brand="", attributes={})
        for item, dice in zip(products, names, strict=True)
    ]
    rows = {
        "name of a series": bare,
        "the same without a type": [replace(item, product_type="") for item in bare],
        "clean titles": products,
    }
    print("| HITS@5 | " + " | ".join(rows) + " |\n|---|" + "---|" * len(rows))
    refiner = FieldRefiner()
    for enough, most in (
        (0, 0),
        (0, 8),
        *((enough, most) for enough in (4, 6, 99) for most in (6, 8, 12, 16)),
    ):
        cells = []
        for items in rows.values():
            with patch.multiple(fields, ENOUGH_WORDS=enough, WORDS_WITH_DESCRIPTION=most):
                texts = [refiner.text_of(item).text if most else item.text for item in items]
            ranks = text_to_image(clip.encode_texts(texts), photos, [item.id for item in items])
            cells.append(f"{ranks['hits@5']:.3f}")
        way = f"under {enough} words, up to {most}" if enough else "title, type, facts" if most else "raw"
        print(f"| {way} | " + " | ".join(cells) + " |", flush=True)


def cost(catalogue: str, count: int) -> None:
    """CPU of an ingest an item, with and without the refiner, in turns."""
    torch.set_num_threads(1)
    spent: dict[str, list[float]] = {"off": [], "fields": []}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "items.parquet"
        pl.read_parquet(catalogue).head(count).write_parquet(source)
        for turn in range(2 * TURNS + 1):
            mode = ("off", "fields")[turn % 2]
            settings = Settings.load(store=f"{folder}/{turn}", device="cpu", refinement={"mode": mode})
            began = time.process_time()
            ingest_catalogue(source, settings)
            if turn:  # the first one loads the model's libraries
                spent[mode].append((time.process_time() - began) / count * 1e6)
    print(json.dumps({mode: [round(figure) for figure in figures] for mode, figures in spent.items()}))
    print(f"{np.median(spent['fields']) / np.median(spent['off']) - 1:+.1%} by the medians")


def stored_texts(items: list[Item], refiner: FieldRefiner, clip: Clip, photos: Floats) -> dict[str, Floats]:
    """Text vectors of the items as each way to store them has it."""
    raw = clip.encode_texts([item.text for item in items])
    refined = clip.encode_texts([text.text for text in refiner.refine(items, [None] * len(items))])
    chosen = keep_better(photos, raw, refined)
    better = f"the better ({chosen.mean():.1%} refined)"
    return {"raw": raw, "refined": refined, better: np.where(chosen[:, None], refined, raw)}


def read(source: str, most: int, clip: Clip) -> tuple[list[Item], Floats]:
    """Validation products with a title and a photo, and their photos' vectors."""
    catalogue = open_catalogue(source)
    items: list[Item] = []
    vectors: list[Floats] = []
    columns = map_columns(catalogue, [])
    batches = item_photo_batches(catalogue, columns, Settings(), select=lambda item: is_validation(item.id))
    for batch in batches:
        with_photos = [entry for entry in batch if entry is not None][: most - len(items)]
        if not with_photos:
            break
        items += [entry.item for entry in with_photos]
        vectors.append(clip.encode_images([entry.photo for entry in with_photos]))
    return items, np.concatenate(vectors)


if __name__ == "__main__":
    main()
