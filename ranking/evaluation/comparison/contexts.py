"""What rankings are asked on when they are compared: items, words, shoppers, or what a log's lists were for.

Laws (tests/service/commands/test_compare.py):
- a logged list's context asked of the arm that made it gives the list that was logged;
- what cannot be asked again is left out with its reason, never asked as something else;
- the same seed draws the same contexts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from vlclip.engine.store.store import Store
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.replay.contexts import read_context
from vlclip.ranking.experiments.exposure import ListKind
from vlclip.ranking.experiments.outcome import Logged
from vlclip.ranking.history.events import unit_of
from vlclip.ranking.lists.answer import FIRST, Answer, Page
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import Recommender


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A question without the way to rank: `anchor`, `text` or the shopper `unit`, by `kind`."""

    kind: ListKind
    anchor: str = ""
    text: str = ""
    unit: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    page: Page = FIRST

    @property
    def label(self) -> str:
        """What is asked, for people."""
        return {"similar": f"like {self.anchor}", "search": f"“{self.text}”"}.get(
            self.kind, f"for {self.unit}"
        )

    def ask(self, recommender: Recommender, arm: Arm, limit: int) -> Answer:
        """The arm's first `limit` results, by the weights that were asked for where there are any."""
        page = replace(self.page, limit=limit)
        if self.kind == "similar":
            return recommender.similar(
                self.anchor, weights=self.weights, page=page, shopper=self.unit, arm=arm
            )
        if self.kind == "search":
            return recommender.search(self.text, weights=self.weights, page=page, shopper=self.unit, arm=arm)
        return recommender.recommend(self.unit, weights=self.weights, page=page, arm=arm)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Contexts drawn from a log, the lists that were shown, and how many were left out, by reason."""

    contexts: tuple[Context, ...]
    shown: tuple[tuple[str, ...], ...]
    left_out: Mapping[str, int]


def random_anchors(store: Store, count: int, seed: int) -> list[Context]:
    """Similar lists of `count` items of the store, drawn by chance, without their order mattering."""
    ids = sorted(record.id for batch in store.scan(fields=("id",)) for record in batch)
    return [Context(kind="similar", anchor=ids[row]) for row in _rows(len(ids), count, seed)]


def queries(path: Path, count: int, seed: int) -> list[Context]:
    """A search for each line, at most `count` of them."""
    lines = _lines(path)
    return [Context(kind="search", text=lines[row]) for row in _rows(len(lines), count, seed)]


def users(path: Path, count: int, seed: int) -> list[Context]:
    """Recommendations for the user on each line, at most `count` of them."""
    lines = _lines(path)
    return [
        Context(kind="recommendations", unit=unit_of(lines[row])) for row in _rows(len(lines), count, seed)
    ]


def logged_contexts(logged: Iterable[Logged], count: int, seed: int) -> Drawn:
    """At most `count` first pages of a log, drawn by chance; all of them have the same chance."""
    rng, left_out, fitting = np.random.default_rng(seed), Counter[str](), 0
    kept: list[tuple[Context, tuple[str, ...]]] = []
    for one, _ in logged:
        asked = read_context(one)
        if isinstance(asked, str):
            left_out[asked] += 1
            continue
        # the k-th that fits takes the place of one of those drawn, with a chance of count / k
        place = fitting if fitting < count else int(rng.integers(fitting + 1))
        fitting += 1
        if place < count:
            found = Context(
                kind=asked.kind, anchor=asked.anchor, text=asked.text, unit=asked.shopper,
                weights=asked.weights, page=asked.page,
            )  # fmt: skip
            kept[place : place + 1] = [(found, asked.shown)]
    contexts, shown = zip(*kept, strict=True) if kept else ((), ())
    return Drawn(contexts, shown, dict(left_out))


def _rows(n: int, count: int, seed: int) -> Sequence[int]:
    """At most `count` of n rows, by chance, in their order."""
    if n <= count:
        return range(n)
    drawn: list[int] = np.sort(np.random.default_rng(seed).choice(n, count, replace=False)).tolist()
    return drawn


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path} cannot be read ({error}); give a text file, one a line") from None
    return [line.strip() for line in lines if line.strip()]
