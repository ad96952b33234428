"""What each step of VL-CLIP is worth on one set of items: part of the photo x text x model.

Every text searches for its own item's photo among the photos of all items, with exact scores (arXiv
2507.17080, section 4). The searching text is the refiner's own output. A stored text is instead the one that
is closer to the photo; as a query it would already know the answer. Similar items are searched with stored
vectors, so there the text is the one ingestion would keep.

Laws (tests/ranking/evaluation/ablation/test_measurement.py):
- a crop equal to the true box closes the whole gap, one equal to the full photo closes none of it;
- equal vectors give equal figures, and steps of exactly 1;
- a slice that holds all items has the figures of the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vlclip.engine.refinement.agreement import keep_better
from vlclip.engine.space import Floats
from vlclip.engine.training.retrieval import CUTS, text_to_image_ranks
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.retrieval.neighbours import agreeing_share, nearest_others
from vlclip.ranking.statistics.arrays import Values
from vlclip.ranking.statistics.bootstrap import Figure, interval, means, ratio, resampled_means

Photo = Literal["full", "crop", "box"]
Text = Literal["raw", "refined"]
Model = Literal["base", "tuned"]

PHOTOS: tuple[Photo, ...] = ("full", "crop", "box")
TEXTS: tuple[Text, ...] = ("raw", "refined")
MODELS: tuple[Model, ...] = ("base", "tuned")

K = 5
"""Neighbours of each item that count for similar items."""
LEAST = 30
"""Items a slice needs to be reported."""
JUDGED = f"hits@{CUTS[1]}"
"""The figure that steps and ratios compare."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """The vectors of n items by one model: unit rows `(n, d)` by part of the photo and by text.

    `judged` `(n,)` marks items whose photo may overrule the refined text at ingestion; None for no item.
    """

    photos: Mapping[Photo, Floats]
    texts: Mapping[Text, Floats]
    judged: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """One row of the table: which part of the photo, which text, which model."""

    photo: Photo
    text: Text
    model: Model


@dataclass(frozen=True, slots=True)
class AblationRow:
    """A setup's figures by name; `over_first` is its HITS@5 over that of the first row."""

    setup: Setup
    figures: Mapping[str, Figure]
    over_first: Figure | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one change is worth in HITS@5, with all else as in `setting`.

    `gap`: how much of the gap between the full photo and the true box the crop closes. `crop`, `refined` and
    `tuned`: HITS@5 over that of the full photo, the raw text, the base model. There is no figure where there
    is nothing to divide by; `why` says so.
    """

    change: Literal["gap", "crop", "refined", "tuned"]
    setting: str
    figure: Figure | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class ItemSlice:
    """Rows of the items that share a value; their texts search the photos of all items."""

    name: str
    value: str
    n: int
    rows: tuple[AblationRow, ...]


@dataclass(frozen=True, slots=True)
class Ablation:
    """The table: rows in the order of `PHOTOS`, `TEXTS`, `MODELS`, models outermost.

    `too_small` are slices with fewer than `LEAST` items: name, value, n.
    """

    n: int
    rows: tuple[AblationRow, ...]
    steps: tuple[Step, ...]
    slices: tuple[ItemSlice, ...] = ()
    too_small: tuple[tuple[str, str, int], ...] = field(default=())


def ablate(
    models: Mapping[Model, Encoded],
    titles: Sequence[str],
    alike: Mapping[str, Sequence[str]],
    slices: Mapping[str, Sequence[str]] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Ablation:
    """The table of n items, with a row for every photo, text and model there is.

    Items with one of `titles` in common are one product to `hits@5_dup`. `alike` holds, by field, the
    values in which the `K` nearest others should agree (`<field>@5`), "" for unknown. `slices` holds, by
    name, each item's value, "" for none; a slice with all items is left out. `progress` gets the number of
    finished rows. Errors: `EvaluationError` with `K` items or fewer.
    """
    if len(titles) <= K:
        raise EvaluationError(
            f"{len(titles)} items are too few; an ablation takes more than {K}, and hundreds to say much"
        )
    setups = list(_setups(models))
    measured: dict[Setup, dict[str, Values]] = {}
    for setup in setups:
        measured[setup] = per_item(models[setup.model], setup, titles, alike)
        progress(len(measured))
    rows, samples = _rows(setups, measured)
    large, too_small = [], []
    for name, values in (slices or {}).items():
        for value, n in sorted(Counter(value for value in values if value).items()):
            if n < LEAST:
                too_small.append((name, value, n))
            elif n < len(titles):
                inside = np.array([own == value for own in values])
                part = {
                    setup: {figure: by_item[inside] for figure, by_item in measured[setup].items()}
                    for setup in setups
                }
                large.append(ItemSlice(name, value, n, _rows(setups, part)[0]))
    return Ablation(len(titles), rows, tuple(_steps(rows, samples)), tuple(large), tuple(too_small))


def per_item(
    encoded: Encoded, setup: Setup, titles: Sequence[str], alike: Mapping[str, Sequence[str]]
) -> dict[str, Values]:
    """Each figure's contribution of every item, `(n,)` float64; their means are the row."""
    photos, texts = encoded.photos[setup.photo], encoded.texts[setup.text]
    ranks = text_to_image_ranks(texts, photos, titles)
    figures = {f"hits@{k}": (ranks.own <= k).astype(np.float64) for k in CUTS}
    figures["mrr"] = 1 / ranks.own
    figures[f"{JUDGED}_dup"] = (ranks.alike <= CUTS[1]).astype(np.float64)
    if alike:
        stored = _stored(encoded, photos, texts)
        nearest = nearest_others(np.concatenate([photos, stored], axis=1), K)
        figures |= {f"{name}@{K}": agreeing_share(nearest, values) for name, values in alike.items()}
    return figures


def _stored(encoded: Encoded, photos: Floats, texts: Floats) -> Floats:
    """The texts ingestion would keep."""
    if encoded.judged is None:
        return texts
    raw = encoded.texts["raw"]
    is_refined = keep_better(photos, raw, texts) | ~encoded.judged
    return np.where(is_refined[:, None], texts, raw)


def _setups(models: Mapping[Model, Encoded]) -> Iterator[Setup]:
    for model in MODELS:
        if model in models:
            encoded = models[model]
            for photo in PHOTOS:
                for text in TEXTS:
                    if photo in encoded.photos and text in encoded.texts:
                        yield Setup(photo, text, model)


def _rows(
    setups: Sequence[Setup], measured: Mapping[Setup, Mapping[str, Values]]
) -> tuple[tuple[AblationRow, ...], dict[Setup, Values]]:
    """Rows, and for each the resamples `(resamples,)` of its `JUDGED` figure."""
    places = [(setup, name) for setup in setups for name in measured[setup]]
    values = np.stack([measured[setup][name] for setup, name in places], axis=1)
    points, samples = means(values), resampled_means(values)
    figures: dict[Setup, dict[str, Figure]] = {setup: {} for setup in setups}
    judged: dict[Setup, Values] = {}
    for column, (setup, name) in enumerate(places):
        figures[setup][name] = interval(points[column], samples[:, column])
        if name == JUDGED:
            judged[setup] = samples[:, column]
    first = setups[0]
    rows = tuple(
        AblationRow(
            setup,
            figures[setup],
            ratio(figures[setup][JUDGED].value, figures[first][JUDGED].value, judged[setup], judged[first]),
        )
        for setup in setups
    )
    return rows, judged


def _steps(rows: Sequence[AblationRow], samples: Mapping[Setup, Values]) -> Iterator[Step]:
    """Every step whose rows exist; the true box is the bound of the crop, not a step of its own."""
    hits = {row.setup: row.figures[JUDGED].value for row in rows}

    def over(above: Setup, below: Setup) -> tuple[Figure | None, str]:
        figure = ratio(hits[above], hits[below], samples[above], samples[below])
        return figure, "" if figure else f"{JUDGED} of the other row is 0"

    pairs = [(text, model) for model in MODELS for text in TEXTS]
    for text, model in pairs:
        full, crop, box = (Setup(photo, text, model) for photo in PHOTOS)
        if full in hits and crop in hits and box in hits:
            yield Step("gap", f"{text}, {model}", *_closed(full, crop, box, hits, samples))
    for text, model in pairs:
        full, crop = Setup("full", text, model), Setup("crop", text, model)
        if full in hits and crop in hits:
            yield Step("crop", f"{text}, {model}", *over(crop, full))
    for model in MODELS:
        for photo in PHOTOS[:2]:
            raw, refined = Setup(photo, "raw", model), Setup(photo, "refined", model)
            if raw in hits and refined in hits:
                yield Step("refined", f"{photo}, {model}", *over(refined, raw))
    for photo in PHOTOS[:2]:
        for text in TEXTS:
            base, tuned = Setup(photo, text, "base"), Setup(photo, text, "tuned")
            if base in hits and tuned in hits:
                yield Step("tuned", f"{photo}, {text}", *over(tuned, base))


def _closed(
    full: Setup, crop: Setup, box: Setup, hits: Mapping[Setup, float], samples: Mapping[Setup, Values]
) -> tuple[Figure | None, str]:
    """(crop - full) / (box - full); None where it is not certain that there is a gap."""
    gap = interval(hits[box] - hits[full], samples[box] - samples[full])
    if not gap.low > 0:
        return None, f"no certain gap: the true box adds {gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"
    won, won_samples = hits[crop] - hits[full], samples[crop] - samples[full]
    return ratio(won, gap.value, won_samples, samples[box] - samples[full]), ""
