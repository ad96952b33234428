"""The events of many callers written together: each caller waits until its own are on disk.

A commit that is safe from a power cut waits for the disk, some milliseconds. All that comes meanwhile shares
the next one, so that thousands of callers a second wait for tens of commits.

Laws (tests/ranking/history/test_group_commit.py):
- events whose future has a result are in the history, whatever happens to the process;
- of events whose future has an error, none of that group is there, or the sender may send them again;
- a group that cannot be written fails alone; where the history fails, all groups of that moment fail;
- `close` writes all waiting groups; nothing can be submitted afterwards.
"""

from __future__ import annotations

import atexit
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from vlclip.ranking.errors import HistoryError
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.history import Added, BulkHistory

BATCH = 4000
"""The most events of one commit, unless one group alone has more."""
CAPACITY = 10_000
"""The most events that wait."""
IDLE_S = 60.0
"""Seconds without an event after which the clock is looked at (`clock.py`), so that no pause is a leap."""


@dataclass(eq=False, slots=True)
class _Group:
    events: Sequence[Event]
    future: Future[Added] = field(default_factory=Future)


class GroupCommit:
    """One thread that writes all groups that wait in one transaction of `history`, then tells each."""

    def __init__(self, history: BulkHistory, *, capacity: int = CAPACITY, batch: int = BATCH) -> None:
        self._history, self._capacity = history, capacity
        self._batch = min(batch, history.largest_batch)
        self._groups: deque[_Group] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._waiting = self._written = self._failed = 0
        self._submitted = self._settled = 0
        self._clock_warning = ""
        # a daemon, so that a process that forgets to close it can end; atexit closes it
        self._thread = threading.Thread(target=self._run, name="events-writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def written(self) -> int:
        """The number of events that were taken: new, repeated, or older than the retention."""
        return self._written

    @property
    def failed(self) -> int:
        """The number of events that could not be written; their senders know."""
        return self._failed

    @property
    def waiting(self) -> int:
        """The number of events that wait."""
        return self._waiting

    @property
    def clock_warning(self) -> str:
        """What the history said of the machine's clock when it was last looked at."""
        return self._clock_warning

    def submit(self, events: Sequence[Event]) -> Future[Added] | None:
        """Take a group; its future ends when it is on disk, or cannot be. None where there is no room."""
        group = _Group(events)
        with self._changed:
            if self._closed or self._waiting + len(events) > self._capacity:
                return None
            self._waiting += len(events)
            self._submitted += 1
            self._groups.append(group)
            self._changed.notify_all()
        return group.future

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until all groups taken before are settled; False if `timeout_s` is over first."""
        with self._changed:
            goal = self._submitted
            return self._changed.wait_for(lambda: self._settled >= goal, timeout_s)

    def close(self) -> None:
        """Write all waiting groups, then stop; safe to call twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        atexit.unregister(self.close)

    def _run(self) -> None:
        self._look_at_clock()
        while (groups := self._next()) is not None:
            # a sender that has left before its turn waits for nothing
            live = [group for group in groups if group.future.set_running_or_notify_cancel()]
            written = self._commit(live)
            self._look_at_clock()  # it waits for the disk, so it is done while nobody waits for the queue
            with self._changed:
                total = sum(len(group.events) for group in groups)
                self._waiting -= total
                self._settled += len(groups)
                self._written += written
                self._failed += sum(len(group.events) for group in live) - written
                self._changed.notify_all()

    def _next(self) -> list[_Group] | None:
        """The groups of the next commit; none after a while without any, None to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._groups or self._closed, IDLE_S)
            if not self._groups:
                return None if self._closed else []
            groups = [self._groups.popleft()]
            total = len(groups[0].events)
            while self._groups and total + len(self._groups[0].events) <= self._batch:
                group = self._groups.popleft()
                total += len(group.events)
                groups.append(group)
            return groups

    def _look_at_clock(self) -> None:
        try:
            self._clock_warning = self._history.clock_warning
        except HistoryError:
            return  # the next write says it

    def _commit(self, groups: Sequence[_Group]) -> int:
        """Write the groups, or those of them that can be written; the number of events written."""
        if not groups:
            return 0
        try:
            outcomes = self._history.add_groups([group.events for group in groups])
        except HistoryError as error:
            for group in groups:
                group.future.set_exception(error)
            return 0
        except Exception as error:  # noqa: BLE001 - its sender gets it
            if len(groups) > 1:
                return sum(self._commit([group]) for group in groups)
            groups[0].future.set_exception(error)
            return 0
        for group, outcome in zip(groups, outcomes, strict=True):
            group.future.set_result(outcome)
        return sum(len(group.events) for group in groups)
