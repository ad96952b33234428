"""Headers that every answer carries, so that no browser takes one for more than it is.

Law (tests/service/access/test_headers.py):
- whatever answers, a route, an error or another middleware, a browser runs nothing of it, shows it in no
  frame, guesses no type and sends its address to nobody; a page sets its own, wider ones.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CLOSED = {
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class ClosedAnswers:
    """Adds the headers of `CLOSED` where an answer has none of that name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_closed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in CLOSED.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_closed)
