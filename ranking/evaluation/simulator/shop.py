"""A shop whose shoppers are known: it ranks by any arm, through the real recommender, at any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from engine.embedder import Embedder
from engine.settings import Search
from engine.store.store import Store
from ranking.answer import Answer, Page
from ranking.evaluation.click_models.behaviour import ClickBehaviour
from ranking.evaluation.off_policy.log import Numbers, Values
from ranking.evaluation.replay.as_of import PastHistory
from ranking.evaluation.simulator.catalogue import read_catalogue
from ranking.evaluation.simulator.shoppers import draw_shoppers
from ranking.evaluation.simulator.visits import Request, draw_requests
from ranking.evaluation.simulator.world import World
from ranking.events import unit_of
from ranking.experiments.arm import Arm
from ranking.history.history import History
from ranking.recommender import Recommender


class SimulatedShop:
    """A store, the shoppers of a world, and how they click.

    `search` are the settings lists are made by; `load_embedder` is called for searches alone. With a
    `history` what shoppers do is remembered, and profiles move. Errors: `EvaluationError` where the store
    has too few items, or all are alike.
    """

    def __init__(
        self,
        store: Store,
        load_embedder: Callable[[], Embedder],
        search: Search,
        world: World,
        clicks: ClickBehaviour,
        history: History | None = None,
    ) -> None:
        self.world, self.clicks, self.history = world, clicks, history
        self.catalogue = read_catalogue(store)
        self.shoppers = draw_shoppers(self.catalogue, world)
        self.prices: Values = np.nan_to_num(self.catalogue.prices, nan=world.price)
        self._now = world.start
        past = None if history is None else PastHistory(history, self._clock)
        self._recommender = Recommender(store, load_embedder, search, past, self._clock)

    def requests(self, count: int) -> Iterator[Request]:
        """The first `count` lists that are asked for, by time; the same at every call."""
        return draw_requests(self.shoppers, count)

    def unit(self, request: Request) -> str:
        """Who asks, as `ranking.events.unit_of` names them; another seed has other units."""
        return unit_of(f"{self.world.seed}-{request.shopper}")

    def ask(self, request: Request, arm: Arm) -> Answer:
        """The list an arm gives at the time of a request, from what is known by then."""
        self._now = request.time
        unit, page = self.unit(request), Page(limit=self.world.limit)
        if request.kind == "similar":
            return self._recommender.similar(request.anchor, page=page, shopper=unit, arm=arm)
        if request.kind == "search":
            return self._recommender.search(request.text, page=page, shopper=unit, arm=arm)
        return self._recommender.recommend(unit, page=page, arm=arm)

    def likes(self, request: Request, rows: Numbers) -> tuple[Values, Values]:
        """Attraction and satisfaction of items of the catalogue for who asks, `(len(rows),)` each."""
        fit = self.shoppers.fit(request.shopper, request.taste, rows)
        return self.shoppers.attraction(fit, rows), self.shoppers.satisfaction(fit, rows)

    def _clock(self) -> float:
        return self._now
