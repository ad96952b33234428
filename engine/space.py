"""The fused space: one vector per item, all weights on the query.

Laws (tested in tests/engine/test_space.py):
- score(query, item) == sum of `parts` == Σ w_s · cos(query_s, item_s), exactly one dot product;
- weight 1 on a segment and 0 on the others ranks as that segment alone;
- a missing segment is zeros and contributes 0, it never disqualifies an item;
- `split(item_vector(segments)) == segments`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vlclip.engine.errors import SpaceError
from vlclip.engine.weights import check_weight

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Segment:
    """A named stretch of the fused vector: `size` floats, unit length or all zeros."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class FusedSpace:
    """Unit segments side by side, compared by dot product."""

    segments: tuple[Segment, ...]
    _spans: Mapping[str, slice] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = [segment.name for segment in self.segments]
        if not names or len(set(names)) != len(names):
            raise SpaceError(f"segments need distinct names and at least one of them; got {names}")
        if any(segment.size < 1 for segment in self.segments):
            raise SpaceError("every segment needs a size of at least 1")
        object.__setattr__(self, "_spans", _slices(self.segments))  # a list needs it several times

    @property
    def size(self) -> int:
        """Length of a fused vector."""
        return sum(segment.size for segment in self.segments)

    @property
    def names(self) -> tuple[str, ...]:
        """Segment names in order."""
        return tuple(self.slices())

    def slices(self) -> Mapping[str, slice]:
        """Where each segment lies in a fused vector, in order."""
        return self._spans

    def item_vectors(self, segments: Mapping[str, Floats], count: int) -> Floats:
        """Fuse per-segment rows, `(count, size_s)` each, into `(count, size)` float32.

        Rows are scaled to unit length; an absent segment or an all-zero row stays zeros.
        """
        self._check_names(segments)
        fused = np.zeros((count, self.size), dtype=np.float32)
        spans = self.slices()
        for name, rows in segments.items():
            span = spans[name]
            expected = (count, span.stop - span.start)
            if rows.shape != expected:
                raise SpaceError(f"segment {name!r} has shape {rows.shape}, expected {expected}")
            fused[:, span] = unit(rows)
        return fused

    def query_vector(self, parts: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
        """Fuse query directions into one `(size,)` vector, each scaled to its weight.

        `parts[name]` is `(size_s,)` of any length greater than zero; a segment without a part or
        with weight 0 is zeros. Weights are from 0 to `HEAVIEST` and need not sum to 1.
        """
        self._check_names(parts)
        checked = self.check_weights(weights)
        fused = np.zeros(self.size, dtype=np.float32)
        spans = self.slices()
        for name, direction in parts.items():
            span = spans[name]
            if direction.shape != (span.stop - span.start,):
                raise SpaceError(
                    f"query segment {name!r} has shape {direction.shape}, "
                    f"expected ({span.stop - span.start},)"
                )
            fused[span] = checked.get(name, 1.0) * unit(direction[None])[0]
        return fused

    def scales(self, weights: Mapping[str, float]) -> Floats:
        """`(size,)`, not to be written to: every segment's weight, 1 where there is none, along the segment.

        Where all of a vector's segments are of unit length or zeros, as an item's are, the vector times
        these is its `query_vector`.
        """
        checked = self.check_weights(weights)
        return _scales(self.segments, tuple(checked.get(name, 1.0) for name in self.slices()))

    def parts(self, query: Floats, items: Floats) -> dict[str, Floats]:
        """Each segment's share of the scores of `items` `(n, size)`: name to `(n,)` float32."""
        return {name: items[:, span] @ query[span] for name, span in self.slices().items()}

    def split(self, vector: Floats) -> dict[str, Floats]:
        """The segments of one fused vector; segments that are all zeros are left out."""
        return {name: vector[span] for name, span in self.slices().items() if np.any(vector[span] != 0)}

    def check_weights(self, weights: Mapping[str, float]) -> dict[str, float]:
        """The same weights, or a `SpaceError` that says which one is wrong and why."""
        self._check_names(weights)
        for name, weight in weights.items():
            check_weight(name, weight)
        return dict(weights)

    def _check_names(self, names: Mapping[str, object]) -> None:
        unknown = names.keys() - self.slices().keys()
        if unknown:
            raise SpaceError(
                f"no segment named {min(unknown)!r} here; this space has {', '.join(self.names)}"
            )


def _slices(segments: tuple[Segment, ...]) -> Mapping[str, slice]:
    out, start = {}, 0
    for segment in segments:
        out[segment.name] = slice(start, start + segment.size)
        start += segment.size
    return out


@lru_cache(maxsize=1000)
def _scales(segments: tuple[Segment, ...], weights: tuple[float, ...]) -> Floats:
    """Cached, because hardly any list has weights of its own."""
    scales = np.repeat(np.array(weights, dtype=np.float32), [segment.size for segment in segments])
    scales.setflags(write=False)
    return scales


def unit(rows: Floats) -> Floats:
    """Rows `(n, d)` scaled to length 1; rows of zeros stay zeros."""
    rows = np.asarray(rows, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Floats = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return scaled
