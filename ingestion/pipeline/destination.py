"""Where an ingest writes: a store, the ledger beside it, and the encoder whose vectors it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from vlclip.engine.encoding.embedder import Embedder, embedder_info, load_embedder
from vlclip.engine.opening.encoders import current_lookups
from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.store import Store, StoreInfo, check_fingerprint
from vlclip.ingestion.ledger.ledger import Ledger, ledger_path
from vlclip.ingestion.settings import IngestionSettings


@dataclass(frozen=True, slots=True)
class Destination:
    """An open store with its ledger and encoder; whoever opened the store and the ledger closes them.

    `info` describes the encoder before it is loaded. `load` loads it, once, when the first item needs a
    vector.
    """

    store: Store
    ledger: Ledger
    info: StoreInfo
    load: Callable[[], Embedder]

    def check(self) -> None:
        """`FingerprintMismatch` if the store holds the vectors of another encoder."""
        check_fingerprint(self.store.info, self.info, "the store")


@contextmanager
def open_destination(settings: IngestionSettings, *, beside: bool = False) -> Iterator[Destination]:
    """The destination that the settings name; its store is made if it is not there.

    With `beside`, the encoder's own collection is opened or made next to the current one. Lookups of the
    current collection fill the further segments. Errors: those of `open_store` and `embedder_info`.
    """
    lookups = current_lookups(settings)
    info = embedder_info(settings, lookups)
    with (
        closing(open_store(settings.store, settings, info, beside=beside)) as store,
        closing(Ledger(ledger_path(settings))) as ledger,
    ):
        yield Destination(store, ledger, info, lambda: load_embedder(settings, lookups))
