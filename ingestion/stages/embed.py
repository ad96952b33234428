"""Texts refined, then photos and texts embedded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from vlclip.engine.encoding.embedder import Embedder
from vlclip.engine.errors import FingerprintMismatch
from vlclip.engine.refinement.agreement import settle
from vlclip.engine.space import Floats
from vlclip.engine.store.store import StoreInfo
from vlclip.ingestion.reading.entry import Batch, Entry
from vlclip.ingestion.stages.preparation import Preparation


@dataclass(slots=True)
class LazyEmbedder:
    """The embedder, loaded when the first item needs it and not before."""

    info: StoreInfo
    load: Callable[[], Embedder]
    _loaded: Embedder | None = None
    _loading: threading.Lock = field(default_factory=threading.Lock)

    def get(self) -> Embedder:
        """The loaded embedder; `FingerprintMismatch` if it is not the one that was announced."""
        with self._loading:
            if self._loaded is None:
                embedder = self.load()
                if embedder.info.fingerprint != self.info.fingerprint:
                    raise FingerprintMismatch(
                        f"the loaded encoder is {embedder.info.fingerprint}, this run is for "
                        f"{self.info.fingerprint}; did its files change? Start the run again"
                    )
                self._loaded = embedder
            return self._loaded


@dataclass(frozen=True, slots=True)
class Refine:
    """Texts refined; which of them stay is decided once the photo's vector is there."""

    preparation: Preparation

    def __call__(self, batch: Batch) -> Batch:
        """Every pending entry with its refined text. `BudgetSpent` and `RefinementError` end the run."""
        refiner = self.preparation.refiner
        rows = [i for i, entry in enumerate(batch) if entry.pending]
        if refiner is None or not rows:
            return batch
        texts = refiner.refine([batch[i].pending_item for i in rows], [batch[i].data for i in rows])
        entries = list(batch)
        for i, text in zip(rows, texts, strict=True):
            entries[i] = replace(batch[i], refined=text, data=None)
        return entries


@dataclass(frozen=True, slots=True)
class Embed:
    """Prepared photos and texts to fused vectors; a refined text stays only if the photo agrees."""

    embedder: LazyEmbedder
    preparation: Preparation

    def __call__(self, batch: Batch) -> Batch:
        """Every pending entry with its vector, in one call of the model."""
        checked = [_embeddable(entry) for entry in batch]
        pending = [entry for entry in checked if entry.pending]
        if not pending:
            return checked
        photos, items = [entry.photo for entry in pending], [entry.pending_item for entry in pending]
        refined = [entry.refined for entry in pending if entry.refined is not None]
        texts = [text.text for text in refined] or [item.text for item in items]
        ids = [item.id for item in items]
        if not any(map(self.preparation.judged, refined)):
            vectors = self.embedder.get().embed_items(photos, texts, ids)
        else:
            own = [  # two equal texts leave the photo nothing to judge
                item.text if self.preparation.judged(text) else text.text
                for item, text in zip(items, refined, strict=True)
            ]
            vectors, refined_fits = self.embedder.get().embed_refined(photos, own, texts, ids)
            settled = settle(items, refined, refined_fits.tolist())
            pending = [replace(entry, refined=text) for entry, text in zip(pending, settled, strict=True)]
        embedded = iter([_embedded(entry, row) for entry, row in zip(pending, vectors, strict=True)])
        return [next(embedded) if entry.pending else entry for entry in checked]


def _embeddable(entry: Entry) -> Entry:
    if not entry.pending or entry.photo is not None:
        return entry
    if not entry.pending_item.has_words:
        return entry.failed(
            "embed", "the item has no photo, title or description to embed; name their columns with --map"
        )
    return entry


def _embedded(entry: Entry, vector: Floats) -> Entry:
    if not np.isfinite(vector).all():
        return entry.failed("embed", "the encoder gave NaN for this photo and text; look at both")
    return replace(entry, vector=vector, photo=None)
