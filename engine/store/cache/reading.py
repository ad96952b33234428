"""What was read of a store's memory: what was made from that alone depends on nothing else."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from vlclip.engine.store.cache.items import CachedItem
from vlclip.engine.store.cache.rankings import Ranking


@dataclass(slots=True)
class Reading:
    """Rankings by their questions, items by their ids, and whether the store had these fields."""

    rankings: list[tuple[Hashable, Ranking]] = field(default_factory=list)
    items: dict[str, CachedItem | None] = field(default_factory=dict)
    fields: dict[str, bool] = field(default_factory=dict)
