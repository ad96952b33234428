"""A shop whose shoppers are known: it ranks by any arm, through the real recommender, at any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from vlclip.engine.encoding.embedder import Embedder
from vlclip.engine.store.store import Store
from vlclip.ranking.evaluation.click_models.behaviour import ClickBehaviour
from vlclip.ranking.evaluation.replay.as_of import PastHistory
from vlclip.ranking.evaluation.simulator.catalogue import read_catalogue
from vlclip.ranking.evaluation.simulator.shoppers import draw_shoppers
from vlclip.ranking.evaluation.simulator.visits import VisitStep, draw_steps
from vlclip.ranking.evaluation.simulator.world import World
from vlclip.ranking.history.history import History
from vlclip.ranking.lists.answer import Answer
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search
from vlclip.ranking.statistics.arrays import Indices, Values


class SimulatedShop:
    """A store, the shoppers of a world, and how they click.

    Lists are made by the settings `search`; `load_embedder` is called for searches alone. With a `history`
    what shoppers do is remembered, and profiles move. Errors: `EvaluationError` where the store has too few
    items, or all are alike.
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

    def steps(self, limit: int) -> Iterator[VisitStep]:
        """The first `limit` lists that shoppers request, by time; the same at every call."""
        return draw_steps(self.shoppers, limit)

    def answer(self, step: VisitStep, arm: Arm) -> Answer:
        """The list an arm gives at the time of a step, from what had happened by then."""
        self._now = step.time
        return step.request.answer(self._recommender, arm)

    def likes(self, step: VisitStep, rows: Indices) -> tuple[Values, Values]:
        """Attraction and satisfaction of items of the catalogue in a step, `(len(rows),)` each."""
        fit = self.shoppers.fit(step.shopper, step.taste, rows)
        return self.shoppers.attraction(fit, rows), self.shoppers.satisfaction(fit, rows)

    def _clock(self) -> float:
        return self._now
