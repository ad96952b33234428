"""Whether somebody still waits for an answer."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request

from vlclip.service.http.presence import has_left

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


def receiver(messages):
    """What a server tells: `messages`, then nothing ever."""
    waiting, closed = list(messages), []

    async def receive():
        try:
            if not waiting:
                await asyncio.get_running_loop().create_future()
            return {"type": waiting.pop(0)}
        finally:
            closed.append(True)

    return receive, closed


@pytest.mark.parametrize("messages", [[], ["http.request"], ["http.disconnect"], ["http.request"] * 2])
def test_it_says_what_starlette_says_and_leaves_nothing_waiting(messages):
    async def look():
        ours, closed = receiver(messages)
        theirs = Request(SCOPE, receiver(messages)[0])
        for place in range(3):
            assert has_left(ours) == await theirs.is_disconnected() or theirs._is_disconnected
            assert len(closed) == place + 1

    asyncio.run(look())
