"""The shoppers of a running shop: their events, the lists they got, and their arms.

Laws (tests/service/api/test_shoppers.py):
- an event whose sender got a 202 is on disk, whatever happens to the process afterwards;
- a list that its caller got is in the log once, or counted as lost; a list whose caller had left, or was
  answered 504, is neither;
- nothing is left of a forgotten user; where forgetting must wait, the answer says so.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vlclip.ranking.errors import DamagedHistory
from vlclip.ranking.experiments.experiment import read_experiment
from vlclip.ranking.experiments.exposure import Exposure, ShownItem
from vlclip.ranking.experiments.log import SqliteExposures, exposures_path
from vlclip.ranking.history.events import Event, unit_of
from vlclip.ranking.history.group_commit import GroupCommit
from vlclip.ranking.history.guarded import GuardedHistory
from vlclip.ranking.history.history import Added
from vlclip.ranking.history.opening import open_history
from vlclip.ranking.history.writer import Writer
from vlclip.ranking.lists.answer import Answer, Page
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import PLAIN, Recommender
from vlclip.ranking.lists.request import ListRequest
from vlclip.ranking.settings import DAY_S
from vlclip.service.http.errors import Busy
from vlclip.service.http.ids import new_id
from vlclip.service.settings import Settings
from vlclip.service.shop.served_list import ServedList
from vlclip.service.shop.stages import stage

log = logging.getLogger("vlclip.api")
EVERY = 1_000_000_000
"""More events than anybody has."""
MOST_ARMS = 100
"""Arms whose names are kept."""
LINGER_S = 0.2
"""Seconds that the log waits for more lists, to write them together."""


def request_form(weights: Mapping[str, float], page: Page) -> dict[str, Any]:
    """The weights and the page of a request as JSON values, for the log; not what settings and arms add."""
    form = {
        "weights": dict(weights), "exclude": list(page.exclude), "limit": page.limit,
        "collapse": page.collapse, "diversity": page.diversity,
    }  # fmt: skip
    return form if page.group_by is None else {**form, "group_by": page.group_by}


def question_form(request: ListRequest) -> dict[str, Any]:
    """The question of a request as JSON values, for the log; a photo is not kept."""
    match request.kind:
        case "similar":
            return {"anchor": request.anchor}
        case "search":
            return {"text": request.text, "photo": request.photo is not None}
        case "recommendations":
            return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was removed of a user: events, logged lists, and the sessions that these events named."""

    events: int
    lists: int
    sessions: int


class Shoppers:
    """History, log and experiment of one service, open until `close`."""

    def __init__(self, settings: Settings) -> None:
        self.experiment = read_experiment(Path(settings.experiment)) if settings.experiment else None
        self.history = GuardedHistory(lambda: open_history(settings))
        self._events = GroupCommit(self.history)
        self._log_damage = ""
        self.log = self._open_log(settings) if settings.exposures.log else None
        self._exposures: Writer[Exposure] | None = None
        if self.log is not None:
            self._exposures = Writer(
                self._log, name="exposures", capacity=settings.exposures.queue, linger_s=LINGER_S
            )
        self._expire_at = -math.inf
        self._arm_names: dict[int, tuple[Arm, str]] = {}
        self.unlogged = 0
        """Lists that were served while the queue of the log was full."""

    def arm(self, unit: str) -> Arm:
        """The arm of a unit; the plain one where no experiment runs."""
        return self.experiment.assign(unit) if self.experiment else PLAIN

    def tell(self, events: Sequence[Event]) -> Future[Added]:
        """Have events written; the future ends once they are on disk, or with a `HistoryError`.

        `Busy`, and none is taken, where too many wait.
        """
        future = self._events.submit(events)
        if future is None:
            raise Busy("too many events wait to be written; send these again in a moment")
        return future

    def serve(
        self, recommender: Recommender, request: ListRequest, filter_form: Any
    ) -> tuple[Answer, ServedList]:
        """Rank by the unit's arm: the answer, and what the route hands over of it (`hand_over`).

        `filter_form` is the filter as its sender wrote it, JSON values for the log. Each list gets an id of
        its own, as a caller may send one `X-Request-Id` with several requests.
        """
        with stage("rank"):
            answer, request_id = request.answer(recommender, self.arm(request.unit)), new_id()
        exposure = None
        if self._log_damage:
            self.unlogged += 1
        elif self.log is not None:
            exposure = self._exposure(request, filter_form, answer, request_id)
        return answer, ServedList(request_id, request.kind, answer.arm.id, answer.strategy, exposure)

    def serve_again(self, served_list: ServedList) -> ServedList:
        """The same list for another caller: it has an id and a time of its own."""
        request_id, exposure = new_id(), served_list.exposure
        if self._log_damage:
            self.unlogged += 1
            exposure = None
        elif exposure is not None:
            exposure = replace(exposure, request_id=request_id, time=time.time())
        return replace(served_list, request_id=request_id, exposure=exposure)

    def _exposure(self, request: ListRequest, filter_form: Any, answer: Answer, request_id: str) -> Exposure:
        return Exposure(
            request_id=request_id,
            time=time.time(),
            kind=request.kind,
            unit=request.unit,
            arm=self._name_of(answer.arm),
            items=tuple(
                ShownItem(item.id, item.score, item.parts, item.propensity, item.others) for item in answer
            ),
            experiment=self.experiment.id if self.experiment else "",
            context={
                **question_form(request),
                "filter": filter_form,
                "asked": request_form(request.weights, request.page),
                "weights": dict(answer.weights),
                "strategy": answer.strategy,
                **({"has_groups": True} if answer.has_groups else {}),
            },
            offset=request.page.offset,
            candidates=answer.explored,
            temperature=answer.arm.exploration.temperature if answer.explored else 0.0,
        )

    def _name_of(self, arm: Arm) -> str:
        """`id@hash` of an arm, worked out once: the hash takes as long as all counting of a list."""
        named = self._arm_names.get(id(arm))
        if named is None or named[0] is not arm:
            if len(self._arm_names) >= MOST_ARMS:
                self._arm_names.clear()
            self._arm_names[id(arm)] = named = arm, f"{arm.id}@{arm.hash}"
        return named[1]

    def record(self, exposure: Exposure) -> None:
        """Log a list that its caller gets; it waits for no disk. A full queue counts it as lost."""
        if self._exposures is None or not self._exposures.put([exposure]):
            self.unlogged += 1

    def forget(self, user: str) -> Erased:
        """Remove every event and every logged list of a user, and of the sessions that these events name.

        `Busy`, and nothing is removed, where events sent a moment ago are not written yet: they would be
        written afterwards. After an error it may be called again: the user's own events are removed last.
        """
        unit = unit_of(user)
        if not self.flush():
            raise Busy("the latest events of this user are not written yet; try again in a moment")
        sessions = {event.session for event in self.history.recent(unit, EVERY) if event.session}
        units = [*sorted(unit_of(session=session) for session in sessions), unit]
        lists = sum(self.log.forget(part) for part in units) if self.log is not None else 0
        events = sum(self.history.forget(part) for part in units)
        return Erased(events=events, lists=lists, sessions=len(sessions))

    @property
    def damage(self) -> dict[str, str]:
        """What is wrong with the files of history and logged lists, for those that are damaged."""
        parts = {"history": self.history.damage, "exposures": self._log_damage}
        return {part: says for part, says in parts.items() if says}

    def _open_log(self, settings: Settings) -> SqliteExposures | None:
        try:
            return SqliteExposures(exposures_path(settings))
        except DamagedHistory as error:
            self._log_damage = str(error)
            log.error("no list is logged, all count as lost: %s", error)  # noqa: TRY400 - it says what to do
            return None

    @property
    def warnings(self) -> list[str]:
        """What is amiss with the history although it answers: a clock that leapt; it never waits."""
        return [self._events.clock_warning] if self._events.clock_warning else []

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until all that was handed over is written, at most `timeout_s` for events and again for lists.

        True if it is.
        """
        lists = self._exposures
        return self._events.flush(timeout_s) and (lists is None or lists.flush(timeout_s))

    def _log(self, exposures: list[Exposure]) -> None:
        """Write lists; once a day remove those older than the events that are kept.

        The day is measured by a clock that does not leap, and what is old by the history's (`clock.py`).
        """
        if self.log is None:
            return
        try:
            self.log.add(exposures)
        except DamagedHistory as error:
            self._log_damage = str(error)
            raise
        if time.monotonic() >= self._expire_at:
            self._expire_at = time.monotonic() + DAY_S
            if (oldest := self.history.oldest) > -math.inf:
                self.log.expire(oldest)

    @property
    def counts(self) -> dict[str, int]:
        """Events and lists: written, waiting, and lost; of lost events the sender knows."""
        lists = self._exposures
        return {
            "events_written": self._events.written,
            "events_waiting": self._events.waiting,
            "events_lost": self._events.failed,
            "lists_written": lists.written if lists else 0,
            "lists_waiting": lists.waiting if lists else 0,
            "lists_lost": self.unlogged + (lists.dropped if lists else 0),
        }

    def close(self) -> None:
        """Write what waits, then close."""
        self._events.close()
        if self._exposures is not None:
            self._exposures.close()
        if self.log is not None:
            self.log.close()
        self.history.close()
