"""What is said to SQLite: the tables, the statements, and advice on its errors."""

from __future__ import annotations

VERSION = 1
"""The version of the tables, in the file's `user_version`."""
SWEEP_S = 3600
"""Time between two removals of events older than the retention."""
BATCH = 5000
"""How many events are read, or deleted, at a time."""
MARKS = 500

COLUMNS = "id, unit, time, kind, item, session, request_id, value"
SCHEMA = (
    # `seq` is the order of arrival; the second half of the unit is the user, or else the session
    """CREATE TABLE IF NOT EXISTS events (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, unit TEXT NOT NULL, time REAL NOT NULL,
        kind TEXT NOT NULL, item TEXT NOT NULL, session TEXT NOT NULL, request_id TEXT NOT NULL, value REAL
    )""",
    "CREATE INDEX IF NOT EXISTS events_unit ON events (unit, time)",
    "CREATE INDEX IF NOT EXISTS events_request ON events (request_id) WHERE request_id <> ''",
    # holds all columns that `popular` reads
    "CREATE INDEX IF NOT EXISTS events_time ON events (time, kind, item)",
    f"PRAGMA user_version = {VERSION}",
)
WRITING = (
    "secure_delete=ON",
    # ids and units come in no order, so every batch touches pages everywhere: 32 MB of pages stay in memory
    # and are written back once for many batches
    "wal_autocheckpoint=8000",
    "cache_size=-32000",
)
STATE = "SELECT user_version, (SELECT count(*) FROM sqlite_master) FROM pragma_user_version"
ADD = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"  # noqa: S608 - only names
RECENT = f"SELECT {COLUMNS} FROM events WHERE unit = ? AND time < ? ORDER BY time DESC, seq DESC LIMIT ?"  # noqa: S608
PART = (
    f"SELECT {COLUMNS}, seq FROM events WHERE (unit, time, seq) > (?, ?, ?) AND time < ? "  # noqa: S608
    "ORDER BY unit, time, seq LIMIT ?"
)
UNITS = "SELECT DISTINCT unit FROM events WHERE unit > ? ORDER BY unit LIMIT ?"
EXPIRE = "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE time < ? LIMIT ?)"
ADVICE = {
    "SQLITE_FULL": "the disk has no room; free some, or keep less with history.retention_days",
    "SQLITE_BUSY": "another process has been writing to it for too long; wait, or end that process",
    "SQLITE_READONLY": "it may not be written; let this user write it and its folder",
    "SQLITE_CANTOPEN": "let this user write its folder, or name another file in history.url",
    "SQLITE_NOTADB": "it is no SQLite database; name another file in history.url",
    "SQLITE_CORRUPT": "it is damaged; put a backup in its place or move it away, and a new one is begun",
}
