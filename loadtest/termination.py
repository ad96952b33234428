"""A server that is stopped under load: it answers what it accepted, and keeps the events.

Laws (tests/loadtest/test_termination.py):
- a request in flight at the signal that gets no answer is lost; a request after the signal is refused;
- an accepted event that the restarted server does not know is missing.

A request counts as accepted if it was sent at least `GRACE_S` before the signal: by then the server has
begun to read it. Later requests may be refused, since no client can tell whether they were read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import httpx2

from vlclip.loadtest.errors import NotReached
from vlclip.loadtest.record import Record
from vlclip.loadtest.work import why

GRACE_S = 0.25
MOST_EVENTS = 1000
"""Newest events of a user that can be read back."""


@dataclass(frozen=True, slots=True)
class Termination:
    """The result of a run whose server got the signal to stop at `at` (seconds since 1970).

    `in_flight` requests were accepted and not answered yet, and `lost` of them never were; `refused` came too
    late. `events` were answered with 202, and `missing` of them are gone after a restart.
    """

    at: float
    exit_status: int
    in_flight: int
    lost: int
    refused: int
    events: int
    missing: int

    @property
    def misses(self) -> list[str]:
        """What went wrong, in sentences."""
        sentences = []
        if self.exit_status:
            sentences.append(f"the server ended with status {self.exit_status}, not 0")
        if self.lost:
            sentences.append(
                f"{self.lost} of {self.in_flight} requests in flight at SIGTERM were not answered"
            )
        if self.missing:
            sentences.append(f"{self.missing} of {self.events} accepted events are not there after a restart")
        return sentences


def judge_termination(
    records: Sequence[Record], at: float, exit_status: int, http: httpx2.Client
) -> Termination:
    """The termination at `at`; `http` asks the server that was started again."""
    in_flight = [record for record in records if record.sent_at < at - GRACE_S and record.answered_at > at]
    events: dict[str, set[str]] = {}
    for record in records:
        if record.event:
            events.setdefault(record.event[0], set()).add(record.event[1])
    missing = sum(len(ids - events_of(user, http)) for user, ids in events.items())
    return Termination(
        at,
        exit_status,
        len(in_flight),
        sum(not record.status for record in in_flight),
        sum(not record.status for record in records if record.answered_at > at)
        - sum(not record.status for record in in_flight),
        sum(map(len, events.values())),
        missing,
    )


def events_of(user: str, http: httpx2.Client) -> set[str]:
    """Ids of a user's newest events; `NotReached` if the service does not return them."""
    try:
        answer = http.get(f"/v1/users/{user}/events", params={"limit": MOST_EVENTS}).raise_for_status()
    except httpx2.HTTPError as error:
        raise NotReached(f"{http.base_url} does not give back a user's events: {why(error)}") from error
    return {event["id"] for event in answer.json()["events"]}
