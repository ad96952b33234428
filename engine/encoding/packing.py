"""Texts laid end to end, for a text tower that reads up to each text's end token and no further.

CLIP's text attention is causal and the text's feature is read at its end token, so nothing after it can reach
the result: leaving it out gives the same numbers for a fraction of the work. Texts of unlike lengths would
still pad each other, and on a CPU every token costs time; so several texts are one sequence, in which a token
sees only those before it in its own text. Packs are arrays, for PyTorch and for ONNX Runtime alike.

Laws (tests/engine/encoding/test_clip.py): packed texts have the vectors they have alone, to 1e-5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlclip.engine.space import Floats

PACKED = 256
"""Most tokens laid end to end; attention is computed for all their pairs, most of them of two texts."""


class Pack(NamedTuple):
    """Texts laid end to end, `n` of them in `length` tokens."""

    tokens: NDArray[np.int64]
    """`(length,)`: ids."""
    places: NDArray[np.int64]
    """`(length,)`: of each token in its own text."""
    mask: Floats
    """`(length, length)`: 0 where a row's token sees a column's, else minus infinity."""
    ends: NDArray[np.int64]
    """`(n,)`: where the end token of each text lies."""


def packs(tokens: NDArray[np.int64], ends: NDArray[np.int64]) -> Iterator[Pack]:
    """Texts as padded ids `(n, context)`, in packs of neighbours with at most `PACKED` tokens.

    `ends` `(n,)` says where each text ends. A single text may have more tokens.
    """
    lengths = ends + 1
    start, count = 0, 0
    for row, length in enumerate(lengths.tolist()):
        if count and count + length > PACKED:
            yield _pack(tokens[start:row], lengths[start:row])
            start, count = row, 0
        count += length
    yield _pack(tokens[start:], lengths[start:])


def _pack(tokens: NDArray[np.int64], lengths: NDArray[np.int64]) -> Pack:
    inside = np.arange(tokens.shape[1]) < lengths[:, None]
    text, place = inside.nonzero()
    sees = (text[:, None] == text) & (place[:, None] >= place)
    mask = np.where(sees, np.float32(0), np.float32("-inf"))
    return Pack(tokens[inside], place, mask, lengths.cumsum() - 1)
