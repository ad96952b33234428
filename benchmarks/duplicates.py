"""Which hash finds copies of a photo and nothing else, and how fast.

    python benchmarks/duplicates.py --catalogue ../shared/data/fashion

For every hash, at the distance given behind it:
- found: the share of a sample of photos near their own copies, re-encoded by JPEG at quality 50, made
  a fifth smaller or larger, or with 2 % cut off left and below, where models stand on the photo's edge
  (the last three at quality 85);
- tinted: the share near a copy whose dark parts were made bluer, black turning navy: none should be;
- pairs: photos of the catalogue called near-duplicates, and how many of these pairs share product type,
  colour and title. Shades of a lipstick are of different colours in the catalogue and hardly in a photo.

Photos a second are of one core, decoding not included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import imagehash
import numpy as np
from PIL import Image

from vlclip.engine import duplicates
from vlclip.engine.item import Item
from vlclip.engine.photos.decoding import decode
from vlclip.engine.photos.room import Limits
from vlclip.ingestion.photos.source import PhotoSource
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns

MAX_BYTES = 20_000_000
TINT = 0.25
DARK = 40
"""Mean lack of blue from which a tint can be seen at all."""
ROWS = 1000
SPEED = 1000

Pairs = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Kind:
    """A hash with a distance: of one photo, between two, and all pairs of many up to a distance."""

    name: str
    near: int
    hash: Callable[[Image.Image], Any]
    apart: Callable[[Any, Any], int]
    pairs: Callable[[Sequence[Any], int], Pairs]


def plain(name: str, near: int, of: Callable[[Image.Image], imagehash.ImageHash]) -> Kind:
    """A hash of the library as it is."""
    return Kind(
        f"{name}, {near}", near, lambda photo: np.packbits(of(photo).hash), bits_apart, compare_all_with_all
    )


def bits_apart(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.bitwise_count(a ^ b).sum())


def compare_all_with_all(hashes: Sequence[np.ndarray], near: int) -> Pairs:
    words = np.stack(hashes).view(np.uint64)
    firsts, seconds = [], []
    for start in range(0, len(words), ROWS):
        apart = sum(
            np.bitwise_count(words[start : start + ROWS, None, n] ^ words[None, start:, n]).astype(np.uint16)
            for n in range(words.shape[1])
        )
        first, second = np.nonzero(apart <= near)
        ahead = first < second
        firsts.append(first[ahead] + start)
        seconds.append(second[ahead] + start)
    return np.concatenate(firsts), np.concatenate(seconds)


def ours(near: int) -> Kind:
    """The product's own hash."""
    return Kind(f"framed, with colours, {near}", near, duplicates.photo_hash, ours_apart, duplicates.pairs)


def ours_apart(a: str, b: str) -> int:
    if not (a and b):
        return 255
    codes = duplicates._read([a, b])  # noqa: SLF001 - the product only looks for pairs
    return int(duplicates._distances(codes, np.array([0]), np.array([1]))[0])  # noqa: SLF001


KINDS = (
    plain("dHash 64", 4, imagehash.dhash),
    plain("wHash 64", 4, imagehash.whash),
    plain("pHash 64", 4, imagehash.phash),
    plain("pHash 256", 16, lambda photo: imagehash.phash(photo, 16)),
    ours(4),
    ours(8),
    ours(12),
)


def encoded(photo: Image.Image, quality: int = 85) -> Image.Image:
    out = BytesIO()
    photo.save(out, "JPEG", quality=quality)
    return Image.open(BytesIO(out.getvalue())).convert("RGB")


def resized(photo: Image.Image, factor: float) -> Image.Image:
    size = (round(photo.width * factor), round(photo.height * factor))
    return photo.resize(size, Image.Resampling.LANCZOS)


def cropped(photo: Image.Image) -> Image.Image:
    """2 % off the left and the bottom, to fractions of a pixel."""
    box = (0.02 * photo.width, 0, photo.width, 0.98 * photo.height)
    return photo.resize(photo.size, Image.Resampling.BICUBIC, box)


def tinted(photo: Image.Image) -> Image.Image | None:
    """Dark parts bluer; None for photos that are too bright for it to be seen."""
    pixels = np.asarray(photo).astype(np.float32)
    lack = 255 - pixels[:, :, 2]
    if lack.mean() < DARK:
        return None
    pixels[:, :, 2] += TINT * lack
    return Image.fromarray(pixels.round().astype(np.uint8))


COPIES: Mapping[str, Callable[[Image.Image], Image.Image | None]] = {
    "quality 50": lambda photo: encoded(photo, 50),
    "smaller": lambda photo: encoded(resized(photo, 0.8)),
    "larger": lambda photo: encoded(resized(photo, 1.2)),
    "cropped": lambda photo: encoded(cropped(photo)),
    "tinted": tinted,
}


def with_photos(source: Path, limit: int | None) -> Iterator[tuple[Item, Image.Image]]:
    """The items of a catalogue that have a photo, and the photo."""
    catalogue = open_catalogue(source)
    photos = PhotoSource(lambda _: b"", catalogue.root, MAX_BYTES)
    for count, entry in enumerate(catalogue.entries(map_columns(catalogue))):
        if limit is not None and count >= limit:
            return
        if entry.item is not None and entry.item.image:
            yield entry.item, decode(photos.read(entry.item.image), Limits())


def recall_of(kind: Kind, originals: Sequence[Image.Image], copies: Sequence[Image.Image | None]) -> float:
    """The share of copies that are near their original."""
    shown_pairs = [(photo, copy) for photo, copy in zip(originals, copies, strict=True) if copy is not None]
    near = [kind.apart(kind.hash(photo), kind.hash(copy)) <= kind.near for photo, copy in shown_pairs]
    return share(np.array(near))


def share(holds: np.ndarray) -> float:
    return round(float(holds.mean()), 4) if len(holds) else float("nan")


def measured(
    kind: Kind, photos: Sequence[Image.Image], items: Sequence[Item], sample: int, colour: str
) -> dict[str, Any]:
    """One line of the table."""
    began = time.process_time()
    hashes = [kind.hash(photo) for photo in photos[:SPEED]]
    speed = len(hashes) / (time.process_time() - began)
    hashes += [kind.hash(photo) for photo in photos[SPEED:]]
    first, second = kind.pairs(hashes, kind.near)
    chosen = np.random.default_rng(0).choice(len(photos), min(sample, len(photos)), replace=False)
    originals = [photos[n] for n in chosen]
    copied = {
        name: recall_of(kind, originals, [change(photo) for photo in originals])
        for name, change in COPIES.items()
    }
    same = {
        "type": [item.product_type for item in items],
        "colour": [item.attributes.get(colour) for item in items],
        "title": [item.title for item in items],
    }
    alike = {name: np.unique(list(map(str, values)), return_inverse=True)[1] for name, values in same.items()}
    return {
        "hash": kind.name,
        **copied,
        "pairs": len(first),
        **{f"same {name}": share(v[first] == v[second]) for name, v in alike.items()},
        "photos_per_second": round(speed),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--catalogue", type=Path, required=True, help="a file or a folder of shards")
    parser.add_argument("--limit", type=int, help="of so many items only")
    parser.add_argument("--sample", type=int, default=1000, help="photos that are copied")
    parser.add_argument("--colour", default="base_colour", help="the attribute that says the colour")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    arguments = parser.parse_args()
    items, photos = map(list, zip(*with_photos(arguments.catalogue, arguments.limit), strict=True))
    if not arguments.json:
        print(f"{platform.machine()}, load {os.getloadavg()[0]:.1f}, {len(photos):,} photos")
    widths: list[int] = []
    for kind in KINDS:
        line = measured(kind, photos, items, arguments.sample, arguments.colour)
        if arguments.json:
            print(json.dumps(line), flush=True)
            continue
        if not widths:
            widths = [26, *(max(8, len(name)) for name in list(line)[1:])]
            print(" ".join(f"{name:>{width}}" for name, width in zip(line, widths, strict=True)))
        print(
            " ".join(f"{value!s:>{width}}" for value, width in zip(line.values(), widths, strict=True)),
            flush=True,
        )
    hashes = {item.id: duplicates.photo_hash(photo) for item, photo in zip(items, photos, strict=True)}
    began = time.process_time()
    groups = duplicates.clusters(hashes, 8)
    seconds = time.process_time() - began
    if not arguments.json:
        print(f"at 8: {sum(map(len, groups)):,} photos in {len(groups):,} clusters, found in {seconds:.2f} s")


if __name__ == "__main__":
    main()
