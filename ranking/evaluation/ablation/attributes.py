"""Zero-shot attributes: a photo has the value whose prompts its vector is nearest to.

As in CLIP (arXiv 2103.00020, section 3.1.4): each class is the mean of its prompts' unit vectors, scaled
to unit length. VL-CLIP reports accuracy on neckline and pattern this way (arXiv 2507.17080, table 4).
Nothing is fitted, so every item is judged; but a model trained on a shop's titles has read many of the
values in them.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from sklearn.metrics import f1_score

from vlclip.engine.space import Floats, unit
from vlclip.ranking.statistics.bootstrap import Figure, interval, resampled_means

LEAST = 10
"""Items a value needs to be a class."""


@dataclass(frozen=True, slots=True)
class Told:
    """How well one field's values are told from photos.

    `n` items have one of the `classes`; `majority` is the accuracy of always naming the commonest.
    `macro_f1` is the mean F1 of the classes, each counting the same.
    """

    field: str
    n: int
    classes: int
    majority: float
    accuracy: Figure
    macro_f1: float


def classes_of(values: Sequence[str]) -> list[str]:
    """The values of at least `LEAST` items, sorted; fewer than two leave nothing to tell apart."""
    counts = Counter(value for value in values if value)
    return sorted(value for value, count in counts.items() if count >= LEAST)


def class_vectors(name: str, classes: Sequence[str], encode: Callable[[Sequence[str]], Floats]) -> Floats:
    """Unit rows `(classes, d)` from the prompts of the field `name`; `encode` is a CLIP's text side."""
    templates = prompts_for(name)
    written = [template.replace("{value}", value) for value in classes for template in templates]
    vectors = encode(written)
    return unit(vectors.reshape(len(classes), len(templates), -1).mean(axis=1))


def tell(name: str, photos: Floats, values: Sequence[str], classes: Sequence[str], vectors: Floats) -> Told:
    """Name the nearest class of each photo `(n, d)`; items whose value is no class are left out."""
    place = {value: row for row, value in enumerate(classes)}
    rows = np.array([row for row, value in enumerate(values) if value in place], dtype=np.int64)
    truth = np.array([place[values[row]] for row in rows])
    named = (photos[rows] @ vectors.T).argmax(axis=1)
    right = (named == truth).astype(np.float64)
    return Told(
        name,
        len(rows),
        len(classes),
        float(np.bincount(truth).max() / len(rows)),
        interval(float(right.mean()), resampled_means(right[:, None])[:, 0]),
        float(f1_score(truth, named, labels=range(len(classes)), average="macro", zero_division=0)),
    )


def prompts_for(name: str) -> tuple[str, ...]:
    """The prompts that ask for a field's values."""
    tables = _tables()
    chosen = next((table for table in tables.values() if name in table["fields"]), tables["other"])
    return tuple(chosen["prompts"])


@cache
def _tables() -> dict[str, dict[str, list[str]]]:
    path = files("vlclip.ranking.evaluation.ablation") / "attribute_prompts.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))
