"""A run put together: what is counted, and what is said of a server that ended. Nothing is asked here."""

from __future__ import annotations

import contextlib
import functools
import socket
from pathlib import Path

import httpx2
import orjson
import pytest

from tests.loadtest.conftest import record
from vlclip.loadtest import run as running
from vlclip.loadtest.errors import NotReached
from vlclip.loadtest.probe import Probed
from vlclip.loadtest.record import Recorder
from vlclip.loadtest.run import Options, run, serve_and_run
from vlclip.loadtest.session import Shop


class Ended:
    """A server: the status that it has when the load is over, and when it was told to stop."""

    url = "http://127.0.0.1:9"

    def __init__(self, ended, stopped):
        self.ended, self._stopped = ended, stopped

    def stop(self):
        return self._stopped


@pytest.fixture
def loaded(monkeypatch):
    """Runs of five seconds in which these requests are made, instead of what locust would."""

    def make(*records):
        def locust(_, work, *__):
            for at in range(6):
                with (work / "levels.jsonl").open("ab") as file:
                    file.write(orjson.dumps({"at": float(at), "level": 2.0, "users": 2}) + b"\n")
            for line in records:
                Recorder(work).write(line)

        monkeypatch.setattr(running, "learn", lambda *_: Shop([], {}))
        monkeypatch.setattr(running, "_locust", locust)
        monkeypatch.setattr(running, "probe", lambda *_, **__: Probed({}, {}))

    return make


def test_errors_are_counted_by_what_they_say_where_the_figures_count_them(loaded, read):
    warming = [record(at=n / 10, status=503) for n in range(20)]  # in the first two seconds, `warm_s`
    loaded(*warming, record(at=2.0, status=500), *(record(at=2 + n / 10) for n in range(30)))
    report = run(read(), "http://127.0.0.1:9", Options())
    assert report.figures["all"].errors == 1
    assert report.reasons == {"similar: status 500": 1}


@pytest.mark.parametrize(
    ("ended", "stopped", "misses"),
    [
        (None, 0, []),
        (None, 3, ["the server ended with status 3, not 0"]),
        (-9, -9, ["the server ended during the run, with status -9; its last words are in server.log"]),
        (0, 0, ["the server ended during the run, with status 0; its last words are in server.log"]),
    ],
)
def test_a_server_that_ended_is_a_miss_of_a_run_that_is_reported(
    loaded, read, monkeypatch, ended, stopped, misses
):
    loaded(*(record(at=2 + n / 10) for n in range(30)))
    monkeypatch.setattr(running, "serving", lambda *_: contextlib.nullcontext(Ended(ended, stopped)))
    monkeypatch.setattr(running, "run", lambda plan, host, options, _: run(plan, host, options))
    report = serve_and_run(read(), "store", Options(), Path("server.log"))
    assert report.misses == misses
    assert report.figures["all"].requests == 30


def test_whether_events_may_be_read_back_is_found_before_the_load(loaded, read, monkeypatch):
    loaded()
    monkeypatch.setattr(running, "_locust", lambda *_: pytest.fail("it was loaded"))
    answers = httpx2.MockTransport(lambda _: httpx2.Response(403))
    client = functools.partial(httpx2.Client, transport=answers)
    monkeypatch.setattr(running.httpx2, "Client", client)
    with pytest.raises(NotReached, match=r"back a user's events: status 403; .* --term-under-load write"):
        run(read(), "http://shop", Options(term_under_load=True))


def test_a_taken_port_of_locusts_page_is_found_before_the_load(read, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(running, "WEB_PORT", listener.getsockname()[1])
        with pytest.raises(NotReached, match="of locust's own page, is taken; end what listens there"):
            run(read(), "http://127.0.0.1:9", Options(web=True))
