"""Photos that a CPU encodes at once.

Of 256 photos the layers' results are so large that their memory comes fresh from the system for each layer,
which costs a seventh of the encoding. Few photos at a time leave the processor waiting.

Law (tests/engine/encoding/test_portions.py): joined, the portions are the photos, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vlclip.engine.space import Floats

PIXELS = 320_000
"""Of the photos of one portion: 64 of those that the shipped model sees."""
LEAST = 8
"""Photos of one portion at least."""


def portions(photos: Sequence[Floats]) -> Iterator[Sequence[Floats]]:
    """Prepared photos `(3, height, width)`, so many at a time as are encoded fastest."""
    size = max(LEAST, PIXELS // photos[0][0].size) if photos else 1
    return (photos[start : start + size] for start in range(0, len(photos), size))
