"""How fast a catalogue becomes a store, beside the encoder alone, and how much memory that takes.

    python benchmarks/ingest.py --catalogue ../shared/data/fashion --items 10000 40000

For every number of items, each in a process of its own:
- encoder: decode, open_clip's preprocessing, `encode_image` and `encode_text` in batches, one after
  the other, as one would write it with open_clip alone; nothing is stored;
- ingest: the same items through the pipeline into an empty store, search index included;
- again: the same once more, when nothing has changed.

Processor seconds are those of the whole process, and in the JSON lines alone. Peak memory is the process's
highest resident set. Model loading is not in the seconds of the encoder; it is in those of ingest, as the
pipeline loads when the first item needs it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before the models' libraries are loaded

from PIL import Image

from vlclip.engine.encoding.embedder import embedder_info, load_embedder
from vlclip.engine.encoding.model_files import model_folder
from vlclip.engine.item import Item
from vlclip.engine.opening.stores import open_store
from vlclip.ingestion.ledger.ledger import FILE, Ledger
from vlclip.ingestion.photos.source import PhotoSource
from vlclip.ingestion.pipeline import ingest as pipeline
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.reading.catalogue import Catalogue, open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.service.settings import Settings

KINDS = ("encoder", "ingest", "again")


def encoder(catalogue: Path, items: int, store: Path, settings: Settings) -> dict[str, Any]:
    """Items per second of open_clip alone."""
    del store
    import open_clip  # noqa: PLC0415 - the other measures must not carry it
    import torch  # noqa: PLC0415

    folder = model_folder(settings.clip)
    name, _, weights = settings.clip.partition("/") if folder is None else (f"local-dir:{folder}", "", "")
    model, _, preprocess = open_clip.create_model_and_transforms(name, pretrained=weights or None)
    tokenizer = open_clip.get_tokenizer(name)
    model.eval()
    opened = open_catalogue(catalogue)
    photos = PhotoSource(lambda _: b"", opened.root, settings.fetch.max_bytes)
    read = limited(opened, items)
    began, count = time.perf_counter(), 0
    while batch := list(islice(read, settings.ingest.batch)):
        images = [
            preprocess(Image.open(BytesIO(photos.read(item.image))).convert("RGB"))
            for item in batch
            if item.image
        ]
        with torch.inference_mode():
            if images:
                model.encode_image(torch.stack(images), normalize=True)
            model.encode_text(tokenizer([item.text for item in batch]), normalize=True)
        count += len(batch)
    return {"items": count, "seconds": time.perf_counter() - began}


def ingest(catalogue: Path, items: int, store: Path, settings: Settings) -> dict[str, Any]:
    """Items per second of the pipeline, from files to a searchable store."""
    entries = Catalogue.entries
    with patch.object(Catalogue, "entries", lambda self, columns: islice(entries(self, columns), items)):
        info = embedder_info(settings)
        opened = open_store(str(store), settings, info)
        ledger = Ledger(store / FILE)
        destination = Destination(opened, ledger, info, lambda: load_embedder(settings))
        report = pipeline.ingest(pipeline.IngestPlan(catalogue), destination, settings)
        ledger.close()
        opened.close()
    if report.failed:
        raise SystemExit(f"{report.failed} items failed; the comparison needs items that work")
    return {"items": report.read, "seconds": report.seconds, "embedded": report.embedded}


MEASURES: dict[str, Callable[..., dict[str, Any]]] = {"encoder": encoder, "ingest": ingest, "again": ingest}


def limited(catalogue: Catalogue, items: int) -> Iterator[Item]:
    """The first items of a catalogue."""
    for entry in islice(catalogue.entries(map_columns(catalogue)), items):
        if entry.item is not None:
            yield entry.item


def measured(kind: str, items: int, arguments: argparse.Namespace, store: Path) -> dict[str, Any]:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, "--measure", kind, "--items", str(items), "--store", str(store)]
    command += ["--catalogue", str(arguments.catalogue), "--clip", arguments.clip]
    process = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"kind": kind, **json.loads(process.stdout.splitlines()[-1])}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--catalogue", type=Path, required=True, help="a file or a folder of shards")
    parser.add_argument("--items", type=int, nargs="+", default=[10_000], help="how many, once or more")
    parser.add_argument("--clip", default="vlclip-small", help="the model, as in the settings")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each; the fastest counts")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    parser.add_argument("--measure", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        settings = Settings.load(clip=arguments.clip)
        figures = MEASURES[arguments.measure](
            arguments.catalogue, arguments.items[0], arguments.store, settings
        )
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(figures | {"processor_s": time.process_time(), "peak_mb": round(peak_mb)}))
        return
    if not arguments.json:
        print(
            f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {arguments.clip}"
        )
        print(f"{'':<8} {'items':>7} {'seconds':>8} {'items/s':>8} {'peak MB':>8}")
    for items in arguments.items:
        best: dict[str, dict[str, Any]] = {}
        for _ in range(arguments.repeat):
            with tempfile.TemporaryDirectory() as folder:
                for kind in KINDS:
                    figures = measured(kind, items, arguments, Path(folder) / "store")
                    best[kind] = min(figures, best.get(kind, figures), key=lambda run: run["seconds"])
        show(best, as_json=arguments.json)


def show(best: dict[str, dict[str, Any]], *, as_json: bool) -> None:
    """The lines for one number of items, and how they compare."""
    for line in best.values():
        rate = line["items"] / line["seconds"]
        if as_json:
            print(json.dumps(line | {"items_per_second": round(rate, 1)}))
        else:
            numbers = f"{line['seconds']:>8.1f} {rate:>8.0f} {line['peak_mb']:>8}"
            print(f"{line['kind']:<8} {line['items']:>7} {numbers}")
    if not as_json:
        share = best["encoder"]["seconds"] / best["ingest"]["seconds"]
        sooner = best["ingest"]["seconds"] / best["again"]["seconds"]
        print(
            f"ingest runs at {share:.0%} of the encoder's speed; unchanged, it is {sooner:.0f} times faster"
        )


if __name__ == "__main__":
    main()
