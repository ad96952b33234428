"""BM25 over fields beside BM25 over one text, on rated searches; `electronics.py --words` prints it.

Nothing is encoded. Rows of the table are asked of a store. The grid is searched on a matrix of the same
weights, which gives the store's scores. `held out` weighs each tenth of the queries by the point of the grid
that is best on the other nine, by the mean of both figures; `no description` is the same over the part of
the grid without it.
"""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from vlclip.engine.item import Item
from vlclip.engine.language import DEFAULT
from vlclip.engine.opening.stores import open_store
from vlclip.engine.settings import StoreSettings
from vlclip.engine.space import FusedSpace, Segment
from vlclip.engine.store.lexical import AS_BEFORE, BY_FIELD, FieldWeight, Weighting, WordEncoder
from vlclip.engine.store.store import Point, Query, StoreInfo
from vlclip.ranking.evaluation.retrieval.measures import Qrels, Run, condense, measure_run
from vlclip.ranking.statistics.arrays import Values

DEPTH, FOLDS, SEED, BATCH = 100, 10, 7, 1000
PLAIN, CONDENSED, JUDGED = "nDCG@10", "condensed", "Judged@10"
TITLES, ATTRIBUTES, DESCRIPTIONS = (1, 2, 3), (0.25, 0.5, 1), (0, 0.1, 0.25, 0.5, 1)
SATURATIONS, PENALTIES = (0.6, 1.2, 2.0), (0.25, 0.5, 0.75)
SPACE = FusedSpace((Segment("image", 1),))

Figures = dict[str, Values]


@dataclass(frozen=True, slots=True)
class Judged:
    """Items, and which of them are right for which query."""

    items: Sequence[Item]
    qrels: Qrels

    def figures(self, run: Run) -> Figures:
        """Every measure of every query."""
        scores = measure_run(run, self.qrels, (PLAIN, JUDGED))
        return {**scores, CONDENSED: measure_run(condense(run, self.qrels), self.qrels, (PLAIN,))[PLAIN]}


def study(judged: Judged) -> dict[str, Figures]:
    """The rows of the table: as it was, as it is, and what held-out folds say of the grid."""
    encoder = WordEncoder(DEFAULT, BY_FIELD)
    lengths = encoder.lengths(item.lexical_texts for item in judged.items)
    index = Index(judged, lengths)
    grid = {point: index.figures(weighting(*point).with_lengths(lengths)) for point in points()}
    without = {point: figures for point, figures in grid.items() if not point[2]}
    current = BY_FIELD.with_lengths(lengths)
    rows = {
        "one text without the description, as before": judged.figures(answers_of(judged, AS_BEFORE)),
        "by field, the default": judged.figures(answers_of(judged, current)),
    }
    for name, part in (("by field, no description, held out", without), ("by field, held out", grid)):
        best, chosen = held_out(part)
        votes = "; ".join(f"{_written(point)} by {count}" for point, count in chosen.most_common(3))
        rows[f"{name} (title, attributes, description, k, b: {votes})"] = best
    return rows


def _written(point: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in point)


def points() -> Iterable[tuple[float, ...]]:
    return itertools.product(TITLES, ATTRIBUTES, DESCRIPTIONS, SATURATIONS, PENALTIES)


def weighting(title: float, attributes: float, description: float, k: float, b: float) -> Weighting:
    weights = {
        "title": title, "product_type": title, "brand": 1.0, "attributes": attributes,
        "description": description,
    }  # fmt: skip
    fields = {name: FieldWeight(weight, b, 1.0) for name, weight in weights.items() if weight}
    return Weighting(k, fields)


def answers_of(judged: Judged, weights: Weighting) -> Run:
    """What a store answers whose words are weighted so."""
    info = StoreInfo("f", SPACE, {}, words=weights)
    vector = np.ones(1, dtype=np.float32)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_store(folder, StoreSettings(), info)) as store,
    ):
        for start in range(0, len(judged.items), BATCH):
            part = judged.items[start : start + BATCH]
            store.upsert([Point(item.id, vector, item.lexical_texts, {}) for item in part])
        answers = store.search([Query(text=text, limit=10 * DEPTH) for text in judged.qrels])
        return {
            text: ranked((hit.id, hit.score) for hit in hits)
            for text, hits in zip(judged.qrels, answers, strict=True)
        }


def ranked(scores: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """The best, and of equal ones the first by id, so that a run gives the same figures each time."""
    return sorted(scores, key=lambda pair: (-round(pair[1], 4), pair[0]))[:DEPTH]


class Index:
    """Frequencies of words by field, weighted in many ways without a store."""

    def __init__(self, judged: Judged, lengths: Mapping[str, float]) -> None:
        self._judged, self._ids = judged, np.array([item.id for item in judged.items])
        self._columns: dict[int, int] = {}
        texts = [item.lexical_texts for item in judged.items]
        rows = {}
        for name in lengths:
            raw = WordEncoder(DEFAULT, Weighting(1e9, {name: FieldWeight(1.0, 0.0, 1.0)}))
            rows[name] = [raw.encode_document(text) for text in texts]
        queries = [WordEncoder(DEFAULT).encode_query(text).indices for text in judged.qrels]
        for row in itertools.chain.from_iterable(rows.values()):
            for word in row.indices:
                self._columns.setdefault(word, len(self._columns))
        self._counts = {name: self._matrix(field) for name, field in rows.items()}
        self._words = [[self._columns[word] for word in query if word in self._columns] for query in queries]

    def figures(self, weights: Weighting) -> Figures:
        """Every measure of every query, with these weights."""
        total: Any = 0
        for name, (weight, penalty, average) in weights.fields.items():
            counts = self._counts[name]
            words = np.asarray(counts.sum(axis=1)).ravel()
            factors = weight / np.maximum(1 - penalty + penalty * words / average, 1e-9)
            total = total + sparse.diags(factors) @ counts
        matrix = total.tocsc()
        matrix.data *= (weights.saturation + 1) / (weights.saturation + matrix.data)
        count, present = len(self._ids), np.diff(matrix.indptr)
        rarity = np.log(1 + (count - present + 0.5) / (present + 0.5))
        run: dict[str, list[tuple[str, float]]] = {}
        for text, words in zip(self._judged.qrels, self._words, strict=True):
            scores = np.asarray(matrix[:, words] @ rarity[words]).ravel()
            best = np.argsort(-scores)[: 10 * DEPTH]
            run[text] = ranked((str(self._ids[row]), float(scores[row])) for row in best if scores[row] > 0)
        return self._judged.figures(run)

    def _matrix(self, rows: Sequence[Any]) -> sparse.csr_matrix:
        ends = np.cumsum([0, *(len(row.indices) for row in rows)])
        columns = [self._columns[word] for row in rows for word in row.indices]
        counts = np.rint([value for row in rows for value in row.values])
        return sparse.csr_matrix((counts, columns, ends), shape=(len(rows), len(self._columns)))


def held_out(grid: Mapping[tuple[float, ...], Figures]) -> tuple[Figures, Counter[tuple[float, ...]]]:
    """Each query at the point of the grid that the other folds chose, and how many folds chose it."""
    merit = np.stack([(scores[PLAIN] + scores[CONDENSED]) / 2 for scores in grid.values()])
    folds = np.random.default_rng(SEED).permutation(merit.shape[1]) % FOLDS
    best = [int(merit[:, folds != fold].mean(axis=1).argmax()) for fold in range(FOLDS)]
    chosen, columns = np.array(best)[folds], np.arange(merit.shape[1])
    measures = {
        name: np.stack([scores[name] for scores in grid.values()])[chosen, columns]
        for name in (PLAIN, JUDGED, CONDENSED)
    }
    ways = list(grid)
    return measures, Counter(ways[row] for row in best)


def read_items(products: Path) -> list[Item]:
    """The items of a catalogue as an ingest reads them."""
    from vlclip.ingestion.reading.catalogue import open_catalogue  # noqa: PLC0415
    from vlclip.ingestion.reading.guesses import map_columns  # noqa: PLC0415

    catalogue = open_catalogue(products)
    entries = catalogue.entries(map_columns(catalogue, []))
    return [entry.item for entry in entries if entry.item is not None]
