"""Small made-up shops in which every policy's true value is known exactly, and logs drawn from them.

A shop has a few hundred contexts, all as probable, and a click rate for every item in each of them, so a
policy's value is a finite sum. Estimators and verdicts are held against it; how they do is in
docs/off_policy.md.

Laws (tests/ranking/evaluation/off_policy/test_worlds.py):
- the stated value is what the mean reward of a large log of the target policy comes to;
- the same seeds give the same log.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import numpy as np

from vlclip.ranking.evaluation.off_policy.log import Choices, ListLog
from vlclip.ranking.lists.exploration import propensities
from vlclip.ranking.statistics.arrays import Indices, Values

Fault = Literal["wrong propensities", "pooled places"]
"""How a log lies: its propensities are of a more even policy, or of an item over all places together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Click rates, two policies and what a reward model believes.

    `rates` and `believed` are `(contexts, items)`, at the first place; `examined` `(places,)` is how much
    of them is left at each place, 1 at the first. `logging` and `target` are probabilities `(places,
    contexts, items)`; items that the logging policy has at 0 it never shows.
    """

    rates: Values
    believed: Values
    examined: Values
    logging: Values
    target: Values

    @property
    def value(self) -> float:
        """The target policy's true mean reward."""
        return float(np.einsum("k,kci,ci->", self.examined, self.target, self.rates) / self._cells)

    @property
    def _cells(self) -> int:
        places, contexts = self.logging.shape[:2]
        return int(places * contexts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A log of single choices and what a careful logger writes beside it.

    `item` and `place` `(n,)` are numbers from 0; `claimed` `(n, items)` are the probabilities that the log
    claims for all items; `outside` `(n,)` is the target's probability of items that are never logged.
    """

    choices: Choices
    item: Indices
    place: Indices
    claimed: Values
    outside: Values


def shop(
    seed: int,
    *,
    items: int = 20,
    contexts: int = 200,
    places: int = 1,
    missing: int = 0,
    rate: float = 0.08,
    sure: float = 1.0,
) -> Shop:
    """A shop with logistic policies over four features; `rate` is about the mean of all rates.

    At later places the logging policy leaves more to chance and the target policy less, and people look at
    half as many as above. The surer the logging policy is of what it likes, the less it explores.
    `missing` items, those the target likes best on the whole, are never logged.
    """
    rng = np.random.default_rng(seed)
    who, what = rng.normal(size=(contexts, 4)), rng.normal(size=(items, 4))
    liked = who @ what.T / 2 + rng.normal(size=items) / 2
    old = liked + rng.normal(size=(contexts, items))
    new = liked + rng.normal(size=(contexts, items)) / 2
    rates = rate * np.exp(0.6 * liked) / np.exp(0.6 * liked).mean()
    rates = np.minimum(rates, 0.6)
    depth = np.arange(places) / max(places - 1, 1)
    logging = _softmax(sure * (0.6 - 0.6 * depth)[:, None, None] * old)
    target = _softmax((0.8 - 0.4 * depth[::-1])[:, None, None] * new)
    best = np.argsort(-target.mean(axis=(0, 1)))[:missing]
    logging[:, :, best] = 0
    logging /= logging.sum(axis=2, keepdims=True)
    believed = (0.5 * rates + 0.5 * rates.mean(axis=0)) * np.exp(rng.normal(0, 0.2, (contexts, items)))
    return Shop(
        rates=rates,
        believed=believed,
        examined=np.array([0.5**place for place in range(places)]),
        logging=logging,
        target=target,
    )


def draw(
    world: Shop,
    n: int,
    seed: int,
    *,
    fault: Fault | None = None,
    by_target: bool = False,
    per_unit: int = 1,
) -> Draw:
    """A log of `n` choices.

    `by_target` logs what the target policy does itself. With `per_unit` over 1 as many rows have one unit,
    which clicks half as much or half as much again, as luck has it.
    """
    rng = np.random.default_rng(seed)
    places, contexts = world.logging.shape[:2]
    place, context = rng.integers(0, places, n), rng.integers(0, contexts, n)
    true = world.target if by_target else world.logging
    below = true.cumsum(axis=2)[place, context]
    item = (rng.random(n)[:, None] > below[:, :-1]).sum(axis=1)
    unit = np.arange(n) // per_unit
    keen = rng.choice([0.5, 1.5], size=n // per_unit + 1)[unit] if per_unit > 1 else 1.0
    left = world.examined[place]
    reward = (rng.random(n) < world.rates[context, item] * left * keen).astype(np.float64)
    claimed, target = true, world.target
    if fault == "wrong propensities":
        claimed = true**0.5 / (true**0.5).sum(axis=2, keepdims=True)
    if fault == "pooled places":
        claimed, target = (np.tile(policy.mean(axis=0), (places, 1, 1)) for policy in (true, world.target))
    believed = world.believed[context] * left[:, None]
    rows = np.arange(n)
    target_row = target[place, context]
    return Draw(
        choices=Choices(
            reward=reward,
            propensity=claimed[place, context, item],
            target=target_row[rows, item],
            predicted=believed[rows, item],
            baseline=(target_row * believed).sum(axis=1),
            unit=unit if per_unit > 1 else None,
        ),
        item=item,
        place=place,
        claimed=claimed[place, context],
        outside=(target_row * (true[place, context] == 0)).sum(axis=1),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Lists of a shop: every order of so many of its items, and how probable each is in each context.

    `orders` `(m, places)` are rows of items. `logging` and `target` `(contexts, m, places)` are the
    probabilities of each item at its place given those above; `clicked` the true click rates there and
    `believed` those a reward model believes in. With `once` a list has one click at most.
    """

    orders: Indices
    logging: Values
    target: Values
    clicked: Values
    believed: Values
    once: bool

    @property
    def value(self) -> float:
        """The target policy's true mean number of clicks on a list."""
        return float((self.target.prod(axis=2) * self.clicked.sum(axis=2)).sum(axis=1).mean())


def shelf(
    seed: int,
    *,
    items: int = 7,
    places: int = 3,
    contexts: int = 40,
    clicks: Literal["places", "cascade"] = "places",
) -> Shelf:
    """Plackett-Luce lists: both policies sort by scores of their own, with chance.

    People look at each place half as often as at the one above and click what they like (`places`: Richardson
    et al., Predicting clicks, WWW 2007), or look from the top until they click (`cascade`: Craswell et al.,
    An experimental comparison of click position-bias models, WSDM 2008).
    """
    rng = np.random.default_rng(seed)
    orders = np.array(list(permutations(range(items), places)))
    liked = rng.normal(size=(contexts, items))
    rates = 0.5 / (1 + np.exp(1.5 - liked))
    beliefs = 0.6 * rates + 0.4 * rates.mean()

    def policy(scores: Values) -> Values:
        return np.stack([propensities(row, orders, 1.0) for row in scores])

    def rewards(rate: Values) -> Values:
        placed: Values = rate[:, orders]
        if clicks == "places":
            return placed * 0.5 ** np.arange(places)
        return placed * np.cumprod(1 - placed, axis=2) / (1 - placed)

    return Shelf(
        orders=orders,
        logging=policy(0.7 * liked + 0.5 * rng.normal(size=liked.shape)),
        target=policy(liked),
        clicked=rewards(rates),
        believed=rewards(beliefs),
        once=clicks == "cascade",
    )


def draw_lists(world: Shelf, n: int, seed: int, *, by_target: bool = False) -> ListLog:
    """A log of `n` lists; `by_target` logs what the target policy does itself."""
    rng = np.random.default_rng(seed)
    contexts, _, places = world.logging.shape
    true = world.target if by_target else world.logging
    context = rng.integers(0, contexts, n)
    below = true.prod(axis=2).cumsum(axis=1)[context]
    order = (rng.random(n)[:, None] > below[:, :-1]).sum(axis=1)
    predicted, baseline = _futures(world)
    at_place, target_at_place = _at_places(world, true), _at_places(world, world.target)
    cell = (context, order)
    chance = world.clicked[cell]
    if world.once:
        luck, until = rng.random((n, 1)), chance.cumsum(axis=1)
        clicked = (until - chance <= luck) & (luck < until)
    else:
        clicked = rng.random((n, places)) < chance
    return ListLog(
        reward=clicked.astype(np.float64),
        propensity=true[cell],
        target=world.target[cell],
        filled=np.ones((n, places), dtype=np.bool_),
        place_propensity=at_place[cell],
        place_target=target_at_place[cell],
        predicted=predicted[cell],
        baseline=baseline[cell],
    )


def _futures(world: Shelf) -> tuple[Values, Values]:
    """What the model expects from each place on, with and before its item, if the target fills the rest."""
    places = world.orders.shape[1]
    predicted, baseline = np.empty_like(world.believed), np.empty_like(world.believed)
    for place in range(places):
        ahead = world.believed[:, :, place:].sum(axis=2)
        for out, filled in ((predicted, place + 1), (baseline, place)):
            chance = world.target[:, :, filled:].prod(axis=2)
            out[:, :, place] = _over_same_tops(world.orders[:, :filled], chance * ahead)
    return predicted, baseline


def _over_same_tops(tops: Indices, values: Values) -> Values:
    """Sums of `(contexts, m)` over all orders that begin alike, for each order."""
    _, group = (
        np.unique(tops, axis=0, return_inverse=True) if tops.shape[1] else (None, np.zeros(len(tops), int))
    )
    same = np.eye(int(group.max()) + 1)[group]
    out: Values = (values @ same)[:, group]
    return out


def _at_places(world: Shelf, policy: Values) -> Values:
    """The probability of each order's item at its place, whatever is above it."""
    chance = policy.prod(axis=2)
    return np.stack(
        [_over_same_tops(world.orders[:, [place]], chance) for place in range(world.orders.shape[1])], axis=2
    )


def _softmax(logits: Values) -> Values:
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    out: Values = odds / odds.sum(axis=-1, keepdims=True)
    return out
