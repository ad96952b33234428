"""From settings to a recommender that answers."""

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

    Errors: `StoreNotFound` where there is no store, `StoreLocked` where another process has it open,
    `HistoryError` where the history cannot be used; `FingerprintMismatch` at the first search, where the
    settings name other encoders than those of the store.
    """
    with closing(open_store(settings.store, settings)) as store, closing(open_history(settings)) as history:
        yield Recommender(store, Encoders(settings, store.info).load, settings.search, history)
