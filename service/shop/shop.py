"""Everything a running service needs, opened from settings and closed together."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Sequence
from importlib.metadata import version
from typing import cast

from vlclip.engine.encoding.query_encoding import QueryEncoding
from vlclip.engine.errors import VlclipError
from vlclip.engine.item import Item
from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.store import Store
from vlclip.ingestion.ledger.ledger import Ledger, ledger_path
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.items import delete_items, dropped, ingest_items
from vlclip.ingestion.pipeline.patches import ItemPatch, PatchResult, patch_items
from vlclip.ingestion.stages.preparation import Preparation
from vlclip.ranking.lists.recommender import Recommender
from vlclip.service.http.answers import WrittenShape
from vlclip.service.http.requests import ItemBody
from vlclip.service.settings import Settings
from vlclip.service.shop.late_flush import LateFlush
from vlclip.service.shop.shoppers import Shoppers
from vlclip.service.shop.stages import WatchedEncoder, WatchedStore

log = logging.getLogger("vlclip.api")
DROPS = (
    "the stored item has what this one lacks, and would lose it: {}; send that as well, change single fields "
    "with PATCH, or say ?replace=true"
)


class Shop:
    """Everything a running service needs, open until `close`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.version = version("vlclip")
        self.store: Store = open_store(settings.store, settings)
        self.encoders = Encoders(settings, self.store.info, settings.search.query_threads)
        try:
            self.shoppers = Shoppers(settings)
        except BaseException:
            self.store.close()
            raise
        self.queries = QueryEncoding(
            self.encoders.load,
            cached=settings.search.query_cache,
            wait_s=settings.search.query_wait_ms / 1000,
        )
        self.watched = WatchedStore(self.store)
        self.recommender = Recommender(
            cast("Store", self.watched), lambda: WatchedEncoder(self.queries),
            settings.search, self.shoppers.history,
        )  # fmt: skip
        self.ledger = Ledger(ledger_path(settings))
        self.preparation = Preparation.of(settings, self.store.info.language)
        self._writing = threading.Lock()
        self._flush = LateFlush(self.store)
        self.is_ready = False
        self.why_not_ready = "the models are being loaded; ask again in a moment"

    def warm(self) -> None:
        """Load the encoder and make one search, so that the first user waits for neither.

        If that fails, `why_not_ready` and the log say why; it may be called again.
        """
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
        # PyTorch creates 700,000 objects that stay. Every half a minute a full garbage collection would go
        # through them, and for a third of a second nobody would be answered.
        gc.collect()
        gc.freeze()
        self.is_ready = True

    def put(self, bodies: Sequence[tuple[str, ItemBody]], *, replace: bool = False) -> list[WrittenShape]:
        """Write items through the pipeline's own stages; one outcome each, in order.

        Unless it is to `replace`, an item that would drop what the stored one has fails.
        """
        results: dict[int, WrittenShape] = {}
        items: list[Item] = []
        with self._writing:
            stored = {} if replace else self.store.retrieve([item_id for item_id, _ in bodies])
            for place, (item_id, body) in enumerate(bodies):
                try:
                    item = body.item(item_id)
                except VlclipError as error:
                    results[place] = WrittenShape(id=item_id, status="failed", reason=str(error))
                    continue
                record = stored.get(item_id)
                if record is not None and (drops := dropped(item, body.names, record)):
                    reason = DROPS.format(", ".join(drops))
                    results[place] = WrittenShape(id=item_id, status="failed", reason=reason, drops=drops)
                    continue
                items.append(item)
            written = ingest_items(
                items,
                Destination(self.store, self.ledger, self.store.info, self.encoders.load),
                self.settings,
                preparation=self.preparation,
            )
        outcomes = iter(written)
        for place in range(len(bodies)):
            if place not in results:
                outcome = next(outcomes)
                reason = outcome.reason or bodies[place][1].shortened
                results[place] = WrittenShape(id=outcome.id, status=outcome.status, reason=reason)
        return [results[place] for place in range(len(bodies))]

    def patch(self, patches: Sequence[ItemPatch]) -> list[PatchResult]:
        """Change fields of stored items, flushed soon; it does not wait for items that are being encoded."""
        results = patch_items(patches, self.store)
        if any(result.status == "patched" for result in results):
            self._flush.soon()
        return results

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items; how many were there."""
        with self._writing:
            return delete_items(ids, self.store, self.ledger)

    def close(self) -> None:
        """Flush and close the store, the ledger, the refiner, and what is kept of shoppers."""
        self._flush.close()
        self.shoppers.close()
        self.preparation.close()
        self.ledger.close()
        self.store.close()
        gc.unfreeze()
