"""Everything a running service needs, opened from settings and closed together."""

from __future__ import annotations

import gc
import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import cast

from vlclip.engine.encoding.query_encoding import QueryEncoding
from vlclip.engine.errors import VlclipError
from vlclip.engine.machine import page_out
from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import is_url, open_store
from vlclip.engine.sqlite import is_damage
from vlclip.engine.store.cache.store import CachedStore
from vlclip.engine.store.store import Store
from vlclip.ingestion.errors import LedgerError
from vlclip.ingestion.ledger.ledger import Ledger, ledger_path
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.patches import ItemPatch, PatchResult
from vlclip.ingestion.stages.preparation import Preparation
from vlclip.ranking.history.guarded import LenientHistory
from vlclip.ranking.lists.recommender import Recommender
from vlclip.service.http.answers import WrittenShape
from vlclip.service.settings import Settings
from vlclip.service.shop.damage import StoreSample
from vlclip.service.shop.list_memory import ListMemory
from vlclip.service.shop.shoppers import Shoppers
from vlclip.service.shop.stages import WatchedEncoder, WatchedStore
from vlclip.service.shop.writing import Bodies, Writing

log = logging.getLogger("vlclip.api")
OLD_COLLECTIONS = 50
"""So many times younger objects are looked through for garbage before older ones are."""


class Shop:
    """Everything a running service needs, open until `close`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.version = version("vlclip")
        opened = open_store(settings.store, settings)
        self.store: Store = opened
        self._sample = StoreSample(opened)
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
            settings.search, LenientHistory(self.shoppers.history),
        )  # fmt: skip
        self.lists: ListMemory | None = None
        """Lists that need nothing but what the store remembers; None where it remembers nothing."""
        if isinstance(opened, CachedStore):
            self.lists = ListMemory(opened, self.shoppers, settings.search)
        self._ledger_damage = ""
        self.ledger = self._open_ledger()
        self.preparation = Preparation.of(settings, self.store.info.language)
        destination = Destination(self.store, self.ledger, self.store.info, self.encoders.load)
        self._writing = Writing(destination, settings, self.preparation)
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
        # a request leaves no cycles, and a collection of what is older takes the loop 10 ms under load
        gc.set_threshold(*gc.get_threshold()[:2], OLD_COLLECTIONS)
        if not is_url(self.settings.store):
            for journal in Path(self.settings.store).glob("*/wal"):  # all of it was read to open the store
                page_out(journal)
        self.is_ready = True
        self._sample.start()

    @property
    def damage(self) -> dict[str, str]:
        """What is damaged although the shop goes on: by part (store, history, exposures, ledger)."""
        parts = {"store": self._sample.damage, **self.shoppers.damage, "ledger": self._ledger_damage}
        return {part: says for part, says in parts.items() if says}

    def _open_ledger(self) -> Ledger:
        """The store's ledger; one in memory, for the time being, where its file is damaged."""
        try:
            return Ledger(ledger_path(self.settings))
        except LedgerError as error:
            if error.__cause__ is None or not is_damage(error.__cause__):
                raise
            self._ledger_damage = str(error)
            log.error("runs and failures are not recorded: %s", error)  # noqa: TRY400 - it says what to do
            return Ledger(None)

    def put(self, bodies: Bodies, *, replace: bool = False) -> list[WrittenShape]:
        """Write items through the pipeline's own stages; one outcome each, in order.

        Unless it is to `replace`, an item that would drop what the stored one has fails.
        """
        return self._writing.put(bodies, replace=replace)

    def patch(self, patches: Sequence[ItemPatch]) -> list[PatchResult]:
        """Change fields of stored items, flushed soon; it does not wait for items that are being prepared."""
        return self._writing.patch(patches)

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items; how many were there."""
        return self._writing.delete(ids)

    def close(self) -> None:
        """Flush and close the store, the ledger, the refiner, and what is kept of shoppers."""
        self._sample.close()
        self._writing.close()
        self.shoppers.close()
        self.preparation.close()
        self.ledger.close()
        self.store.close()
        gc.unfreeze()
        gc.set_threshold(*gc.get_threshold()[:2], 10)  # Python's own
