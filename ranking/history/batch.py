"""Many events as columns, which are checked and written together: an import of a log is ten times as fast so.

Laws (tests/ranking/history/test_batch.py):
- a batch holds the events that `Event` takes, and counts the others with its reason;
- a history that is given a batch is as if it were given its events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain

from vlclip.ranking.errors import BadEvent
from vlclip.ranking.history.events import Event, has_bad_name, unit_of


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBatch:
    """The fields of `Event`, a list each, all of one length. Every event has been checked."""

    id: Sequence[str]
    kind: Sequence[str]
    item: Sequence[str]
    time: Sequence[float]
    user: Sequence[str]
    session: Sequence[str]
    request_id: Sequence[str]
    value: Sequence[float | None]

    def __len__(self) -> int:
        return len(self.id)

    @classmethod
    def joined(cls, batches: Sequence[EventBatch]) -> EventBatch:
        """The events of these batches."""
        return cls(**{
            field.name: list(chain.from_iterable(getattr(batch, field.name) for batch in batches))
            for field in fields(cls)
        })  # fmt: skip

    def events(self) -> Iterator[Event]:
        """Each event."""
        names = [field.name for field in fields(self)]
        for values in zip(*(getattr(self, name) for name in names), strict=True):
            yield Event(**dict(zip(names, values, strict=True)))

    def units(self) -> list[str]:
        """The unit of each event."""
        return [
            f"user:{user}" if user else unit_of(user, session)
            for user, session in zip(self.user, self.session, strict=True)
        ]

    def checked(self, refused: Counter[str]) -> EventBatch:
        """The events whose names may be stored; `refused` counts the others, by the reason.

        The names of a batch are searched together, and singly only where one is wrong.
        """
        columns = (self.id, self.item, self.user, self.session, self.request_id)
        if not any(map(has_bad_name, columns)):
            return self
        sound = []
        for place in range(len(self)):
            try:
                Event(**{field.name: getattr(self, field.name)[place] for field in fields(self)})
            except BadEvent as error:
                refused[str(error)] += 1
            else:
                sound.append(place)
        return EventBatch(
            **{field.name: [getattr(self, field.name)[n] for n in sound] for field in fields(self)}
        )
