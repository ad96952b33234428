"""What each step of VL-CLIP is worth on one set of items: photo shown x text asked x model.

Every text asks for its own item's photo among the photos of all items, scored exactly (arXiv
2507.17080, section 4). The text that asks is the refiner's own output. It is never the better of two
by its likeness to the photo, as what is stored is: that choice has seen the answer. For similar items,
which ask with what is stored, the stored text is the one ingestion would keep.

Laws (tests/ranking/evaluation/ablation/test_measurement.py):
- a crop that is the true box closes the whole gap, one that is the full photo none of it;
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
"""Neighbours looked at for similar items."""
LEAST = 30
"""Items a slice needs to be shown."""
JUDGED = f"hits@{CUTS[1]}"
"""The figure that steps and ratios compare."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What one model makes of n items: unit rows `(n, d)` by photo shown and by text.

    `judged` `(n,)` says whose refined text the photo would overrule at ingestion; None for nobody's.
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
class Row:
    """A setup's figures by name; `over_first` is its HITS@5 over that of the first row."""

    setup: Setup
    figures: Mapping[str, Figure]
    over_first: Figure | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one change is worth in HITS@5, the rest being `held`.

    `gap`: the share of the way from the full photo to the true box that the crop goes. `crop`,
    `refined` and `tuned`: HITS@5 over that of the full photo, the raw text, the base model. There is no
    figure where there is nothing to divide by; `why` then says so.
    """

    change: Literal["gap", "crop", "refined", "tuned"]
    held: str
    figure: Figure | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows of the items that share a value; their texts ask among the photos of all items."""

    name: str
    value: str
    n: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Ablation:
    """The table: rows in the order of `PHOTOS`, `TEXTS`, `MODELS`, models outermost.

    `too_small` are slices with fewer than `LEAST` items: name, value, n.
    """

    n: int
    rows: tuple[Row, ...]
    steps: tuple[Step, ...]
    slices: tuple[Slice, ...] = ()
    too_small: tuple[tuple[str, str, int], ...] = field(default=())


def ablate(
    models: Mapping[Model, Encoded],
    titles: Sequence[str],
    alike: Mapping[str, Sequence[str]],
    slices: Mapping[str, Sequence[str]] | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Ablation:
    """The table of n items, with a row for every photo, text and model there is.

    `titles` say which items are one product to the duplicates-aware figure (`hits@5_dup`). `alike`
    holds per field what the `K` nearest others should agree in (`<field>@5`), "" for unknown. `slices`
    holds per name each item's value, "" for none; a slice that all items are in is not repeated.
    `told` hears how many rows are done. Errors: `EvaluationError` with `K` items or fewer.
    """
    if len(titles) <= K:
        raise EvaluationError(
            f"{len(titles)} items are too few; an ablation takes more than {K}, and hundreds to say much"
        )
    setups = list(_setups(models))
    measured: dict[Setup, dict[str, Values]] = {}
    for setup in setups:
        measured[setup] = per_item(models[setup.model], setup, titles, alike)
        told(len(measured))
    rows, samples = _rows(setups, measured)
    kept, too_small = [], []
    for name, values in (slices or {}).items():
        for value, n in sorted(Counter(value for value in values if value).items()):
            if n < LEAST:
                too_small.append((name, value, n))
            elif n < len(titles):
                inside = np.array([one == value for one in values])
                part = {one: {key: values[inside] for key, values in measured[one].items()} for one in setups}
                kept.append(Slice(name, value, n, _rows(setups, part)[0]))
    return Ablation(len(titles), rows, tuple(_steps(rows, samples)), tuple(kept), tuple(too_small))


def per_item(
    encoded: Encoded, setup: Setup, titles: Sequence[str], alike: Mapping[str, Sequence[str]]
) -> dict[str, Values]:
    """Each figure's contribution of every item, `(n,)` float64; their means are the row."""
    photos, texts = encoded.photos[setup.photo], encoded.texts[setup.text]
    ranks = text_to_image_ranks(texts, photos, titles)
    found = {f"hits@{k}": (ranks.own <= k).astype(np.float64) for k in CUTS}
    found["mrr"] = 1 / ranks.own
    found[f"{JUDGED}_dup"] = (ranks.alike <= CUTS[1]).astype(np.float64)
    if alike:
        stored = _stored(encoded, photos, texts)
        nearest = nearest_others(np.concatenate([photos, stored], axis=1), K)
        found |= {f"{name}@{K}": agreeing_share(nearest, values) for name, values in alike.items()}
    return found


def _stored(encoded: Encoded, photos: Floats, texts: Floats) -> Floats:
    """The texts ingestion would keep."""
    if encoded.judged is None:
        return texts
    raw = encoded.texts["raw"]
    kept = keep_better(photos, raw, texts) | ~encoded.judged
    return np.where(kept[:, None], texts, raw)


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
) -> tuple[tuple[Row, ...], dict[Setup, Values]]:
    """Rows, and the resamples `(resamples,)` of the judged figure of each."""
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
        Row(
            setup,
            figures[setup],
            ratio(figures[setup][JUDGED].value, figures[first][JUDGED].value, judged[setup], judged[first]),
        )
        for setup in setups
    )
    return rows, judged


def _steps(rows: Sequence[Row], samples: Mapping[Setup, Values]) -> Iterator[Step]:
    """Every step whose rows exist; a true box bounds the crop and is no step of its own."""
    known = {row.setup: row.figures[JUDGED].value for row in rows}

    def over(above: Setup, below: Setup) -> tuple[Figure | None, str]:
        figure = ratio(known[above], known[below], samples[above], samples[below])
        return figure, "" if figure else f"{JUDGED} of the other is 0"

    pairs = [(text, model) for model in MODELS for text in TEXTS]
    for text, model in pairs:
        full, crop, box = (Setup(photo, text, model) for photo in PHOTOS)
        if full in known and crop in known and box in known:
            yield Step("gap", f"{text}, {model}", *_closed(full, crop, box, known, samples))
    for text, model in pairs:
        full, crop = Setup("full", text, model), Setup("crop", text, model)
        if full in known and crop in known:
            yield Step("crop", f"{text}, {model}", *over(crop, full))
    for model in MODELS:
        for photo in PHOTOS[:2]:
            raw, refined = Setup(photo, "raw", model), Setup(photo, "refined", model)
            if raw in known and refined in known:
                yield Step("refined", f"{photo}, {model}", *over(refined, raw))
    for photo in PHOTOS[:2]:
        for text in TEXTS:
            base, tuned = Setup(photo, text, "base"), Setup(photo, text, "tuned")
            if base in known and tuned in known:
                yield Step("tuned", f"{photo}, {text}", *over(tuned, base))


def _closed(
    full: Setup, crop: Setup, box: Setup, known: Mapping[Setup, float], samples: Mapping[Setup, Values]
) -> tuple[Figure | None, str]:
    """(crop - full) / (box - full); nothing where it is not certain that there is a gap to close."""
    gap = interval(known[box] - known[full], samples[box] - samples[full])
    if not gap.low > 0:
        return None, f"no certain gap: the true box adds {gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"
    won, won_samples = known[crop] - known[full], samples[crop] - samples[full]
    return ratio(won, gap.value, won_samples, samples[box] - samples[full]), ""
