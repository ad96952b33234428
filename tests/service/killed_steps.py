"""A restore and a repair that end at each of their steps in turn, as a killed process does.

    python -m tests.service.killed_steps ACT FOLDER

A step is a name that changes: a rename, the beginning of a folder's removal, and some of all removals and
new folders. Each act is done in a process of its own that ends before the step, without any clearing up.
Then the store is looked at, the act is done again, and the store has to be whole. Prints what was wrong, and
how many steps there were, as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.service.backup.shops import contents, fill, point_of, settings_of
from tests.service.killing import Watch, is_killed, within
from vlclip.engine.errors import StoreError
from vlclip.engine.opening.stores import open_store, shelf
from vlclip.engine.store.edge.folder import BUILDING, FORMER, REPLACED, RESTORING, is_half_restored
from vlclip.ingestion.drawn import write_catalogue
from vlclip.ingestion.pipeline.ingest import ingest_catalogue
from vlclip.service.backup.restoring import restore_backup
from vlclip.service.backup.taking import take_backup
from vlclip.service.cli import load_command
from vlclip.service.diagnosis.examination import examine
from vlclip.service.settings import Settings

EACH = 60
"""Of so many removals and new folders one is a step."""


def watching(counts: Callable[[str, tuple[Any, ...]], bool]) -> Watch:
    """The steps of an act; `counts` says what is one."""

    def watch(meet: Callable[[], None]) -> None:
        lesser = [0]

        def look(event: str, arguments: tuple[Any, ...]) -> None:
            if event in ("os.remove", "os.rmdir", "os.mkdir"):
                lesser[0] += 1
                if lesser[0] % EACH:
                    return
            elif event not in ("os.rename", "shutil.rmtree"):
                return
            if counts(event, arguments):
                meet()

        sys.addaudithook(look)

    return watch


def look_at(settings: Settings) -> Any:
    """What is in the store; None where there is none."""
    if is_half_restored(Path(settings.store)):
        return None
    try:
        with closing(shelf(settings.store, settings)) as place:
            if place.current() is None:
                return None
        return contents(settings)
    except StoreError as error:
        return str(error)


def restores(folder: Path, *, replace: bool) -> Iterator[str]:
    """Of a store restored into a new folder, or over another one with its history elsewhere."""
    sections: dict[str, Any] = {
        "history": {"url": str(folder / "elsewhere" / "events.db"), "retention_days": 0}
    }
    original, place = settings_of(folder / "original"), settings_of(folder / "place", **sections)
    within(lambda: fill(original))
    within(lambda: take_backup(original, folder / "backup.tar") and None)
    former = None
    if replace:
        within(lambda: restore_backup(folder / "backup.tar", place) and None)
        within(lambda: _change(place))
        former = within(lambda: look_at(place))
        within(lambda: take_backup(place, folder / "former.tar") and None)
    within(lambda: restore_backup(folder / "backup.tar", place, replace=replace) and None)
    restored = within(lambda: look_at(place))
    history = (folder / "elsewhere" / "events.db").read_bytes()

    def act() -> None:
        restore_backup(folder / "backup.tar", place, replace=replace)

    for step in range(1, 1000):
        if replace:
            within(lambda: restore_backup(folder / "former.tar", place, replace=True) and None)
        else:
            shutil.rmtree(folder / "place")
            shutil.rmtree(folder / "elsewhere")
        if not is_killed(act, step, watching(lambda *_: True)):
            yield ""
            return
        there = within(lambda: look_at(place))
        if there not in (None, former, restored):
            yield f"step {step}: the store is neither the former nor the restored nor none: {there!r:.300}"
        if there is not None and (left := left_in(folder / "place")):
            yield f"step {step}: after it was opened, {left} are left"
        if not replace and there == restored:  # nothing more to do: it would be refused
            yield ""
            continue
        within(act)
        left = left_in(folder / "place")
        is_whole = within(lambda: look_at(place)) == restored
        if left or not is_whole or (folder / "elsewhere" / "events.db").read_bytes() != history:
            yield f"step {step}: after it was done again, whole: {is_whole}, left: {left}"
        yield ""


def left_in(place: Path) -> list[str]:
    return [name for name in (RESTORING, REPLACED) if (place / name).exists()]


def _change(settings: Settings) -> None:
    with closing(open_store(settings.store, settings)) as store:
        store.upsert([point_of(1, 99.0), point_of(200)])


def repairs(folder: Path) -> Iterator[str]:
    """Of a store with a damaged item."""
    store, catalogue = folder / "store", write_catalogue(folder / "drawn", 12, 7)
    settings = Settings.load(store=str(store), device="cpu")
    within(lambda: ingest_catalogue(catalogue, settings) and None)
    whole = within(lambda: _vectors(settings))
    (vectors,) = store.glob("collection-*/segments/*/vector_storage-fused/vectors/chunk_0.mmap")
    with vectors.open("r+b") as handle:
        handle.seek(40)
        handle.write(bytes([handle.read(1)[0] ^ 64]))
    damaged = folder / "damaged"
    copy_store(store, damaged)
    names = (BUILDING, FORMER, "collection-", "ledger")

    def counts(event: str, arguments: tuple[Any, ...]) -> bool:
        paths = [
            Path(os.fsdecode(path)) for path in arguments[:2] if isinstance(path, str | bytes | os.PathLike)
        ]
        return event != "os.mkdir" and any(path.name.startswith(names) for path in paths)

    def act() -> None:
        words = [str(catalogue), "--store", str(store), "--device", "cpu"]
        load_command("repair")(words, standalone_mode=True)

    for step in range(1, 1000):
        shutil.rmtree(store)
        copy_store(damaged, store)
        killed = is_killed(act, step, watching(counts))
        if killed:
            there = within(lambda: _vectors(settings))
            if len(there) < len(whole) - 1:
                yield f"step {step}: {len(there)} of {len(whole)} items are there"
            within(lambda: _ended(act))
        if within(lambda: _vectors(settings)) != whole or any(
            damage.is_damaged for damage in within(lambda: examine(settings))
        ):
            yield f"step {step}: after it was done again, the store is not whole"
        yield ""
        if not killed:
            return


def _ended(act: Callable[[], None]) -> None:
    try:
        act()
    except SystemExit as ended:
        if ended.code:
            raise RuntimeError("the repair was not content") from None


def _vectors(settings: Settings) -> dict[str, list[float]]:
    with closing(open_store(settings.store, settings)) as store:
        pages = list(store.scan(with_vector=True))
    return {record.id: [round(float(x), 3) for x in record.vector[:8]] for page in pages for record in page}


def copy_store(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-r", "--sparse=always", source, target], check=True)


ACTS: dict[str, Callable[[Path], Iterator[str]]] = {
    "restore": lambda folder: restores(folder, replace=False),
    "replace": lambda folder: restores(folder, replace=True),
    "repair": repairs,
}


def main() -> None:
    steps, wrong = 0, []
    for says in ACTS[sys.argv[1]](Path(sys.argv[2])):
        steps += not says
        wrong += [says] if says else []
    sys.stdout.write(json.dumps({"steps": steps, "wrong": wrong}) + "\n")


if __name__ == "__main__":
    main()
