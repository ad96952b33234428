"""The distance of two photo hashes, which the product needs only for pairs and groups of near ones."""

from __future__ import annotations

import numpy as np

from vlclip.engine import duplicates


def distance(first: str, second: str) -> int:
    """How far two hashes are apart, from 0 for the same photo to 255."""
    codes = duplicates._read([first, second])
    return int(duplicates._distances(codes, np.array([0]), np.array([1]))[0])
