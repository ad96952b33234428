"""How fast words become a vector: padded, trimmed, by ONNX Runtime, kept; one at a time and many at once.

    python benchmarks/text_encoding.py --catalogue fashion
    python benchmarks/text_encoding.py --catalogue fashion --model ViT-B-32 --queries 20 --at-once 32

Queries are titles. What is compared takes turns within one run, query by query or round by round, so that
other work on the machine falls on all alike: look at the ratios. *Padded* is open_clip's own `encode_text`
as its documentation shows it, *trimmed* is `Clip.encode_texts`, *onnx* is `OnnxClip.encode_texts`, *kept* is
a text that was asked before. Many at once are threads that ask one query after the other, each by itself or
through the batcher.

A model that is not a shipped name or a folder is created by open_clip with random weights, which says how
fast it is and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread a query

import open_clip
import torch
from safetensors.torch import save_file

from vlclip.engine.encoding.clip import Clip, load_clip, quiet_open_clip
from vlclip.engine.encoding.embedder import SegmentEmbedder
from vlclip.engine.encoding.export import write_tokenizer
from vlclip.engine.encoding.graphs import write_graphs
from vlclip.engine.encoding.model_files import CONFIG, WEIGHTS, model_folder
from vlclip.engine.encoding.onnx_clip import OnnxClip, has_graphs
from vlclip.engine.encoding.query_encoding import QueryEncoding
from vlclip.engine.space import Floats
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns

if TYPE_CHECKING:
    from vlclip.engine.store.store import StoreInfo

Ask = Callable[[str], object]


def titles(source: str, count: int) -> list[str]:
    """Different titles of a catalogue, in its order."""
    catalogue = open_catalogue(source)
    unique: dict[str, None] = {}
    for entry in catalogue.entries(map_columns(catalogue)):
        if entry.item is not None and entry.item.title:
            unique[entry.item.title] = None
            if len(unique) == count:
                break
    return list(unique)


def load(name: str) -> Clip:
    """A model by shipped name or folder, or an architecture of open_clip's with random weights."""
    if model_folder(name) is not None:
        return load_clip(name, "cpu")
    with quiet_open_clip():
        model, _, preprocess = open_clip.create_model_and_transforms(name, pretrained=None)
        return Clip(name, model, preprocess, open_clip.get_tokenizer(name), "cpu")


def by_onnx(clip: Clip, place: Path, threads: int) -> OnnxClip:
    """The same model with graphs, which are written if it has none."""
    folder = model_folder(clip.name)
    if folder is None or not has_graphs(folder):
        folder = place
        config = {
            "model_cfg": open_clip.get_model_config(clip.name),
            "preprocess_cfg": dict(clip.model.visual.preprocess_cfg),
        }
        (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
        save_file(
            {key: value.contiguous() for key, value in clip.model.state_dict().items()}, folder / WEIGHTS
        )
        write_tokenizer(clip.tokenizer, folder)
        write_graphs(clip, folder)
    return OnnxClip(clip.name, folder, threads)


def padded(clip: Clip) -> Ask:
    """open_clip as it is: every text at the model's full length."""

    def ask(text: str) -> Floats:
        with torch.inference_mode():
            features = clip.model.encode_text(clip.tokenizer([text]), normalize=True)
        return cast("Floats", features.numpy())

    return ask


def alone(clip: Clip, tower: OnnxClip, queries: Sequence[str]) -> dict[str, float]:
    """Median milliseconds of one query at a time."""
    embedder = SegmentEmbedder(cast("StoreInfo", None), clip)
    keeping = QueryEncoding(lambda: embedder, cached=len(queries))
    for text in queries:
        keeping.embed_query(text=text)
    ways: dict[str, Ask] = {
        "padded": padded(clip),
        "trimmed": lambda text: clip.encode_texts([text]),
        "onnx": lambda text: tower.encode_texts([text]),
        "kept": lambda text: keeping.embed_query(text=text),
        "tokenized": lambda text: clip.tokenizer([text]),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for text in queries:
        for name, ask in ways.items():
            times[name].append(timed(lambda: ask(text)))  # noqa: B023 - called at once
    return {name: 1000 * statistics.median(durations) for name, durations in times.items()}


def together(
    clip: Clip,
    tower: OnnxClip,
    queries: Sequence[str],
    at_once: int,
    rounds: int,
    waits_ms: Sequence[float],
) -> dict[str, dict[str, float]]:
    """Of `at_once` threads that share the queries: queries a second and CPU milliseconds each, medians.

    Where other work takes turns with ours the first depends on how many threads we have, the second hardly.
    """
    embedder = SegmentEmbedder(cast("StoreInfo", None), clip)
    runtimes = {"torch": embedder, "onnx": SegmentEmbedder(cast("StoreInfo", None), tower)}
    batched = {
        f"batched by {runtime}, waiting {wait_ms:g} ms": QueryEncoding(
            lambda encoder=encoder: encoder, cached=0, wait_s=wait_ms / 1000
        )
        for wait_ms in waits_ms
        for runtime, encoder in runtimes.items()
    }
    ways: dict[str, Ask] = {
        "padded, each by itself": padded(clip),
        "trimmed, each by itself": lambda text: clip.encode_texts([text]),
        "onnx, each by itself": lambda text: tower.encode_texts([text]),
    } | {
        name: lambda text, encoder=encoder: encoder.embed_query(text=text)
        for name, encoder in batched.items()
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    costs: dict[str, list[float]] = {name: [] for name in ways}
    with ThreadPoolExecutor(at_once) as pool:
        for _ in range(rounds):
            for name, ask in ways.items():
                before = time.process_time()
                took = timed(lambda: list(pool.map(ask, queries)))  # noqa: B023 - called at once
                rates[name].append(len(queries) / took)
                costs[name].append(1000 * (time.process_time() - before) / len(queries))
    counts = {name: encoder.counts() for name, encoder in batched.items()}
    return {
        "per s": {name: statistics.median(rate) for name, rate in rates.items()},
        "CPU ms": {name: statistics.median(cost) for name, cost in costs.items()},
        "mean batch": {name: count.batch_items / count.batches for name, count in counts.items()},
    }


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--catalogue", required=True, help="whose titles are asked")
    parser.add_argument("--model", nargs="+", default=["vlclip-small"])
    parser.add_argument("--queries", type=int, default=320, help="asked one at a time, and in each round")
    parser.add_argument("--rounds", type=int, default=5, help="of many at once; the median is told")
    parser.add_argument("--at-once", type=int, default=16, help="threads that ask at the same time")
    parser.add_argument("--wait-ms", type=float, nargs="+", default=[0.0, 1.0, 2.0], help="of batches")
    parser.add_argument("--threads", type=int, default=1, help="of torch and ONNX Runtime")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    queries = titles(args.catalogue, args.queries)
    for name in args.model:
        clip = load(name)
        place = TemporaryDirectory()
        tower = by_onnx(clip, Path(place.name), args.threads)
        clip.encode_texts(queries[:4])
        single = alone(clip, tower, queries)
        many = together(clip, tower, queries, args.at_once, args.rounds, args.wait_ms)
        rate, cpu = many["per s"], many["CPU ms"]
        ratios = {
            f"one, padded / {way}": single["padded"] / single[way] for way in ("trimmed", "onnx", "kept")
        }
        for runtime in ("torch", "onnx"):
            batched = f"batched by {runtime}, waiting {args.wait_ms[0]:g} ms"  # the ratios are the first's
            for way in ("padded", "trimmed"):
                each = f"{way}, each by itself"
                ratios[f"per s, batched by {runtime} / {way}"] = rate[batched] / rate[each]
                ratios[f"CPU, {way} / batched by {runtime}"] = cpu[each] / cpu[batched]
        figures = {"one at a time, ms": single, **many, "ratios": ratios}
        rates = {
            kind: {line: round(value, 3) for line, value in lines.items()} for kind, lines in figures.items()
        }
        paths = {
            "model": name,
            "queries": len(queries),
            "at once": args.at_once,
            "threads": args.threads,
        }
        print(json.dumps(paths | rates, indent=1))
        place.cleanup()


if __name__ == "__main__":
    main()
