"""Which items of a batch show the same product: equal in a field, or near-duplicate photos.

Laws (tests/engine/training/test_likeness.py):
- an item is like itself, and likeness is mutual;
- two items are alike in every batch that has both or in none, unless the batch gives them equal texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vlclip.engine.errors import TrainingError
from vlclip.engine.training.pairs import Pairs

NEAR = 8
"""Distance of photo hashes up to which two photos show one product (engine/duplicates.py)."""


class Likeness:
    """The relation over all training pairs; `same` are fields, or `image` for the photos."""

    def __init__(self, pairs: Pairs, same: Sequence[str]) -> None:
        fields = [name for name in same if name != "image"]
        for name in fields:
            if not any(name in item for item in pairs.fields):
                names = ", ".join(sorted({field for item in pairs.fields for field in item}))
                raise TrainingError(f"`same` names {name!r}, which no item has; there are {names}, image")
        self._values = [_numbered([item.get(name, "") for item in pairs.fields]) for name in fields]
        self._near = _near(pairs.hashes if "image" in same else ())
        self._place = np.full(len(pairs), -1)

    def among(self, rows: NDArray[np.int64], texts: Sequence[str]) -> Tensor:
        """`(n, n)` bool for a batch of n rows: alike in a field, in photo, or in text."""
        alike = torch.eye(len(rows), dtype=torch.bool)
        for values in (*(values[rows] for values in self._values), _numbered(texts)):
            alike |= torch.from_numpy(values[:, None] == values[None, :])
        self._place[rows] = np.arange(len(rows))
        first, second = self._place[self._near]
        self._place[rows] = -1
        both = (first >= 0) & (second >= 0)
        alike[first[both], second[both]] = True
        alike[second[both], first[both]] = True
        return alike


def _numbered(values: Sequence[str]) -> NDArray[np.int64]:
    """A number for each value, the same for equal ones; every "" has its own."""
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return np.array([numbers[value] if value else -1 - i for i, value in enumerate(values)], dtype=np.int64)


def _near(hashes: Sequence[str]) -> NDArray[np.int64]:
    """`(2, m)` rows of near-duplicate photos."""
    if not any(hashes):
        return np.zeros((2, 0), np.int64)
    from vlclip.engine.duplicates import pairs  # noqa: PLC0415 - its libraries take a second to load

    return np.stack(pairs(hashes, NEAR)).astype(np.int64)
