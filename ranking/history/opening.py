"""Open the history that the settings name: a SQLite file, or a Redis or Valkey server."""

from __future__ import annotations

from pathlib import Path

from vlclip.engine.opening.stores import home
from vlclip.ranking.errors import HistoryError
from vlclip.ranking.history.history import BulkHistory
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.settings import RankingSettings

FILE = "history.sqlite"
"""The name of the file beside the vectors."""


def open_history(settings: RankingSettings) -> BulkHistory:
    """The history of this shop, created if it is missing. `HistoryError` if it cannot be used."""
    section = settings.history
    if "://" not in section.url:
        return SqliteHistory(history_path(settings), retention_days=section.retention_days)
    try:
        from vlclip.ranking.history.redis import RedisHistory  # noqa: PLC0415 - an extra that files do not need
    except ImportError:
        raise HistoryError(
            'history.url names a server, and its client is missing; pip install "vlclip[redis]"'
        ) from None
    return RedisHistory(section.url, section.prefix, retention_days=section.retention_days)


def history_path(settings: RankingSettings) -> Path | None:
    """The file of the history: `history.url`, or beside the vectors; None for a history in memory."""
    url = settings.history.url
    if (url or settings.store) == ":memory:":
        return None
    return Path(url) if url else home(settings) / FILE
