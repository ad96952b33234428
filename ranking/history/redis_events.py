"""An event as Redis keeps it: its name, which is a hash, and its body, which is JSON.

Law (tests/ranking/history/test_redis.py): events of version 1, whose name is their id, are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import orjson

from vlclip.ranking.history.events import Event


def fields_of(event: Event) -> Iterator[str | bytes]:
    """What the script takes of an event."""
    unit = event.unit
    name = blake2b(f"{event.kind}\0{unit}\0{event.id}".encode(), digest_size=16).hexdigest()
    value = None if event.value is None else float(event.value)
    other_fields = [event.user, event.session, event.request_id, value, event.id]
    body = orjson.dumps([event.kind, event.item, float(event.time), *other_fields])
    yield from (name, event.id, repr(float(event.time)), unit, event.kind, event.request_id, body)


def read_event(name: bytes, body: bytes) -> Event:
    """The event of this name; one of version 1 is named by its id."""
    kind, item, moment, user, session, request_id, value, *more = orjson.loads(body)
    return Event(
        id=more[0] if more else name.decode(),
        kind=kind,
        item=item,
        time=moment,
        user=user,
        session=session,
        request_id=request_id,
        value=value,
    )
