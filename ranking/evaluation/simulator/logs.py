"""A log of lists that were served to simulated shoppers, and of what they did, as the service writes one.

Laws (tests/ranking/evaluation/simulator/test_logs.py):
- clicks are as frequent at each place as the click model's marginal says;
- what is put in the cart was clicked, what is bought was in the cart;
- the same seed writes the same log; read back from a table it is equal;
- asked again after the whole log was written, a list is what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.simulator.shop import SimulatedShop
from vlclip.ranking.evaluation.simulator.visits import Request
from vlclip.ranking.experiments.exposure import Exposure, Shown
from vlclip.ranking.experiments.outcome import Logged, outcome
from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import Event
from vlclip.ranking.lists.answer import HISTORY, LEXICAL, POPULAR, Answer
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.arrangement import DIVERSITY

BATCH = 500
LOOK_S = 2.0
"""From one place of a list to the next."""
STEPS: dict[Kind, float] = {"click": 0.0, "cart": 20.0, "purchase": 90.0}
"""What is done with an item, and how many seconds after the click."""


def simulate(shop: SimulatedShop, arm: Arm, lists: int) -> Iterator[list[Logged]]:
    """The log of the first `lists` requests, ranked by `arm`, by time, in batches; memory is flat.

    With a history the events are written to it as they happen; `EvaluationError` where it has some already.
    """
    if shop.history is not None and shop.history.count():
        raise EvaluationError("the history of a simulated shop has to be empty at first; name a new file")
    rng = np.random.default_rng([shop.world.seed, 2])
    batch: list[Logged] = []
    for request in shop.requests(lists):
        batch.append(_served(shop, arm, request, rng))
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


def _served(shop: SimulatedShop, arm: Arm, request: Request, rng: np.random.Generator) -> Logged:
    answer = shop.ask(request, arm)
    one = _exposure(shop, request, answer)
    events = _events(shop, request, one, rng)
    if shop.history is not None and events:
        shop.history.add(events)
    return one, tuple(outcome([event for event in events if event.item == shown.item]) for shown in one.items)


def _exposure(shop: SimulatedShop, request: Request, answer: Answer) -> Exposure:
    """The list as the service logs it."""
    asked = {"weights": {}, "exclude": [], "limit": shop.world.limit, "collapse": None, "diversity": None}
    return Exposure(
        request_id=f"{shop.world.seed}-{request.number}",
        time=request.time,
        kind=request.kind,
        unit=shop.unit(request),
        arm=f"{answer.arm.id}@{answer.arm.hash}",
        items=tuple(Shown(one.id, one.score, one.parts, one.propensity) for one in answer),
        context=_question(request)
        | {"asked": asked, "weights": dict(answer.weights), "strategy": answer.strategy},
        candidates=answer.explored,
        temperature=answer.arm.exploration.temperature if answer.explored else 0.0,
    )  # fmt: skip


def _question(request: Request) -> dict[str, Any]:
    if request.kind == "similar":
        return {"anchor": request.anchor, "filter": []}
    if request.kind == "search":
        return {"text": request.text, "photo": False, "filter": None}
    return {"filter": []}


def _events(
    shop: SimulatedShop, request: Request, one: Exposure, rng: np.random.Generator
) -> Sequence[Event]:
    """What the shopper does with a list: clicks, and with what was clicked carts and purchases."""
    if not one.items:
        return []
    world = shop.world
    rows = shop.catalogue.rows([shown.item for shown in one.items])
    attraction, satisfaction = shop.likes(request, rows)
    clicked = shop.clicks.sample(
        attraction[None], satisfaction[None], np.ones((1, len(rows)), dtype=bool), rng
    )[0]
    luck = rng.random((2, len(rows)))
    in_cart = clicked & (luck[0] < satisfaction * world.cart)
    bought = in_cart & (luck[1] < world.purchase)
    prices = shop.prices[rows]
    return [
        Event(
            id=f"{one.request_id}-{place}-{kind}", kind=kind, item=one.items[place].item,
            time=request.time + LOOK_S * (place + 1) + later, user=one.unit.removeprefix("user:"),
            session=f"{world.seed}-v{request.visit}", request_id=one.request_id,
            value=float(prices[place]) if kind == "purchase" else None,
        )
        for place in np.flatnonzero(clicked).tolist()
        for kind, later, done in zip(STEPS, STEPS.values(), (clicked, in_cart, bought), strict=True)
        if done[place]
    ]  # fmt: skip
