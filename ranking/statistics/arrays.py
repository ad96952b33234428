"""Names for the types of arrays in ranking and its evaluation; each function says their shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
"""Scores, probabilities, rewards, weights."""
Indices = NDArray[np.intp]
"""Rows, columns, places, counts."""
Mask = NDArray[np.bool_]
"""Which rows or places are selected."""
