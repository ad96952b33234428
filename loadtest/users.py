"""The locust file: shoppers and the shape of the load, as the plan in the work folder says.

Only locust imports this module, in its own process: it monkey-patches the standard library.

If the pace is open, a request's time runs from when it was due: a request that had to wait for the one
before it is slow, not absent. Users are Poisson and not `constant_throughput`, because users that start
together would then ask together for ever.

Laws (tests/loadtest/test_users.py):
- every due request is recorded, also one that was never answered or sent because the server hung until the
  user had to leave;
- a connection that the server drops without an answer is an error, and no request is sent twice.
"""

from __future__ import annotations

import itertools
import math
import os
import time
from pathlib import Path
from typing import Any

import geventhttpclient.client
import orjson
from gevent import GreenletExit  # type: ignore[import-untyped]
from locust import FastHttpUser, LoadTestShape, task
from locust.runners import WorkerRunner

from vlclip.loadtest.plan import Soak, Steps
from vlclip.loadtest.record import Record, Recorder, probe_form, read_answer
from vlclip.loadtest.session import Session
from vlclip.loadtest.shapes import Search, level_at, users_for
from vlclip.loadtest.steps import Step, judge
from vlclip.loadtest.work import read_work

FOLDER = Path(os.environ["VLCLIP_LOADTEST"])
WORK = read_work(FOLDER)
PLAN = WORK.plan
RECORDER = Recorder(FOLDER)
NUMBERS = itertools.count()
PER_WORKER = 1_000_000
PAUSE_USERS = 1
SOON = 100
"""Users that start per second; locust warns about more."""
NO_ANSWER, NOT_SENT = "no answer before the user left", "not sent before the user left"

# where a connection is dropped it would ask again, up to eleven times, and hide that
geventhttpclient.client.IDEMPOTENT_METHODS = frozenset()


class Shopper(FastHttpUser):  # type: ignore[misc]  # locust is not looked into by mypy
    """A user of locust: asks, reads the answer, asks again."""

    network_timeout = connection_timeout = 60.0
    default_headers = WORK.headers
    asks = False
    until = math.inf
    """When the user had to leave, if that was during a request."""

    def on_start(self) -> None:
        """Wait as before a request, so that users do not all begin at once."""
        runner = self.environment.runner
        worker = runner.worker_index if isinstance(runner, WorkerRunner) else 0
        self.session = Session(PLAN, WORK.shop, WORK.name, worker * PER_WORKER + next(NUMBERS))
        self.due = time.time()
        time.sleep(self.wait_time())  # locust has made it give way to the others

    def wait_time(self) -> float:
        """Seconds until the next request."""
        now = time.time()
        if PLAN.pace.kind == "think":
            wait = self.session.wait_s()
            self.due = now + wait
            return wait
        self.due += self.session.gap_s()
        return max(0.0, self.due - now)

    def stop(self, *, force: bool = False) -> bool:
        """Leave after the current request, or at once if there is none."""
        if self.asks:
            self.until = time.time()
        return bool(super().stop(force=force))

    @task  # type: ignore[untyped-decorator]
    def step(self) -> None:
        """Send the next request; if the user has to leave meanwhile, record those that were due by then."""
        self.asks = True
        try:
            self._ask()
            # the queue of a step of a search for the knee is no load for the next step
            while not isinstance(PLAN.shape, Steps) and self._owes():
                self._ask()
        finally:  # there is no time for more
            while self._owes():
                ms = (self.until - self.due) * 1000
                RECORDER.write(Record(self.session.ask().endpoint, self.due, ms, ms, 0, NOT_SENT))
            self.asks = False

    def _owes(self) -> bool:
        """Whether one more request was due before the user had to leave; `due` is its time."""
        if PLAN.pace.kind == "think" or self.until == math.inf:
            return False
        self.due += self.session.gap_s()
        return self.due < self.until

    def _ask(self) -> None:
        """Send one request and record it."""
        ask = self.session.ask()
        sent = time.time()
        due = min(self.due, sent) if PLAN.pace.kind == "open" else sent
        late_ms = (sent - due) * 1000
        began = time.perf_counter()

        def write(status: int, error: str, **details: Any) -> None:
            ms = (time.perf_counter() - began) * 1000 + late_ms
            RECORDER.write(Record(ask.endpoint, due, ms, late_ms, status, error, **details))

        try:
            answer = self.client.request(
                ask.method, ask.path, name=ask.endpoint, data=ask.body, headers=dict(ask.headers)
            )
        except GreenletExit:
            if self.until < math.inf:  # else it began in the moment in which the user was sent away
                write(0, NO_ANSWER)
            raise
        failure = repr(getattr(answer, "error", "") or "")
        error, ids, request_id = read_answer(ask, answer.status_code, answer.content or b"", failure)
        event, probe = (None, None) if error else (ask.event, probe_form(ask, ids))
        write(answer.status_code, error, event=event, probe=probe)
        self.session.heard(ask, ids, request_id)


class Shape(LoadTestShape):  # type: ignore[misc]
    """The plan's shape. It writes its levels to `levels.jsonl` and the results of steps to `steps.jsonl`."""

    def __init__(self) -> None:
        super().__init__()
        shape = PLAN.shape
        self.search = Search.begin(shape) if isinstance(shape, Steps) else None
        self.began = self.rests_until = 0.0

    def tick(self) -> tuple[int, float] | None:
        """The number of users now; locust calls this about once a second."""
        level = self._level()
        _append("levels.jsonl", {"at": time.time(), "level": level, "users": self.get_current_user_count()})
        return None if level is None else (users_for(level, PLAN.pace) if level else PAUSE_USERS, SOON)

    def _level(self) -> float | None:
        shape, now = PLAN.shape, time.time()
        assert not isinstance(shape, Soak)  # noqa: S101  # its level was filled in before the run
        if not isinstance(shape, Steps):
            return level_at(shape, self.get_run_time())
        assert self.search is not None  # noqa: S101
        self.began = self.began or now
        if now < self.rests_until:
            return 0.0
        if self.rests_until:
            self.began, self.rests_until = now, 0.0
        if self.search.level is not None and now - self.began >= shape.settle_s + shape.seconds:
            step = judge(FOLDER, PLAN, self.search.level, self.began + shape.settle_s, now)
            _append("steps.jsonl", step.form())
            self._next(step, now)
        return 0.0 if self.rests_until else self.search.level

    def _next(self, step: Step, now: float) -> None:
        assert self.search is not None  # noqa: S101
        self.search = self.search.after(has_held=step.has_held)
        self.began = now
        if not step.has_held and self.search.level is not None:
            # its queue has to drain, and users who are late have to go
            self.rests_until = now + max(1.0, self.search.steps.settle_s)


def _append(name: str, form: dict[str, Any]) -> None:
    with (FOLDER / name).open("ab") as file:
        file.write(orjson.dumps(form) + b"\n")
