"""Whether somebody still waits for an answer.

Law (tests/service/http/test_presence.py): looking waits for nothing, and says no more than what has come.
"""

from __future__ import annotations

from starlette.types import Receive


def has_left(receive: Receive) -> bool:
    """Whether the caller has hung up, or was answered by somebody else.

    What Starlette's `is_disconnected` says. That one cancels its look by anyio, which takes as long as all
    rules of access together.
    """
    looking = receive()
    try:
        looking.send(None)  # type: ignore[attr-defined]  # a coroutine in every server
    except StopIteration as answer:
        return bool(answer.value["type"] == "http.disconnect")
    looking.close()  # type: ignore[attr-defined]
    return False
