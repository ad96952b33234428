"""What is said to SQLite: the tables, the statements, and advice on its errors."""

from __future__ import annotations

VERSION = 2
"""The version of the tables, in the file's `user_version`."""
SWEEP_S = 3600
"""Time between two removals of events older than the retention."""
BATCH = 5000
"""How many events are read, or deleted, at a time."""
MARKS = 500

COLUMNS = "id, unit, time, kind, item, session, request_id, value"


def _table(name: str) -> str:
    """The table of events; `seq` is the order of arrival, `unit` is the user, or else the session.

    An id comes first in what is unique, as ids of a log come nearly in order.
    """
    return f"""CREATE TABLE IF NOT EXISTS {name} (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL, unit TEXT NOT NULL, time REAL NOT NULL,
        kind TEXT NOT NULL, item TEXT NOT NULL, session TEXT NOT NULL, request_id TEXT NOT NULL, value REAL,
        UNIQUE (id, unit, kind)
    )"""


_OTHERS = (
    "CREATE INDEX IF NOT EXISTS events_unit ON events (unit, time)",
    "CREATE INDEX IF NOT EXISTS events_request ON events (request_id) WHERE request_id <> ''",
    # holds all columns that `popular` reads
    "CREATE INDEX IF NOT EXISTS events_time ON events (time, kind, item)",
    # the time that retention goes by (clock.py)
    "CREATE TABLE IF NOT EXISTS clock (row INTEGER PRIMARY KEY CHECK (row = 1), trusted REAL NOT NULL)",
    f"PRAGMA user_version = {VERSION}",
)
SCHEMA = (_table("events"), *_OTHERS)
FROM_1 = (
    # an id was unique in the whole file
    _table("events_of_2"),
    f"INSERT INTO events_of_2 (seq, {COLUMNS}) SELECT seq, {COLUMNS} FROM events ORDER BY seq",  # noqa: S608
    "DROP TABLE events",
    "ALTER TABLE events_of_2 RENAME TO events",
    *_OTHERS,
)
"""What brings a file of version 1 up to date."""
WRITING = (
    "secure_delete=ON",
    # what was committed is on disk, also after a power cut: each commit syncs the log
    "synchronous=FULL",
    # ids and units come in no order, so every batch touches pages everywhere: 32 MB of pages stay in memory
    # and are written back once for many batches
    "wal_autocheckpoint=8000",
    "cache_size=-32000",
)
STATE = "SELECT user_version, (SELECT count(*) FROM sqlite_master) FROM pragma_user_version"
ADD = (
    f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, unit, kind) DO NOTHING"  # noqa: S608 - only names
)
RECENT = f"SELECT {COLUMNS} FROM events WHERE unit = ? AND time < ? ORDER BY time DESC, seq DESC LIMIT ?"  # noqa: S608
PART = (
    f"SELECT {COLUMNS}, seq FROM events WHERE (unit, time, seq) > (?, ?, ?) AND time < ? "  # noqa: S608
    "ORDER BY unit, time, seq LIMIT ?"
)
UNITS = "SELECT DISTINCT unit FROM events WHERE unit > ? ORDER BY unit LIMIT ?"
EXPIRE = "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE time < ? LIMIT ?)"
COUNT_AFTER = "SELECT count(*) FROM events WHERE time > ?"
REMOVE_AFTER = "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE time > ? LIMIT ?)"
LOAD_CLOCK = "SELECT trusted FROM clock"
NEWEST = "SELECT max(time) FROM events WHERE time <= ?"
SAVE_CLOCK = "INSERT OR REPLACE INTO clock (row, trusted) VALUES (1, ?)"
ADVICE = {
    "SQLITE_FULL": "the disk has no room; free some, or keep less with history.retention_days",
    "SQLITE_BUSY": "another process has been writing to it for too long; wait, or end that process",
    "SQLITE_READONLY": "it may not be written; let this user write it and its folder",
    "SQLITE_CANTOPEN": "let this user write its folder, or name another file in history.url",
    "SQLITE_NOTADB": "it is no SQLite database; name another file in history.url",
    "SQLITE_CORRUPT": "it is damaged; put a backup in its place or move it away, and a new one is begun",
}
