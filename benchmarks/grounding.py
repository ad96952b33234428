"""How fast photos are grounded, beside the bare model, and what batching brings.

    python benchmarks/grounding.py
    python benchmarks/grounding.py --runtimes onnx torch
    python benchmarks/grounding.py --model FOLDER --catalogue fashion --photos 64 --batches 1 8

For every batch size and library, on the same photos, taking turns:
- locate: photos and product types in, boxes out, resizing and tokenizing included;
- bare: the model's own forward pass on the same batches, prepared before the clock starts.

Figures are medians over `--repeat` rounds. Without a catalogue the photos are drawn.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before the models' libraries are loaded

import torch
from PIL import Image

from vlclip.engine.grounding.dino import DinoGrounder
from vlclip.engine.grounding.loading import load_grounder
from vlclip.engine.grounding.onnx_dino import OnnxNetwork
from vlclip.engine.grounding.rule import prompt
from vlclip.engine.grounding.transformers import TransformersNetwork
from vlclip.engine.photos.decoding import decode
from vlclip.ingestion.drawn.catalogue import draw_product
from vlclip.ingestion.photos.source import PhotoSource
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.service.settings import Settings


def drawn(count: int) -> tuple[list[Image.Image], list[str]]:
    """Photos of the drawn catalogue and their types."""
    items = [draw_product(7, index).item for index in range(count)]
    photos = [decode(item.image, Settings.load().fetch.limits) for item in items]
    return photos, [item.product_type for item in items]


def from_catalogue(path: Path, count: int) -> tuple[list[Image.Image], list[str]]:
    """The first photos of a catalogue and their types."""
    catalogue, fetch = open_catalogue(path), Settings.load().fetch
    source = PhotoSource(lambda _: b"", catalogue.root, fetch.max_bytes)
    entries = catalogue.entries(map_columns(catalogue))
    items = islice(
        (entry.item for entry in entries if entry.item and entry.item.image and entry.item.product_type),
        count,
    )
    pairs = [(decode(source.read(item.image), fetch.limits), item.product_type) for item in items]
    return [photo for photo, _ in pairs], [product_type for _, product_type in pairs]


def bare(grounder: DinoGrounder, photos: list[Image.Image], types: list[str]) -> Callable[[], object]:
    """The model's forward pass over prepared batches."""
    network = grounder.network
    ready = [
        (pixels, [prompt(types[row]) for row in rows])
        for rows, pixels, _ in grounder.batches(photos, range(len(photos)))
    ]
    if isinstance(network, OnnxNetwork):
        return lambda: [network(pixels, prompts) for pixels, prompts in ready]  # it is one with tokenizing
    tensors = [(torch.from_numpy(pixels).to(network.device), prompts) for pixels, prompts in ready]
    if not isinstance(network, TransformersNetwork):  # groundingdino's model tokenizes by itself
        return lambda: [network.model(pixels, captions=prompts) for pixels, prompts in tensors]
    inputs = [(pixels, network.tokens(prompts)) for pixels, prompts in tensors]
    return lambda: [network.model(pixel_values=pixels, **words) for pixels, words in inputs]


def seconds(work: Callable[[], object]) -> float:
    """How long one run takes."""
    began = time.perf_counter()
    with torch.inference_mode():
        work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--model", default="vlclip-grounder", help="as in the settings, grounding.model")
    parser.add_argument("--catalogue", type=Path, help="a file or a folder of shards, with product types")
    parser.add_argument("--photos", type=int, default=64, help="how many")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32], help="batch sizes")
    parser.add_argument("--short-side", type=int, help="as in the settings")
    parser.add_argument("--repeat", type=int, default=5, help="rounds; the median counts")
    parser.add_argument("--device", default="auto", help="as in the settings")
    parser.add_argument("--runtimes", nargs="+", default=["auto"], help="as in the settings, runtime")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    arguments = parser.parse_args()
    photos, types = (
        from_catalogue(arguments.catalogue, arguments.photos)
        if arguments.catalogue
        else drawn(arguments.photos)
    )
    grounding = {"model": arguments.model, "short_side": arguments.short_side}
    settings = Settings.load(device=arguments.device, grounding=grounding)
    grounders = {
        runtime: load_grounder(settings.grounding, settings.device, runtime) for runtime in arguments.runtimes
    }
    first = next(iter(grounders.values()))
    if not isinstance(first, DinoGrounder):
        raise SystemExit("give a --model; there is nothing to measure when grounding is off")
    if not arguments.json:
        sizes = len({tuple(first.prepare(photo).shape) for photo in photos})
        print(f"{platform.machine()}, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")
        print(f"{first.name}, {len(photos)} photos, sizes after the resize: {sizes}")
        print(f"{'runtime':>8} {'batch':>5} {'locate/s':>9} {'bare/s':>9} {'locate : bare':>14}")
    for batch in arguments.batches:
        works = {}
        for runtime, grounder in grounders.items():
            grounder.batch = batch
            works[runtime, "locate"] = partial(grounder.locate, photos, types)
            works[runtime, "bare"] = bare(grounder, photos, types)
        for work in works.values():
            seconds(work)  # the first run allocates
        rounds = [{name: seconds(work) for name, work in works.items()} for _ in range(arguments.repeat)]
        for runtime in grounders:
            report(runtime, batch, rounds, len(photos), as_json=arguments.json)


def report(
    runtime: str, batch: int, rounds: list[dict[tuple[str, str], float]], photos: int, *, as_json: bool
) -> None:
    """One line of the table."""
    names = ("locate", "bare")
    rate = {name: photos / statistics.median(round_[runtime, name] for round_ in rounds) for name in names}
    share = statistics.median(round_[runtime, "bare"] / round_[runtime, "locate"] for round_ in rounds)
    if as_json:
        rounded = {name: round(value, 2) for name, value in rate.items()}
        print(json.dumps({"runtime": runtime, "batch": batch, "share": round(share, 3)} | rounded))
    else:
        print(f"{runtime:>8} {batch:>5} {rate['locate']:>9.2f} {rate['bare']:>9.2f} {share:>14.2f}")


if __name__ == "__main__":
    main()
