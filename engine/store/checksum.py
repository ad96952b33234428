"""Checksums of an item's vector and payload, kept in its payload and compared with what is read back.

They are CRC-32: they find what a disk or a careless copy does, not what somebody forges. The embedded
engine gives vectors back bit for bit. Of a fraction with more than 15 digits it may read the neighbouring
number (its JSON reader rounds twice), so a payload that differs is compared with its neighbours before it
counts as damaged.

Laws (tests/engine/store/test_checksum.py):
- what was written matches, read back after any number of patches;
- a vector or payload of which one bit was flipped does not;
- a patch of a damaged payload does not make it whole.
"""

from __future__ import annotations

import itertools
import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from vlclip.engine.space import Floats

SUMS = "_sums"
"""A payload field of the store's own, never shown: the checksums of vector and payload."""
DAMAGED = -1
"""The checksum of a payload that was damaged when it was patched; it matches nothing."""
LONG_DIGITS, EXACT = 15, 1e7
"""A fraction with at most so many digits, no larger than this, is read back exactly."""
MOST_LONG = 6
"""Long fractions of a payload whose neighbours are tried together."""
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
Place = tuple[tuple[Any, ...], float]
"""Where in a payload a number stands, and the number."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an item is as it was written; None where there is no checksum to compare with.

    `uuid` is that of its point, `id` its own, "" where that cannot be read.
    """

    uuid: str
    id: str
    vector: bool | None
    payload: bool | None

    @property
    def is_damaged(self) -> bool:
        """Whether its vector or its payload is not what was written."""
        return self.vector is False or self.payload is False


def vector_sum(vector: Floats) -> int:
    """The checksum of a vector `(size,)` float32."""
    return zlib.crc32(vector.data if vector.flags.c_contiguous else vector.tobytes())


def payload_sum(payload: Mapping[str, Any]) -> int:
    """The checksum of a payload without the field of the checksums."""
    return _sum({name: value for name, value in payload.items() if name != SUMS})


def with_sums(payload: dict[str, Any], vector: Floats) -> dict[str, Any]:
    """The payload with its checksums, to be written with that vector."""
    payload[SUMS] = [vector_sum(vector), _sum(payload)]
    return payload


def revised_sums(before: Mapping[str, Any], after: Mapping[str, Any], *, shared: bool) -> list[int | None]:
    """The checksums of a payload that changes beside a vector that stays.

    With `shared`, other processes may change other fields at the same moment: then none is kept of the
    payload.
    """
    vector, payload = stored_sums(before)
    if shared:
        return [vector, None]
    if payload is not None and payload_matches(before, payload) is False:
        return [vector, DAMAGED]
    return [vector, payload_sum(after)]


def stored_sums(payload: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """The checksums in a payload; None for what has none."""
    sums = payload.get(SUMS)
    if not isinstance(sums, list) or len(sums) != 2:
        return None, None
    return sums[0], sums[1]


def payload_matches(payload: Mapping[str, Any], expected: int) -> bool | None:
    """Whether a payload is the one of the checksum, or differs in what the engine's reader rounds.

    None where it holds more long fractions than can be tried.
    """
    content = {name: value for name, value in payload.items() if name != SUMS}
    if _sum(content) == expected:
        return True
    places = [(path, value) for path, value in _fractions(content, ())]
    long = [place for place in places if _is_long(place[1])]
    if any(_sum(near) == expected for near in _neighbours(content, places, long[:MOST_LONG])):
        return True
    return None if len(long) > MOST_LONG else False


def verdict(uuid: str, payload: Mapping[str, Any], vector: Floats | None) -> Verdict:
    """What the checksums in a payload say of it and its vector."""
    of_vector, of_payload = stored_sums(payload)
    item_id = payload.get("id")
    return Verdict(
        uuid,
        item_id if isinstance(item_id, str) else "",
        None if of_vector is None or vector is None else vector_sum(vector) == of_vector,
        None if of_payload is None else payload_matches(payload, of_payload),
    )


def _sum(content: Mapping[str, Any]) -> int:
    return zlib.crc32(_form(content))


def _form(content: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(content, option=_OPTIONS)
    except TypeError:  # what it does not know, the engine takes or refuses
        return json.dumps(content, sort_keys=True, default=str).encode()


def _neighbours(
    content: Mapping[str, Any], places: Sequence[Place], long: Sequence[Place]
) -> Iterator[Mapping[str, Any]]:
    """The payload with long fractions moved by a step, and with each single one moved by up to two."""
    moves = [[(place, step)] for place in places for step in (1, -1, 2, -2)]
    moves += [
        list(zip(long, steps, strict=True)) for steps in itertools.product((0, 1, -1), repeat=len(long))
    ]
    for together in moves:
        copy = orjson.loads(_form(content))
        for (path, value), step in together:
            holder = copy
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = _moved(value, step)
        yield copy


def _fractions(value: Any, path: tuple[Any, ...]) -> Iterator[Place]:
    """Where numbers stand that the engine's reader may not give back exactly."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _fractions(part, (*path, name))
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield from _fractions(part, (*path, place))
    elif isinstance(value, float):
        yield path, value


def _is_long(value: float) -> bool:
    """Whether it has more digits than the reader takes at once, or a power of ten that is not exact."""
    is_extreme = value != 0 and not 1 / EXACT < abs(value) < EXACT
    return is_extreme or float(f"{value:.{LONG_DIGITS}g}") != value


def _moved(value: float, steps: int) -> float:
    for _ in range(abs(steps)):
        value = math.nextafter(value, math.copysign(math.inf, steps))
    return value
