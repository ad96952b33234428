"""Zero-shot attributes: a photo has the value whose prompts its vector is nearest to.

As in CLIP (arXiv 2103.00020, section 3.1.4): each class is the mean of its prompts' unit vectors, scaled
to unit length. VL-CLIP reports accuracy on neckline and pattern this way (arXiv 2507.17080, table 4).
Nothing is fitted, so every item is judged. But a model trained on a shop's titles has read many of the values
in them.
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
class AttributeScore:
    """How well one field's values are recognised in photos.

    `n` items have one of the `classes`; `majority` is the accuracy of always naming the most common.
    `macro_f1` is the mean F1 of the classes, with equal weights.
    """

    field: str
    n: int
    classes: int
    majority: float
    accuracy: Figure
    macro_f1: float


def classes_of(values: Sequence[str]) -> list[str]:
    """The values of at least `LEAST` items, sorted; with fewer than two there is nothing to distinguish."""
    counts = Counter(value for value in values if value)
    return sorted(value for value, count in counts.items() if count >= LEAST)


def class_vectors(name: str, classes: Sequence[str], encode: Callable[[Sequence[str]], Floats]) -> Floats:
    """Unit rows `(classes, d)` from the prompts of the field `name`; `encode` is a CLIP's text side."""
    templates = prompts_for(name)
    prompts = [template.replace("{value}", value) for value in classes for template in templates]
    vectors = encode(prompts)
    return unit(vectors.reshape(len(classes), len(templates), -1).mean(axis=1))


def score_attribute(
    name: str, photos: Floats, values: Sequence[str], classes: Sequence[str], vectors: Floats
) -> AttributeScore:
    """Name the nearest class of each photo `(n, d)`; items whose value is no class are left out."""
    place = {value: row for row, value in enumerate(classes)}
    rows = np.array([row for row, value in enumerate(values) if value in place], dtype=np.int64)
    truth = np.array([place[values[row]] for row in rows])
    named = (photos[rows] @ vectors.T).argmax(axis=1)
    right = (named == truth).astype(np.float64)
    return AttributeScore(
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
