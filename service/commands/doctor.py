"""`vlclip doctor`: what is here, what is wrong, what to do about it."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import typer

from engine.clip import load_clip, pick_device
from engine.errors import StoreNotFound, VlclipError
from engine.filters import listed
from engine.settings import Settings
from engine.store.opening import open_store
from ingestion.ledger import Ledger
from service.terminal import Clip, Device, Json, StoreOption, out, print_json, says_what_went_wrong
from service.wiring import Encoders, ledger_path

LIBRARIES = ("torch", "open_clip_torch", "qdrant-edge-py", "qdrant-client", "transformers", "polars")
MARKS = {"ok": "[green]ok[/]  ", "note": "[yellow]note[/]", "bad": "[red]bad[/] "}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `bad` makes the command fail."""

    state: Literal["ok", "note", "bad"]
    what: str
    says: str


@says_what_went_wrong
def doctor(
    *, store: StoreOption = None, clip: Clip = None, device: Device = None, json: Json = False
) -> None:
    """Check libraries, device, model, store and dead letters; status 1 if something is broken."""
    settings = Settings.load(store=store, clip=clip, device=device)
    findings = [finding for check in CHECKS for finding in _guarded(check, settings)]
    broken = any(finding.state == "bad" for finding in findings)
    if json:
        print_json({"ok": not broken, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            out.print(f"{MARKS[finding.state]} {finding.what}: ", end="")
            out.print(finding.says, markup=False, highlight=False)
    if broken:
        raise typer.Exit(1)


def _guarded(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    try:
        yield from check(settings)
    except VlclipError as error:
        yield Finding("bad", check.__name__.strip("_"), str(error))


def _libraries(_: Settings) -> Iterator[Finding]:
    try:
        found = [f"{name} {version(name)}" for name in LIBRARIES]
    except PackageNotFoundError as error:
        yield Finding("bad", "libraries", f"{error.name} is missing; pip install vlclip")
    else:
        yield Finding("ok", "libraries", f"Python {platform.python_version()}, {', '.join(found)}")


def _machine(settings: Settings) -> Iterator[Finding]:
    yield Finding("ok", "machine", f"{os.cpu_count()} cores, models run on {pick_device(settings.device)}")


def _model(settings: Settings) -> Iterator[Finding]:
    clip = load_clip(settings.clip, "cpu")
    yield Finding("ok", "model", f"{settings.clip} loads; vectors of {clip.size}")


def _store(settings: Settings) -> Iterator[Finding]:
    try:
        opened = open_store(settings.store, settings)
    except StoreNotFound as error:
        yield Finding("note", "store", str(error))
        return
    try:
        info = opened.info
        yield Finding(
            "ok",
            "store",
            f"{settings.store} holds {opened.count():,} items, fingerprint {info.fingerprint}",
        )
        yield Finding("ok", "fields to filter on", listed("", opened.fields()))
        Encoders(settings, info).check()
        yield Finding("ok", "encoder", "it is the one that made the store's vectors")
    finally:
        opened.close()


def _dead_letters(settings: Settings) -> Iterator[Finding]:
    path: Path = ledger_path(settings)
    if not path.exists():
        return
    ledger = Ledger(path)
    try:
        waiting = ledger.count_dead_letters()
        last = next(iter(ledger.runs(1)), None)
    finally:
        ledger.close()
    if last is not None:
        yield Finding("ok", "last ingest", f"{last.status}, {last.read:,} read, started {last.started}")
    if waiting:
        yield Finding(
            "note", "dead letters", f"{waiting:,} items failed; vlclip ingest SOURCE --retry-failed"
        )
    else:
        yield Finding("ok", "dead letters", "none")


CHECKS = (_libraries, _machine, _model, _store, _dead_letters)
