"""What was asked for a logged list, read from the log so that it can be asked again.

Laws (tests/ranking/evaluation/replay/test_contexts.py):
- what the service logs of a request is read back as it was asked;
- a list that cannot be asked again is told apart by a reason, never guessed at;
- a list of a log without `asked` is asked with the arm's own weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vlclip.engine.errors import FilterError
from vlclip.engine.filters import read_filter
from vlclip.ranking.evaluation.replay.ranking import Ranking
from vlclip.ranking.experiments.exposure import Exposure, ListKind
from vlclip.ranking.lists.answer import HISTORY, Page
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
class Context:
    """A logged list as a question, and what it was drawn from.

    `candidates` (C ids) are those that chance dealt with and, where a list has others, these too: pins and
    what stood below; `scores` `(C,)` those they were ranked by. `chosen` `(K,)` are the rows of the items
    shown among them. Of a list without chance in it the candidates are what was shown, and `is_drawn` is
    False: nothing says what else could have been. `shopper` is a unit, "" where nothing was known of it.
    """

    exposure: Exposure
    kind: ListKind
    shopper: str
    anchor: str
    text: str
    weights: Mapping[str, float]
    page: Page
    candidates: tuple[str, ...]
    scores: Values
    chosen: Indices
    is_drawn: bool

    @property
    def shown(self) -> tuple[str, ...]:
        """The ids of the items shown, in their order."""
        return tuple(one.item for one in self.exposure.items)

    @property
    def ranking(self) -> Ranking:
        """What the list was drawn from."""
        one = self.exposure
        if not self.is_drawn:
            return Ranking(scores=np.empty(0), rest=self.candidates)
        dealt = tuple(item for item, _ in one.candidates)
        others = [n for n, shown in enumerate(self.shown) if shown not in set(dealt)]
        first = next((n for n, shown in enumerate(self.shown) if n not in others), len(others))
        return Ranking(
            pins=self.shown[:first],
            dealt=dealt,
            scores=self.scores[: len(dealt)],
            rest=tuple(self.shown[n] for n in others if n > first),
            temperature=one.temperature,
        )


def read_context(one: Exposure) -> Context | str:
    """The list as a question, or why it cannot be asked again."""
    said, shopper = one.context, known_unit(one)
    anchor = said.get("anchor", said.get("item", ""))  # "item" in logs of older web pages
    reasons = (
        (not one.items, NOTHING_SHOWN),
        (one.offset > 0, LATER_PAGE),
        (bool(said.get("photo")), PHOTO),
        (one.kind == "search" and not said.get("text"), NO_WORDS),
        (one.kind == "similar" and not anchor, NO_ANCHOR),
        (shopper is None, STRANGER),
        (not all(0 < shown.propensity <= 1 for shown in one.items), BAD_PROPENSITY),
    )
    why = next((reason for holds, reason in reasons if holds), "")
    if why or shopper is None:
        return why
    try:
        wanted = read_filter(said.get("filter"))
    except FilterError:
        return BAD_FILTER
    asked: Mapping[str, Any] = said.get("asked") or {}
    score = {shown.item: shown.score for shown in one.items} | dict(one.candidates)
    candidates = tuple(dict.fromkeys([*(item for item, _ in one.candidates), *score]))
    row = {item: n for n, item in enumerate(candidates)}
    return Context(
        exposure=one,
        kind=one.kind,
        shopper=shopper,
        anchor=str(anchor),
        text=str(said.get("text", "")),
        weights=asked.get("weights") or {},
        page=Page(
            limit=asked.get("limit"),
            filter=wanted,
            exclude=tuple(asked.get("exclude", said.get("exclude")) or ()),
            collapse=asked.get("collapse"),
            diversity=asked.get("diversity"),
        ),
        candidates=candidates,
        scores=np.array([score[item] for item in candidates]),
        chosen=np.array([row[shown.item] for shown in one.items], dtype=np.intp),
        is_drawn=bool(one.candidates) and one.temperature > 0,
    )


def known_unit(one: Exposure) -> str | None:
    """Whose history to ask; "" where there was none; None where a hashed unit may have had one."""
    if not one.unit or one.unit.startswith(("user:", "session:")):
        return one.unit
    strategy, weights = one.context.get("strategy"), one.context.get("weights") or {}
    asked_history = one.kind == "recommendations" or weights.get(HISTORY, 0.0) > 0
    return "" if asked_history and strategy in ("content", "popular") else None
