"""Random choices that are the same on every machine.

Law (tested in tests/ingestion/test_drawn.py): equal seeds give equal choices, with any NumPy: only
the raw stream of PCG64 is used, which NumPy promises to keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Dice:
    """Random choices that depend on the given whole numbers alone, on every machine."""

    def __init__(self, *seeds: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(seeds))

    def unit(self) -> float:
        """A number from 0 up to, not including, 1."""
        return float(int(self._bits.random_raw()) >> 11) * 2.0**-53

    def between(self, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        return low + (high - low) * self.unit()

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.unit() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each as likely as the others."""
        return options[int(self.unit() * len(options))]

    def shuffled(self, options: Iterable[T]) -> list[T]:
        """The options in random order."""
        drawn = [(self.unit(), option) for option in options]
        return [option for _, option in sorted(drawn, key=lambda pair: pair[0])]
