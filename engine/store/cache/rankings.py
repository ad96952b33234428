"""Rankings that were asked for before, each as long as nothing has changed that it depends on.

A ranking depends on every vector, on the words if it goes by words, and on the fields that its filter names.
So a change of prices leaves those that filter by no price.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from vlclip.engine.filters import Filter
from vlclip.engine.store.store import Query

WORDS = "words"
"""What a ranking by words depends on, beside fields: those have a type before their name."""
MAX_PARTS = 10_000
"""Fields whose changes are counted each by itself."""
Part = tuple[str, str] | str


@dataclass(frozen=True, slots=True)
class Ranking:
    """The ids of items, best first, with their scores.

    A score is a tuple of one number for each search that it comes from. `made_at` counts changes.
    """

    made_at: int
    ids: tuple[str, ...]
    scores: tuple[tuple[float, ...], ...]
    depends_on: tuple[Part, ...]


class Changes:
    """Counts changes, and says what they changed."""

    def __init__(self) -> None:
        self.count = 0
        self._all = 0
        self._parts: dict[Part, int] = {}

    def note_all(self) -> None:
        """Items came, went, or got other vectors."""
        self.count += 1
        self._all = self.count
        self._parts.clear()

    def note(self, fields: Collection[str], *, words: bool) -> None:
        """Only these fields of stored items changed, and their words."""
        self.count += 1
        for part in (*fields_of(fields), *([WORDS] if words else ())):
            self._parts[part] = self.count
        if len(self._parts) > MAX_PARTS:
            self.note_all()

    def spare(self, ranking: Ranking) -> bool:
        """Whether nothing has changed that a ranking depends on."""
        return ranking.made_at >= self._all and all(
            ranking.made_at >= self._parts.get(part, 0) for part in ranking.depends_on
        )


class Rankings:
    """Rankings by question, with at most `most` places in all; those not asked for longest go first.

    Its owner takes care that one thread at a time is in it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_question: OrderedDict[Hashable, Ranking] = OrderedDict()
        self.places = 0

    def get(self, question: Hashable, changes: Changes) -> Ranking | None:
        """The ranking of a question; None where there is none, or it may not be right any more."""
        ranking = self._by_question.get(question)
        if ranking is None:
            return None
        if not changes.spare(ranking):
            self._drop(question)
            return None
        self._by_question.move_to_end(question)
        return ranking

    def add(self, question: Hashable, ranking: Ranking) -> None:
        """Take a ranking in."""
        self._drop(question)
        self._by_question[question] = ranking
        self.places += _places(ranking)
        while self.places > self._most:
            self._drop(next(iter(self._by_question)))

    def clear(self) -> None:
        """Forget all."""
        self._by_question.clear()
        self.places = 0

    def _drop(self, question: Hashable) -> None:
        ranking = self._by_question.pop(question, None)
        if ranking is not None:
            self.places -= _places(ranking)


def question_of(query: Query, *further: object) -> bytes:
    """What makes a ranking: all of a query but what is read of its items.

    It is a digest: texts, values of filters and ids to leave out may be long, and whoever asks chooses them.
    """
    conditions = [(each.field, each.operator, each.values) for each in query.filter.conditions]
    # written out, a bool differs from a number that it equals, and filters tell them apart
    words = query.text, query.limit, query.offset, query.ef, query.exact, query.exclude, conditions, further
    digest = blake2b(repr(words).encode(), digest_size=16)
    if query.vector is not None:
        digest.update(np.asarray(query.vector, np.float32).tobytes())
    return digest.digest()


def fields_of(names: Collection[str] | Filter) -> tuple[Part, ...]:
    """Fields as what a ranking depends on."""
    if isinstance(names, Filter):
        names = [condition.field for condition in names.conditions]
    return tuple(("field", name) for name in dict.fromkeys(names))


def _places(ranking: Ranking) -> int:
    return 8 + len(ranking.ids)  # the question takes as much as a few places
