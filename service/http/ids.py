"""Ids that nothing else has: 128 random bits in hexadecimal.

The system is asked for the bits of many ids at once; to ask for each takes longer than all else about an id.

Law (tests/service/http/test_ids.py): no two are the same, in several threads and after a fork.
"""

from __future__ import annotations

import os

SIZE, AT_ONCE = 16, 256
_ready: list[str] = []


def new_id() -> str:
    """A new id; safe to use from several threads."""
    try:
        return _ready.pop()
    except IndexError:
        bits = os.urandom(SIZE * AT_ONCE).hex()
        _ready.extend(bits[at : at + 2 * SIZE] for at in range(2 * SIZE, len(bits), 2 * SIZE))
        return bits[: 2 * SIZE]


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_ready.clear)
