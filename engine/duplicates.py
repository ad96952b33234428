"""Near-duplicate photos: a hash that survives re-encoding, and the photos whose hashes lie close together.

A hash has two parts, both of a square frame around the product, so margins do not count:
`structure`, a perceptual hash of 144 bits (pHash: signs of the lowest frequencies), and `colours`, the
mean red, green and blue of each ninth of the frame. The distance is the number of bits that differ, or
the largest difference of a colour (0 to 255) if that is larger: a navy T-shirt is no copy of a black one.

Laws (tests/engine/test_duplicates.py):
- the distance is a metric: 0 to itself, symmetric, never longer than the way through a third photo;
- `pairs` gives the same pairs as comparing every photo with every other;
- `clusters` do not depend on the order of the photos, and every member lies within the distance of the
  first (a chain, whose ends have little in common, is cut).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

MAX_DISTANCE = 17
"""Photos further apart only resemble each other; up to this the search for pairs is quick (see `pairs`)."""
NEAR = 8
"""Photos this close are near-duplicates, unless a setting says otherwise."""

_SIDE = 64
_MARGIN = 16
"""Background put around the shrunk photo, for products that touch its border."""
_HASHED = 48
"""Side of the frame: four pixels for each of the twelve frequencies, as pHash has it."""
_FREQUENCIES = 12
_COSINES = np.cos(np.pi * np.arange(_FREQUENCIES)[:, None] * (2 * np.arange(_HASHED) + 1) / (2 * _HASHED))
"""The lowest frequencies of the discrete cosine transform, `(12, 48)`."""
_POWERS = np.stack([(np.arange(_SIDE) + 0.5) ** n for n in range(3)])
"""Powers 0 to 2 of the places along an axis: they turn mass into its total, its centre and its spread."""
_REACH = 2.2
"""Half the frame in standard deviations of the product's mass: a filled square reaches 1.7."""
_LEAST = 0.25
"""The frame's smallest side, as a share of the photo's; a smaller frame would be only blur."""
_NOISE = 30.0
"""Difference from the background, summed over red, green and blue, that is not yet product."""
_BLANK = 0.05
"""With a smaller mean of that difference, less the noise, a photo shows nothing."""
_WORDS = 9
"""Words of 16 bits in the structure."""
_BYTES = 2 * _WORDS + 27
_FORM = re.compile(rf"[0-9a-f]{{{2 * _BYTES}}}")
_CHUNK = 1 << 22
_ALL_WITH_ALL = 512
"""Up to this many photos, comparing all with all is quicker than looking for candidates."""

Index = NDArray[np.intp]


class _Codes(NamedTuple):
    """Hashes as arrays: the structure twice, `thirds` `(3, n)` uint64 and `words` `(9, n)` uint16.

    Words take turns bit by bit, because neighbouring bits often agree. `colours` is `(n, 27)` int16.
    """

    thirds: NDArray[np.uint64]
    words: NDArray[np.uint16]
    colours: NDArray[np.int16]


def photo_hash(photo: Image.Image) -> str:
    """The hash of an RGB photo, 90 hexadecimal digits; "" if it shows one colour and nothing else."""
    from PIL import Image  # noqa: PLC0415 - lists compare hashes and read no photo

    frame = _frame(photo)
    if frame is None:
        return ""
    # imagehash.phash in a third of its time: of the transform only the lowest frequencies are computed
    grey = np.asarray(frame.convert("L"), dtype=np.float64)
    lowest = (_COSINES @ grey @ _COSINES.T).ravel()
    structure = np.packbits(lowest > _median(lowest))
    colours = frame.resize((3, 3), Image.Resampling.BOX)
    return (structure.tobytes() + colours.tobytes()).hex()


def stored_hash(payload: Mapping[str, Any]) -> str:
    """The hash that ingestion kept in a point's payload, "" where there is none."""
    return str((payload.get("provenance") or {}).get("photo_hash") or "")


def pairs(hashes: Sequence[str], max_distance: int) -> tuple[Index, Index]:
    """The places `(first, second)`, first < second, of hashes at most `max_distance` apart.

    Texts that are no hash are near nothing. The search is exact: at least one of nine words differs in no
    more than a ninth of the bits, so only photos that share a word up to that many bits are compared.
    """
    places = np.array([place for place, text in enumerate(hashes) if _FORM.fullmatch(text)], dtype=np.intp)
    codes = _read([hashes[place] for place in places])
    if len(places) <= _ALL_WITH_ALL:
        first, second = _close(codes, *np.triu_indices(len(places), 1), max_distance)
    else:
        first, second = _banded(codes, max_distance)
    return places[first], places[second]


def clusters(hashes: Mapping[str, str], max_distance: int) -> list[list[str]]:
    """Groups of ids, two or more, whose photos are near-duplicates, the largest first.

    The photo with the most near-duplicates comes first in its group and takes all of them that no larger
    group has; they follow by id.
    """
    same: dict[str, list[str]] = {}
    for item_id in sorted(hashes):
        if hashes[item_id]:
            same.setdefault(hashes[item_id], []).append(item_id)
    groups = list(same.values())
    near: dict[int, list[int]] = {}
    for first, second in zip(*map(np.ndarray.tolist, pairs(list(same), max_distance)), strict=True):
        near.setdefault(first, []).append(second)
        near.setdefault(second, []).append(first)
    size = {
        group: len(ids) + sum(len(groups[other]) for other in near.get(group, ()))
        for group, ids in enumerate(groups)
        if group in near or len(ids) > 1
    }
    photo_clusters: list[list[str]] = []
    grouped: set[int] = set()
    for group in sorted(size, key=lambda group: (-size[group], group)):
        if group in grouped:
            continue
        members = [group, *(other for other in near.get(group, ()) if other not in grouped)]
        grouped.update(members)
        centre, *others = groups[group]
        others += [item_id for member in members[1:] for item_id in groups[member]]
        if others:
            photo_clusters.append([centre, *sorted(others)])
    return sorted(photo_clusters, key=lambda ids: (-len(ids), ids[0]))


def _frame(photo: Image.Image) -> Image.Image | None:
    """The product without its margins, 48 by 48; None where there is nothing but background.

    The frame follows the centre and spread of what differs from the border. These move by fractions of a
    pixel where the edge of a bounding box would jump by whole ones, so a copy that was cropped or re-encoded
    gets the same frame.
    """
    from PIL import Image, ImageChops  # noqa: PLC0415 - as above

    small = photo.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    pixels = np.asarray(small)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    background = tuple(_median(border).astype(int).tolist())
    apart = ImageChops.difference(small, Image.new("RGB", small.size, background))
    mass = np.maximum(np.asarray(apart) @ np.ones(3, np.float32) - _NOISE, 0)
    moments = _POWERS @ mass @ _POWERS.T
    if moments[0, 0] < _BLANK * mass.size:
        return None
    (left, right), (top, bottom) = _extent(*moments[0].tolist()), _extent(*moments[:, 0].tolist())
    canvas = Image.new("RGB", (_SIDE + 2 * _MARGIN,) * 2, background)
    canvas.paste(small, (_MARGIN, _MARGIN))
    return canvas.resize((_HASHED, _HASHED), Image.Resampling.BICUBIC, (left, top, right, bottom))


def _median(rows: NDArray[Any]) -> Any:
    """The median along the first axis, of an even number of rows; NumPy's takes three times as long."""
    middle = len(rows) // 2
    low, high = np.partition(rows, (middle - 1, middle), axis=0)[middle - 1 : middle + 1]
    return low / 2 + high / 2


def _extent(total: float, first: float, second: float) -> tuple[float, float]:
    """Where the frame begins and ends on one axis of the canvas, from the moments of the mass along it."""
    middle = first / total
    half = max(_REACH * math.sqrt(max(second / total - middle**2, 0)), _LEAST * _SIDE / 2)
    end = _SIDE + 2 * _MARGIN
    return max(_MARGIN + middle - half, 0), min(_MARGIN + middle + half, end)


def _read(hashes: Sequence[str]) -> _Codes:
    rows = np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint8).reshape(len(hashes), _BYTES)
    count, structure = len(rows), rows[:, : 2 * _WORDS]
    thirds = np.zeros((3, count, 8), dtype=np.uint8)
    thirds[:, :, :6] = structure.reshape(count, 3, 6).swapaxes(0, 1)
    turns = np.unpackbits(structure, axis=1).reshape(count, 16, _WORDS).transpose(2, 0, 1)
    words = np.packbits(np.ascontiguousarray(turns), axis=2)
    return _Codes(
        thirds.view(np.uint64)[:, :, 0],
        words.view(np.uint16)[:, :, 0],
        rows[:, 2 * _WORDS :].astype(np.int16),
    )


def _distances(codes: _Codes, first: Index, second: Index) -> NDArray[np.int16]:
    bits = np.bitwise_count(codes.thirds[:, first] ^ codes.thirds[:, second]).sum(axis=0, dtype=np.int16)
    shades = np.abs(codes.colours[first] - codes.colours[second]).max(axis=1)
    larger: NDArray[np.int16] = np.maximum(bits, shades)
    return larger


def _close(codes: _Codes, first: Index, second: Index, max_distance: int) -> tuple[Index, Index]:
    """The near ones among the pairs; for most, a third of the bits is enough to rule them out."""
    for third in codes.thirds:
        near = np.bitwise_count(third[first] ^ third[second]) <= max_distance
        first, second = first[near], second[near]
    near = _distances(codes, first, second) <= max_distance
    return first[near], second[near]


def _banded(codes: _Codes, max_distance: int) -> tuple[Index, Index]:
    """Near pairs, in the order of comparing all with all, each once."""
    count = len(codes.colours)
    keys = [np.empty(0, dtype=np.int64)]
    for first, second in _candidates(codes.words, max_distance // _WORDS):
        low, high = _close(codes, np.minimum(first, second), np.maximum(first, second), max_distance)
        keys.append(low * count + high)
    distinct = np.unique(np.concatenate(keys))
    return distinct // count, distinct % count


def _candidates(words: NDArray[np.uint16], flips: int) -> Iterator[tuple[Index, Index]]:
    """Pairs that share a word but for at most `flips` of its bits, some of them more than once."""
    masks = [sum(1 << bit for bit in bits) for n in range(flips + 1) for bits in combinations(range(16), n)]
    for word in words:
        order = np.argsort(word, kind="stable")
        key = word[order].astype(np.intp)
        starts = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=1 << 16))])
        for mask in masks:
            rows = np.arange(len(key)) if not mask else np.flatnonzero(key < key ^ mask)
            begins = rows + 1 if not mask else starts[key[rows] ^ mask]
            counts = starts[(key[rows] ^ mask) + 1] - begins
            for part in _parts(counts):
                n = counts[part]
                ahead = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
                yield order[np.repeat(rows[part], n)], order[np.repeat(begins[part], n) + ahead]


def _parts(counts: Index) -> Iterator[slice]:
    """Slices of rows whose counts add up to few enough pairs to hold at a time."""
    total = np.cumsum(counts)
    begin = 0
    while begin < len(counts):
        before = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, before + _CHUNK, side="right")))
        if total[end - 1] > before:
            yield slice(begin, end)
        begin = end
