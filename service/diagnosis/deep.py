"""The check of `vlclip doctor --deep`: every file and every item compared with what was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vlclip.service.diagnosis.examination import Damage, examine
from vlclip.service.diagnosis.finding import Finding
from vlclip.service.settings import Settings

MOST_NAMES = 20
"""Ids and files that are named; `--json` names all."""


def damage(settings: Settings) -> Iterator[Finding]:
    """What is damaged in every collection of the store, by name."""
    for collection in examine(settings):
        yield from findings_of(collection)


def all_damage(settings: Settings) -> Iterator[Finding]:
    """The same with every id."""
    for collection in examine(settings):
        yield from findings_of(collection, limit=None)


def findings_of(damage: Damage, limit: int | None = MOST_NAMES) -> Iterator[Finding]:
    """The findings of one collection."""
    name = damage.collection
    if damage.files:
        yield Finding("bad", "files", f"{name}: {_listed(damage.files, limit)}; {_REPAIR}")
    if damage.unreadable:
        yield Finding("bad", "engine", f"{name}: {damage.unreadable}; {_RESTORE}")
        return
    if damage.locked:
        says = (
            f"{name} is open in another process, so its items are not compared; stop that one, or back the "
        )
        yield Finding("note", "items", f"{says}store up, restore it beside, and look at that")
        return
    if damage.roll:
        yield Finding("bad", "list of ids", f"{name}: {damage.roll}; {_REPAIR}")
    if damage.damaged:
        says = f"{len(damage.damaged):,} are not what was written: {_listed(damage.damaged, limit)}"
        yield Finding("bad", "damaged items", f"{name}: {says}; {_REPAIR}")
    if damage.missing:
        ids = [name for name in damage.missing if name]
        which = _listed(ids, limit) if ids else "vlclip doctor --deep names them"
        says = f"{len(damage.missing):,} were written and are not there: {which}"
        yield Finding("bad", "missing items", f"{name}: {says}; {_REPAIR}")
    if damage.unchecked:
        says = f"{damage.unchecked:,} of {damage.items:,} were written before there were checksums"
        yield Finding("note", "unchecked items", f"{name}: {says}; vlclip reindex SOURCE writes them anew")
    if not damage.is_damaged:
        yield Finding("ok", "items", f"{name}: all {damage.items:,} are what was written")


_REPAIR = "stop what serves the store and run: vlclip repair CATALOGUE"
_RESTORE = "restore a backup (vlclip restore FILE --replace), or ingest into a new store"


def _listed(names: Sequence[str], limit: int | None) -> str:
    if limit is None or len(names) <= limit:
        return ", ".join(names)
    return f"{', '.join(names[:limit])} and {len(names) - limit:,} more (--json names all)"
