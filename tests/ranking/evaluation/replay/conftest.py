"""A planted shop that serves lists at moments of its own, and logs them as the service does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.ranking.planted import PlantedEmbedder
from vlclip.engine.filters import Condition
from vlclip.engine.store.store import Store
from vlclip.ranking.evaluation.replay.as_of import PastShop
from vlclip.ranking.experiments.exposure import Exposure, ShownItem
from vlclip.ranking.experiments.outcome import Logged, Outcome
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.history import History
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.arm import Arm, arm_of
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.lists.request import ListRequest
from vlclip.ranking.settings import Search
from vlclip.service.shop.shoppers import request_form

NOW = 1_700_000_000.0
SEARCH = Search(lexical_weight=0.5, history_weight=0.4)
ANNA = "user:anna"


def an_arm(id: str = "drawn", **knobs: Any) -> Arm:
    return arm_of({"id": id, "exploration": {"temperature": 0.1, "depth": 20}} | knobs, "a test")


DRAWN = an_arm()
PLAIN = an_arm("plain", exploration={"temperature": 0})


@dataclass
class Front:
    """Serves and logs; `now` is the moment."""

    store: Store
    history: History
    now: float = NOW
    logged: list[Logged] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recommender = Recommender(self.store, PlantedEmbedder, SEARCH, self.history, lambda: self.now)

    def past(self, exists_since: str | None = None) -> PastShop:
        return PastShop(self.store, PlantedEmbedder, SEARCH, self.history, exists_since=exists_since)

    def did(self, kind: Any, item: str, user: str = "anna", at: float | None = None) -> None:
        number = self.history.count()
        self.history.add([Event(id=f"e{number}", kind=kind, item=item, time=at or self.now - 1, user=user)])

    def similar(
        self, anchor: str, arm: Arm = DRAWN, *, unit: str = "", weights: Any = None, **page: Any
    ) -> Logged:
        request = ListRequest(
            kind="similar", anchor=anchor, unit=unit, weights=weights or {}, page=Page(**page)
        )
        return self._served(request, {"anchor": anchor}, arm)

    def search(
        self, text: str, arm: Arm = DRAWN, *, unit: str = "", weights: Any = None, **page: Any
    ) -> Logged:
        request = ListRequest(kind="search", text=text, unit=unit, weights=weights or {}, page=Page(**page))
        return self._served(request, {"text": text, "photo": False}, arm)

    def recommend(self, unit: str, arm: Arm = DRAWN, *, weights: Any = None, **page: Any) -> Logged:
        request = ListRequest(kind="recommendations", unit=unit, weights=weights or {}, page=Page(**page))
        return self._served(request, {}, arm)

    def _served(self, request: ListRequest, context: dict[str, Any], arm: Arm) -> Logged:
        answer, page = request.answer(self.recommender, arm), request.page
        exposure = Exposure(
            request_id=f"r{len(self.logged)}", time=self.now, kind=request.kind, unit=request.unit,
            arm=f"{arm.id}@{arm.hash}",
            items=tuple(
                ShownItem(result.id, result.score, result.parts, result.propensity) for result in answer
            ),
            context={
                **context,
                "filter": [_form(condition) for condition in page.filter.conditions],
                "asked": request_form(request.weights, page),
                "weights": dict(answer.weights),
                "strategy": answer.strategy,
                **({"has_groups": True} if answer.has_groups else {}),
            },
            offset=page.offset, candidates=answer.explored,
            temperature=arm.exploration.temperature if answer.explored else 0.0,
        )  # fmt: skip
        self.logged.append((exposure, tuple(Outcome(clicks=n % 2) for n in range(len(exposure.items)))))
        self.now += 600
        return self.logged[-1]


def _form(condition: Condition) -> dict[str, Any]:
    value = list(condition.values) if condition.operator == "any" else condition.values[0]
    return {condition.field: {condition.operator: value}}


@pytest.fixture
def history():
    history = SqliteHistory(None)
    yield history
    history.close()


@pytest.fixture
def front(store, history):
    return Front(store, history)
