"""What cards say of their groups, kept until an item of the group is written.

Laws (tests/ranking/lists/test_group_cache.py):
- whatever is written, and whenever, a card says what the store holds once the write has returned;
- a store that other processes write is asked each time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from vlclip.engine.store.store import Store, Written
from vlclip.ranking.lists.grouping import group_of
from vlclip.ranking.lists.variants import Variants, read_variants

MOST_MEMBERS = 50_000
"""Items of all groups that are kept; some 200 bytes each."""


@dataclass(slots=True)
class _Meanwhile:
    """The ids and groups that were written while somebody read."""

    ids: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)


class GroupCache:
    """Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._variants: dict[str, Variants] = {}
        self._group_of: dict[str, str] = {}
        self._reading: list[_Meanwhile] = []
        self._is_following: bool | None = None

    def variants(self, groups: Sequence[str]) -> dict[str, Variants]:
        """What `read_variants` says of these groups."""
        if self._is_following is None:
            self._is_following = self._store.follow(self._drop)
        if not self._is_following:
            return read_variants(self._store, groups)
        with self._lock:
            remembered = {group: self._variants[group] for group in groups if group in self._variants}
        missing = [group for group in groups if group not in remembered]
        if not missing:
            return remembered
        with self._noticing() as written:
            read = read_variants(self._store, missing)
            self._keep(read, written)
        return {**remembered, **read}

    @contextmanager
    def _noticing(self) -> Iterator[_Meanwhile]:
        """Collect what is written meanwhile: it may have been read before."""
        written = _Meanwhile()
        with self._lock:
            self._reading.append(written)
        try:
            yield written
        finally:
            with self._lock:
                self._reading = [other for other in self._reading if other is not written]

    def _keep(self, read: Mapping[str, Variants], written: _Meanwhile) -> None:
        with self._lock:
            for group, variants in read.items():
                if (
                    variants.is_part
                    or group in written.groups
                    or not written.ids.isdisjoint(variants.members)
                ):
                    continue
                self._forget(group)
                self._variants[group] = variants
                self._group_of.update(dict.fromkeys(variants.members, group))
            while len(self._group_of) > MOST_MEMBERS:
                self._forget(next(iter(self._variants)))  # the one that was read first

    def _drop(self, write: Written) -> None:
        """Items were written or removed: their groups of before and of now go."""
        groups = {group for payload in write.payloads if (group := group_of(payload))}
        with self._lock:
            for written in self._reading:
                written.ids.update(write.ids)
                written.groups.update(groups)
            for group in groups | {self._group_of[item] for item in write.ids if item in self._group_of}:
                self._forget(group)

    def _forget(self, group: str) -> None:
        variants = self._variants.pop(group, None)
        for member in variants.members if variants else ():
            self._group_of.pop(member, None)
