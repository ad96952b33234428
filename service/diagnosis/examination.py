"""Every item of a store compared with its checksums, in a process of its own.

An engine that opens a damaged file may end the process, by a panic in a thread of its own or by asking for
100 GB. So what looks at a store that may be damaged is a child, which writes what it sees to its stdout, and
the parent tells how it ended.

Laws (tests/service/diagnosis/test_deep.py):
- whatever bytes of a closed store are flipped, something is named, or every answer is what it was;
- the process that asks survives whatever the engine does.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vlclip.engine.errors import StoreFull, VlclipError
from vlclip.engine.opening.stores import is_url, shelf
from vlclip.engine.store.edge import seal
from vlclip.engine.store.edge.roll import Roll
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.engine.store.shelf import Shelf
from vlclip.service.settings import Settings


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a collection. `files` are sentences; `damaged` items are there, `missing` ones not.

    `unreadable` says why the engine could not open it, or how it ended; then nothing is known of its items.
    `unchecked` counts items without checksums, `strangers` those that the roll does not name.
    """

    collection: str
    items: int = 0
    files: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unchecked: int = 0
    strangers: int = 0
    roll: str = ""
    unreadable: str = ""
    locked: bool = False

    @property
    def is_damaged(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.files or self.damaged or self.missing or self.unreadable or self.roll)


def examine(settings: Settings, *, collections: list[str] | None = None, deep: bool = True) -> list[Damage]:
    """What is wrong with the collections of a store: all of them, or those that are named.

    Without `deep`, files are compared by their sizes and items are counted only.
    """
    with closing(shelf(settings.store, settings)) as place:
        names = place.names() if collections is None else collections
    return [_examined(settings, name, deep=deep) for name in names]


def _examined(settings: Settings, name: str, *, deep: bool) -> Damage:
    folder = Path(settings.store) / name
    files: list[str] = []
    if not is_url(settings.store):
        files = seal.differences(folder) if deep else seal.glance(folder)
    arguments = [sys.executable, "-m", __name__, name, "deep" if deep else "open"]
    child = subprocess.run(  # noqa: S603 - this module, in this Python
        arguments, input=settings.model_dump_json(), capture_output=True, text=True, check=False
    )  # fmt: skip
    lines = child.stdout.splitlines()
    if child.returncode == 0 and lines:
        if "full" in (answer := json.loads(lines[-1])):
            raise StoreFull(answer["full"])
        return Damage(**{**answer, "files": files})
    why = _end(child.returncode, child.stderr)
    return Damage(name, files=files, unreadable=why)


def _end(status: int, words: str) -> str:
    """How the child ended, in words."""
    last = next((line for line in reversed(words.splitlines()) if line.strip()), "")
    if status < 0:
        name = signal.Signals(-status).name
        return f"the engine ended its process ({name}) as it read the files: {last[:200]}"
    return f"the engine failed as it read the files: {last[:200]}"


def _look(place: Shelf, name: str, settings: Settings, *, deep: bool) -> Damage:
    with closing(QdrantStore(place.open(name))) as store:
        items = store.count()
        roll = None if is_url(settings.store) else Roll(Path(settings.store) / name)
        expected, wrong = roll.read() if roll is not None and roll.exists else ({}, 0)
        damage = Damage(
            name, items=items, roll=f"{wrong} lines of its list of ids are damaged" if wrong else ""
        )
        if not deep:
            if roll is not None and roll.exists and len(expected) > items:
                return Damage(**{**asdict(damage), "missing": [""] * (len(expected) - items)})
            return damage
        present: set[str] = set()
        unchecked = 0
        for verdicts in store.examine():
            for verdict in verdicts:
                present.add(verdict.uuid)
                unchecked += verdict.vector is None and verdict.payload is None
                if verdict.is_damaged:
                    damage.damaged.append(expected.get(verdict.uuid) or verdict.id or f"point {verdict.uuid}")
        if roll is not None and roll.exists:
            damage.missing.extend(name for uuid, name in expected.items() if uuid not in present)
        strangers = len(present - expected.keys()) if expected else 0
        return Damage(**{**asdict(damage), "unchecked": unchecked, "strangers": strangers})


def main() -> None:
    """The child: settings on stdin, a collection and how to look as arguments, one line of JSON on stdout."""
    settings = Settings(**json.loads(sys.stdin.read()))
    _, name, how = sys.argv
    out: dict[str, Any]
    try:
        with closing(shelf(settings.store, settings)) as place:
            out = asdict(_look(place, name, settings, deep=how == "deep"))
    except StoreFull as error:  # nothing is wrong with it
        out = {"full": str(error)}
    except VlclipError as error:
        locked = error.code == "store-locked"
        out = asdict(Damage(name, unreadable="" if locked else str(error), locked=locked))
    sys.stdout.write(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
