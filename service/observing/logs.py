"""The log of a service: one line for each event, as JSON or for people, with the request's id.

Our lines and those of libraries go through one formatter. Nothing personal is in ours: no search text, no
user, no session, no key, and routes instead of paths, which hold ids.

Laws (tests/service/observing/test_logs.py):
- a line is one JSON object, whoever wrote it, and carries the id of the request it belongs to;
- an access line says which key asked, never the key, and nothing of what was asked or for whom.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from vlclip.service.access.request_id import request_id
from vlclip.service.observing.middleware import ServedRequest
from vlclip.service.settings import Log

log = logging.getLogger("vlclip.access")
OURS = "vlclip"
"""The logger above all of ours."""
FORMATTERS = ("message", "asctime", "color_message")
"""What other formatters, and uvicorn for its own, leave on a record."""


def formatter(settings: Log, *, colors: bool = False) -> logging.Formatter:
    """The one formatter of all lines."""
    every: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _with_request_id,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    renderers: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if settings.format == "json":
        # a stack as text: as data it would hold the values of variables, which may be personal
        renderers += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumps)]
    else:
        renderers += [
            structlog.dev.ConsoleRenderer(
                colors=colors, timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
            )
        ]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=every, processors=renderers)


def set_up(settings: Log, stream: TextIO | None = None) -> None:
    """Let this process write its lines to `stream`, stderr unless given."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(settings, colors=stream.isatty()))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger(OURS).setLevel(settings.level.upper())


def log_access(served: ServedRequest) -> None:
    """One line for a request."""
    fields = {
        "method": served.method, "route": served.route, "status": served.status,
        "ms": round(served.seconds * 1000, 2), "request_id": served.request_id,
    }  # fmt: skip
    if served.caller:
        fields["caller"] = served.caller
    if (listing := served.served_list) is not None:
        fields |= {"list": listing.kind, "arm": listing.arm, "strategy": listing.strategy}
    log.info("request", extra=fields)


def _with_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name in FORMATTERS:
        event.pop(name, None)
    event.setdefault("request_id", request_id())
    return event


def _dumps(event: EventDict, **_: object) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
