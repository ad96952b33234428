"""From settings to working parts: which store, which encoder, which pipeline.

A store remembers the encoders that made its vectors, so questions need no model setting: the same
encoders are loaded again by name, and refused if they are no longer the same (fingerprint).
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import cast

from engine.embedder import SegmentEmbedder, embedder_info, load_embedder
from engine.errors import VlclipError
from engine.item import Item
from engine.lookup import Lookup, load_lookups
from engine.query_encoding import QueryEncoding
from engine.settings import Settings
from engine.store.opening import home, open_store, shelf
from engine.store.store import Store, StoreInfo, check_fingerprint
from ingestion.ledger import Ledger
from ingestion.pipeline import delete_items, ingest_items
from ingestion.preparation import Preparation
from ranking.recommender import Recommender
from service.schemas import ItemBody, WrittenShape
from service.shoppers import Shoppers
from service.stages import WatchedEncoder, WatchedStore

log = logging.getLogger("vlclip.api")


def ledger_path(settings: Settings) -> Path:
    """Beside the vectors of an embedded store; for a server in the working folder, by collection."""
    return home(settings) / "ledger.sqlite"


def lookup_folder(settings: Settings) -> Path:
    """Where the vectors that segments are looked up in lie, a folder each."""
    return home(settings) / "lookups"


def current_lookups(settings: Settings) -> dict[str, Lookup]:
    """What fills the looked-up segments of the store as it is now: a further ingest fills them as well."""
    with closing(shelf(settings.store, settings)) as place:
        name = place.current()
        info = place.info(name) if name is not None else None
    return load_lookups(info, lookup_folder(settings)) if info is not None else {}


class Encoders:
    """The encoder of a store, loaded once, at the first question that needs it."""

    def __init__(self, settings: Settings, info: StoreInfo) -> None:
        chosen = settings.model_fields_set
        self.settings = settings.model_copy(
            update={
                "clip": settings.clip if "clip" in chosen else info.encoders["image"],
                "text_encoder": (
                    settings.text_encoder if "text_encoder" in chosen else info.encoders["text"]
                ),
            }
        )
        self._info = info
        self._lookups = load_lookups(info, lookup_folder(settings))
        self._loaded: SegmentEmbedder | None = None
        self._loading = threading.Lock()
        self._asked: SegmentEmbedder | None = None
        self._exporting = threading.Lock()
        self.query_runtime = ""

    def check(self) -> None:
        """`FingerprintMismatch` if the encoders are not those that made the store's vectors."""
        found = embedder_info(self.settings, self._lookups)
        check_fingerprint(self._info, found, self.settings.store)

    def load(self) -> SegmentEmbedder:
        """The embedder, checked against the store."""
        with self._loading:
            if self._loaded is None:
                self.check()
                self._loaded = load_embedder(self.settings, self._lookups)
            return self._loaded

    def load_for_queries(self) -> SegmentEmbedder:
        """The same, whose questions are encoded as `search.query_runtime` says; items never are."""
        embedder, search = self.load(), self.settings.search
        with self._exporting:
            if self._asked is None:
                from engine.onnx_tower import OnnxTower, text_encoder  # noqa: PLC0415 - it loads torch

                encoder = text_encoder(embedder.clip, search.query_runtime, search.query_threads)
                self._asked = embedder.asked_through(encoder)
                self.query_runtime = "onnx" if isinstance(encoder, OnnxTower) else "torch"
            return self._asked


class Shop:
    """Everything a running service needs, open until `close`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.version = version("vlclip")
        self.store: Store = open_store(settings.store, settings)
        self.encoders = Encoders(settings, self.store.info)
        try:
            self.shoppers = Shoppers(settings)
        except BaseException:
            self.store.close()
            raise
        self.queries = QueryEncoding(
            self.encoders.load_for_queries,
            kept=settings.search.query_cache,
            wait_s=settings.search.query_wait_ms / 1000,
        )
        self.watched = WatchedStore(self.store)
        self.recommender = Recommender(
            cast("Store", self.watched), lambda: WatchedEncoder(self.queries),
            settings.search, self.shoppers.history,
        )  # fmt: skip
        self.ledger = Ledger(ledger_path(settings))
        self.preparation = Preparation.of(settings)
        self._writing = threading.Lock()
        self.is_ready = False
        self.why_not_ready = "the models are being loaded; ask again in a moment"

    def warm(self) -> None:
        """Load the encoder and answer one question, so that the first user waits for neither.

        Where it cannot, `why_not_ready` and the log say why; it may be called again.
        """
        import torch  # noqa: PLC0415 - loading it takes seconds

        # all cores for one batch would have each of its steps wait for a core that answers somebody else
        torch.set_num_threads(self.settings.search.query_threads)
        try:
            self.recommender.search("warm up")
        except VlclipError as error:
            self.why_not_ready = str(error)
            log.error("not ready, tried again: %s", error)  # noqa: TRY400 - it says what to do
            return
        except Exception as error:
            self.why_not_ready = (
                f"warming up ended in {type(error).__name__} ({error}) and is tried again; the log says where"
            )
            log.exception("not ready, tried again")
            return
        # PyTorch brings 700,000 objects that stay. Each full collection of garbage, every half a minute,
        # would go through them for a third of a second in which nobody is answered.
        gc.collect()
        gc.freeze()
        self.is_ready = True

    def put(self, bodies: Sequence[tuple[str, ItemBody]]) -> list[WrittenShape]:
        """Write items through the pipeline's own stages; one outcome each, in order."""
        results: dict[int, WrittenShape] = {}
        items: list[Item] = []
        for place, (item_id, body) in enumerate(bodies):
            try:
                items.append(body.item(item_id))
            except VlclipError as error:
                results[place] = WrittenShape(id=item_id, status="failed", reason=str(error))
        with self._writing:
            written = ingest_items(
                items,
                self.store,
                self.store.info,
                self.encoders.load,
                self.ledger,
                self.settings,
                preparation=self.preparation,
            )
        done = iter(written)
        for place in range(len(bodies)):
            if place not in results:
                one = next(done)
                results[place] = WrittenShape(id=one.id, status=one.status, reason=one.reason)
        return [results[place] for place in range(len(bodies))]

    def delete(self, item_id: str) -> bool:
        """Remove one item; whether it was there."""
        with self._writing:
            return delete_items([item_id], self.store, self.ledger) == 1

    def close(self) -> None:
        """Flush and close the store, the ledger, the refiner, and what is kept of shoppers."""
        self.shoppers.close()
        self.preparation.close()
        self.ledger.close()
        self.store.close()
        gc.unfreeze()
