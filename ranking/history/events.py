"""Events: what people did with items, as a shop sends them.

Laws (tests/ranking/history/test_events.py):
- an event belongs to exactly one unit: its user, or its session if nobody is logged in;
- an event that breaks a rule is refused with a message that names the field.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from vlclip.ranking.errors import BadEvent
from vlclip.ranking.history.event_kinds import EVENT_KINDS, Kind, unknown_kind

MAX_ID = 512
"""The most characters of an id, a user, a session, an item or a request."""
AHEAD_S = 86_400
"""How far a time may lie in the future where events come in: clocks and zones differ."""
_NO_TEXT = re.compile("[\x00-\x1f\ud800-\udfff]")
"""Control characters and lone surrogates, which no store can write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Someone did something with an item; `time` is in seconds since 1970, UTC.

    `id` is the shop's own: the same id is the same event, however often it is sent. There is a `user`, a
    `session`, or both. `request_id` is that of the list the item was taken from, if any. `value` is the value
    of a purchase, in the shop's currency.
    """

    id: str
    kind: Kind
    item: str
    time: float
    user: str = ""
    session: str = ""
    request_id: str = ""
    value: float | None = None

    def __post_init__(self) -> None:
        # a list reads hundreds of events, so all names are checked together, and singly only if one is wrong
        names = f"{self.id}{self.item}{self.user}{self.session}{self.request_id}"
        if len(names) > MAX_ID or _NO_TEXT.search(names):
            self._check_names()
        if not self.id or not self.item:
            raise BadEvent("an event needs an id and an item")
        if self.kind not in EVENT_KINDS:
            raise BadEvent(unknown_kind(self.kind))
        if not self.user and not self.session:
            raise BadEvent("an event needs a user or a session")
        if not math.isfinite(self.time) or not 0 <= self.time < 1e11:
            raise BadEvent("time must be in seconds since 1970, UTC")
        if self.value is not None and not math.isfinite(self.value):
            raise BadEvent("value must be a number")

    def _check_names(self) -> None:
        for name in ("id", "item", "user", "session", "request_id"):
            text = getattr(self, name)
            if len(text) > MAX_ID or _NO_TEXT.search(text):
                raise BadEvent(f"{name} has over {MAX_ID} characters or control characters in it; mend it")

    @property
    def unit(self) -> str:
        """The unit whose history it is part of."""
        return unit_of(self.user, self.session)


def has_bad_name(names: Sequence[str]) -> bool:
    """Whether one of many names is too long to be stored, or holds what no store can write."""
    if not names or max(map(len, names)) > MAX_ID:
        return bool(names)
    text = "".join(names)
    return (
        not text.isprintable() and _NO_TEXT.search(text) is not None
    )  # the first alone is ten times as fast


def unit_of(user: str = "", session: str = "") -> str:
    """The unit, `user:…` or `session:…`, "" for nobody; histories and arms go by units."""
    return f"user:{user}" if user else f"session:{session}" if session else ""
