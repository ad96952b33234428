"""One card for each product: of the variants of a group, the best is ranked and the others stand behind it.

Laws (tests/ranking/lists/test_grouping.py):
- a grouped list is the ungrouped one without the items that a better item of their group stands above;
- so pages stay full and continue each other, and a filter shows a group by its best variant that fits;
- an item without a group is a card of its own;
- items that rank below an item never change whether it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vlclip.engine.store.store import Store

GROUP = "group"
"""The field of an item that its variants share."""


def group_of(payload: Mapping[str, Any]) -> str:
    """The group of an item, "" where it has none."""
    group = payload.get(GROUP, "")
    return group if isinstance(group, str) else ""  # a list or a number is an attribute of an older store


def best_of_groups(payloads: Iterable[Mapping[str, Any]]) -> list[int]:
    """The rows of items, given best first, that no better item of their group stands above."""
    groups: set[str] = set()
    rows = []
    for row, group in enumerate(map(group_of, payloads)):
        if group not in groups:
            rows.append(row)
        if group:
            groups.add(group)
    return rows


def groups_of(store: Store, ids: Sequence[str]) -> tuple[str, ...]:
    """The groups of these items; those without a group, and those that are not stored, have none."""
    records = store.retrieve(ids, fields=(GROUP,)) if ids else {}
    return tuple(sorted({group for record in records.values() if (group := group_of(record.payload))}))
