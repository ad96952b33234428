"""The log of a service: one line for each event, as JSON or for people, with the request's id.

Our lines and those of libraries go through one formatter. Nothing personal is in ours: no search text, no
user, no session, no key, and routes instead of paths, which hold ids.

Laws (tests/service/observing/test_logs.py):
- a line is one JSON object, whoever wrote it, and carries the id of the request it belongs to;
- of warnings and errors from one place there are at most `MOST` a minute; a line says how many were left out;
- an access line says which key asked, never the key, and nothing of what was asked or for whom.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections import Counter
from collections.abc import Callable
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
MOST, PERIOD_S = 10, 60.0
"""Lines from one place, and the seconds in which they are counted."""
PLACES = 1000
"""Places that are remembered; there are fewer that log."""
Place = tuple[str, str, int, type[BaseException] | None]
FORMATTERS = ("message", "asctime", "color_message")
"""What other formatters, and uvicorn for its own, leave on a record."""


class Repeats(logging.Filter):
    """Lets `MOST` lines a minute through from each place that logs, told apart by the error they carry.

    Whoever can make a library log, with each connection or request, could fill the disk otherwise. `clock`
    gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._began: dict[Place, float] = {}
        self._counts: Counter[Place] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written; the first one of a minute says how many were not in the last."""
        if record.levelno < logging.WARNING or record.name == log.name:
            return True
        error = record.exc_info[0] if isinstance(record.exc_info, tuple) else None
        place = record.name, record.pathname, record.lineno, error
        now = self._clock()
        if now - self._began.get(place, -math.inf) >= PERIOD_S:
            if (left_out := self._counts.pop(place, 0) - MOST) > 0:
                record.msg, record.args = (
                    f"{record.getMessage()} ({left_out:,} lines like it were left out)",
                    (),
                )
            if len(self._began) >= PLACES:
                self._began.clear()
                self._counts.clear()
            self._began[place] = now
        self._counts[place] += 1
        return self._counts[place] <= MOST


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
    handler.addFilter(Repeats())
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
