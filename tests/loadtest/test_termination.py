"""What a server owes that was stopped under load."""

from __future__ import annotations

import httpx2

from tests.loadtest.conftest import record
from vlclip.loadtest.termination import judge_termination

STORED_EVENTS = {"anna": ["e1", "e2"], "ben": ["e3"]}


def shop(request: httpx2.Request) -> httpx2.Response:
    user = request.url.path.split("/")[3]
    return httpx2.Response(200, json={"events": [{"id": event} for event in STORED_EVENTS.get(user, [])]})


def at_ten(*records, exit_status=0):
    with httpx2.Client(transport=httpx2.MockTransport(shop), base_url="http://shop") as http:
        return judge_termination(records, 10.0, exit_status, http)


def test_what_was_in_flight_has_to_be_answered_and_what_came_later_not():
    termination = at_ten(
        record(at=1.0),  # answered long before
        record(at=9.0, ms=2000.0),  # in flight, answered
        record(at=9.5, ms=1000.0, status=503),  # an answer too
        record(at=9.0, ms=1500.0, status=0, error="no answer: reset"),
        record(at=9.9, ms=200.0, status=0, error="no answer: reset"),  # too close to be sure
        record(at=10.5, ms=1.0, status=0, error="no answer: refused"),
    )
    assert (termination.in_flight, termination.lost, termination.refused) == (3, 1, 2)
    assert termination.misses == ["1 of 3 requests in flight at SIGTERM were not answered"]


def test_a_request_that_was_sent_late_was_not_in_flight_before():
    assert at_ten(record(at=5.0, ms=6000.0, late_ms=4900.0, status=0, error="no answer")).in_flight == 0


def test_accepted_events_have_to_be_there_afterwards():
    accepted = [("anna", "e1"), ("anna", "e2"), ("ben", "e3"), ("ben", "e4"), ("cleo", "e5")]
    termination = at_ten(*(record("events", at=1.0, status=202, event=event) for event in accepted))
    assert (termination.events, termination.missing) == (5, 2)
    assert termination.misses == ["2 of 5 accepted events are not there after a restart"]


def test_a_bad_end_is_named_and_a_good_one_has_nothing_to_say():
    assert at_ten(record(at=1.0), exit_status=-9).misses == ["the server ended with status -9, not 0"]
    assert at_ten(record(at=1.0)).misses == []
