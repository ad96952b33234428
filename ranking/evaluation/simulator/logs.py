"""A log of lists that were served to simulated shoppers, and of what they did, as the service writes it.

Laws (tests/ranking/evaluation/simulator/test_logs.py):
- each place is clicked as often as the click model's marginal probability says;
- what is put in the cart was clicked, and what is bought was in the cart;
- the same seed writes the same log, and a log read back from a table is equal to it;
- a list requested again after the whole log was written is the list that was logged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.simulator.shop import SimulatedShop
from vlclip.ranking.evaluation.simulator.visits import VisitStep
from vlclip.ranking.experiments.exposure import Exposure, ShownItem
from vlclip.ranking.experiments.outcome import Logged, outcome
from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import Event
from vlclip.ranking.lists.answer import HISTORY, LEXICAL, POPULAR, Answer
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.arrangement import DIVERSITY
from vlclip.ranking.lists.request import ListRequest

BATCH = 500
LOOK_S = 2.0
"""Seconds from one place of a list to the next."""
AFTER_CLICK_S: dict[Kind, float] = {"click": 0.0, "cart": 20.0, "purchase": 90.0}
"""What a shopper does with an item, and how many seconds after the click."""


def simulate(shop: SimulatedShop, arm: Arm, lists: int) -> Iterator[list[Logged]]:
    """The log of the first `lists` steps, ranked by `arm`, by time, in batches; memory stays flat.

    With a history the events are written to it as they happen; `EvaluationError` where it has some already.
    """
    if shop.history is not None and shop.history.count():
        raise EvaluationError("the history of a simulated shop has to be empty at first; name a new file")
    rng = np.random.default_rng([shop.world.seed, 2])
    batch: list[Logged] = []
    for step in shop.steps(lists):
        batch.append(_served(shop, arm, step, rng))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def parts_of(shop: SimulatedShop, arm: Arm) -> list[str]:
    """Every part that a score of the log may have, as the columns of its table."""
    kinds = {kind for kind, share in shop.world.kinds.items() if share}
    parts = list(shop.catalogue.space.names)
    parts += [LEXICAL] * ("search" in kinds) + [POPULAR] * ("recommendations" in kinds)
    parts += [HISTORY] * (shop.history is not None) + [DIVERSITY] * (arm.diversity.amount > 0)
    return sorted({*parts, *(f"boost.{boost.field}" for boost in arm.rules.boosts)})


def _served(shop: SimulatedShop, arm: Arm, step: VisitStep, rng: np.random.Generator) -> Logged:
    exposure = _exposure(shop, step, shop.answer(step, arm))
    events = _events(shop, step, exposure, rng)
    if shop.history is not None and events:
        shop.history.add(events)
    return exposure, tuple(
        outcome([event for event in events if event.item == item.item]) for item in exposure.items
    )


def _exposure(shop: SimulatedShop, step: VisitStep, answer: Answer) -> Exposure:
    """The list as the service logs it."""
    request = step.request
    named: dict[str, Any] = {
        "weights": {}, "exclude": [], "limit": request.page.limit, "collapse": None, "diversity": None,
    }  # fmt: skip
    return Exposure(
        request_id=f"{shop.world.seed}-{step.number}",
        time=step.time,
        kind=request.kind,
        unit=request.unit,
        arm=f"{answer.arm.id}@{answer.arm.hash}",
        items=tuple(ShownItem(result.id, result.score, result.parts, result.propensity) for result in answer),
        context=_question(request)
        | {"asked": named, "weights": dict(answer.weights), "strategy": answer.strategy}
        | ({"has_groups": True} if answer.has_groups else {}),
        candidates=answer.explored,
        temperature=answer.arm.exploration.temperature if answer.explored else 0.0,
    )


def _question(request: ListRequest) -> dict[str, Any]:
    if request.kind == "similar":
        return {"anchor": request.anchor, "filter": []}
    if request.kind == "search":
        return {"text": request.text, "photo": False, "filter": None}
    return {"filter": []}


def _events(
    shop: SimulatedShop, step: VisitStep, exposure: Exposure, rng: np.random.Generator
) -> Sequence[Event]:
    """What the shopper does with a list: clicks, and carts and purchases of what was clicked."""
    if not exposure.items:
        return []
    world = shop.world
    rows = shop.catalogue.rows([item.item for item in exposure.items])
    attraction, satisfaction = shop.likes(step, rows)
    clicked = shop.clicks.sample(
        attraction[None], satisfaction[None], np.ones((1, len(rows)), dtype=bool), rng
    )[0]
    luck = rng.random((2, len(rows)))
    in_cart = clicked & (luck[0] < satisfaction * world.cart)
    bought = in_cart & (luck[1] < world.purchase)
    prices = shop.prices[rows]
    return [
        Event(
            id=f"{exposure.request_id}-{place}-{kind}", kind=kind, item=exposure.items[place].item,
            time=step.time + LOOK_S * (place + 1) + delay, user=exposure.unit.removeprefix("user:"),
            session=f"{world.seed}-v{step.visit}", request_id=exposure.request_id,
            value=float(prices[place]) if kind == "purchase" else None,
        )
        for place in np.flatnonzero(clicked).tolist()
        for (kind, delay), happened in zip(AFTER_CLICK_S.items(), (clicked, in_cart, bought), strict=True)
        if happened[place]
    ]  # fmt: skip
