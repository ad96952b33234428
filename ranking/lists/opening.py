"""Opens the recommender that the settings describe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.history.opening import open_history
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import RankingSettings


@contextmanager
def open_recommender(settings: RankingSettings) -> Iterator[Recommender]:
    """A recommender over the store and the history that the settings name; closed with the `with` block.

    Errors: `StoreNotFound` if there is no store, `StoreLocked` if another process has it open, `HistoryError`
    if the history cannot be used; at the first search `FingerprintMismatch`, if the settings name other
    encoders than the store's.
    """
    with closing(open_store(settings.store, settings)) as store, closing(open_history(settings)) as history:
        yield Recommender(store, Encoders(settings, store.info).load, settings.search, history)
