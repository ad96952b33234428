"""A logged list with its request, read from the log so that the request can be made again.

Laws (tests/ranking/evaluation/replay/test_logged_list.py):
- a request that the service logged is read back as it was made;
- a list whose request cannot be made again has a reason; nothing about it is guessed;
- a list of a store that had no groups is ranked without them, whatever groups it has now;
- a list without `asked` in its context named nothing of its own, so the arm's own weights count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vlclip.engine.errors import FilterError
from vlclip.engine.filters import read_filter
from vlclip.ranking.evaluation.replay.ranking import Ranking
from vlclip.ranking.experiments.exposure import Exposure
from vlclip.ranking.lists.answer import HISTORY, Page
from vlclip.ranking.lists.request import ListRequest
from vlclip.ranking.statistics.arrays import Indices, Values

NOTHING_SHOWN = "nothing was shown"
LATER_PAGE = "a later page: what stood above it is in another list"
PHOTO = "asked with a photo, which the log does not keep"
NO_WORDS = "the words that were searched for are not in the log"
NO_ANCHOR = "the item it is about is not in the log"
BAD_FILTER = "its filter cannot be read"
BAD_PROPENSITY = "a propensity is not over 0 and at most 1"
STRANGER = "made anonymous, and what its shopper had done counts"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedList:
    """A logged list, its request, and the candidates it was drawn from.

    `candidates` (C ids) are the items whose order chance decided, then the others that were shown: pins, and
    items below the reach of chance. `scores` `(C,)` are those they were ranked by. `chosen` `(K,)` are the
    rows of the shown items among the candidates. Where a list has no chance in it, `is_drawn` is False and
    the candidates are the shown items, since the log does not say which others there were. The request's
    `unit` is "" where the shopper had no history.
    """

    exposure: Exposure
    request: ListRequest
    candidates: tuple[str, ...]
    scores: Values
    chosen: Indices
    is_drawn: bool

    @property
    def items(self) -> tuple[str, ...]:
        """The ids of the items shown, in their order."""
        return tuple(item.item for item in self.exposure.items)

    @property
    def ranking(self) -> Ranking:
        """The ranking that the list was drawn from."""
        if not self.is_drawn:
            return Ranking(scores=np.empty(0), tail=self.candidates)
        explored = tuple(item for item, _ in self.exposure.candidates)
        others = [n for n, item in enumerate(self.items) if item not in set(explored)]
        first = next((n for n in range(len(self.items)) if n not in others), len(others))
        return Ranking(
            pins=self.items[:first],
            explored=explored,
            scores=self.scores[: len(explored)],
            tail=tuple(self.items[n] for n in others if n > first),
            temperature=self.exposure.temperature,
        )


def read_logged_list(exposure: Exposure) -> LoggedList | str:
    """The list with its request, or why the request cannot be made again."""
    context, unit = exposure.context, known_unit(exposure)
    anchor = context.get("anchor", "")
    reasons = (
        (not exposure.items, NOTHING_SHOWN),
        (exposure.offset > 0, LATER_PAGE),
        (bool(context.get("photo")), PHOTO),
        (exposure.kind == "search" and not context.get("text"), NO_WORDS),
        (exposure.kind == "similar" and not anchor, NO_ANCHOR),
        (unit is None, STRANGER),
        (not all(0 < item.propensity <= 1 for item in exposure.items), BAD_PROPENSITY),
    )
    reason = next((reason for holds, reason in reasons if holds), "")
    if reason or unit is None:
        return reason
    try:
        conditions = read_filter(context.get("filter"))
    except FilterError:
        return BAD_FILTER
    named: Mapping[str, Any] = context.get("asked") or {}
    score = {item.item: item.score for item in exposure.items} | dict(exposure.candidates)
    candidates = tuple(dict.fromkeys([*(item for item, _ in exposure.candidates), *score]))
    row = {item: n for n, item in enumerate(candidates)}
    return LoggedList(
        exposure=exposure,
        request=ListRequest(
            kind=exposure.kind,
            anchor=str(anchor),
            text=str(context.get("text", "")),
            unit=unit,
            weights=named.get("weights") or {},
            page=Page(
                limit=named.get("limit"),
                filter=conditions,
                exclude=tuple(named.get("exclude") or ()),
                collapse=named.get("collapse"),
                diversity=named.get("diversity"),
                group_by=named.get("group_by") if context.get("has_groups") else "none",
                with_variants=False,
            ),
        ),
        candidates=candidates,
        scores=np.array([score[item] for item in candidates]),
        chosen=np.array([row[item.item] for item in exposure.items], dtype=np.intp),
        is_drawn=bool(exposure.candidates) and exposure.temperature > 0,
    )


def known_unit(exposure: Exposure) -> str | None:
    """The unit whose history counts, "" where it had none; None where a hashed unit may have had one."""
    if not exposure.unit or exposure.unit.startswith(("user:", "session:")):
        return exposure.unit
    strategy, weights = exposure.context.get("strategy"), exposure.context.get("weights") or {}
    used_history = exposure.kind == "recommendations" or weights.get(HISTORY, 0.0) > 0
    return "" if used_history and strategy in ("content", "popular") else None
