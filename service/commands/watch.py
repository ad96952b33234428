"""`vlclip watch`: a catalogue ingested again whenever it changes.

Laws (tests/service/commands/test_watch.py):
- a catalogue, or a photo in a file, that changed is ingested once;
- there is one line a round, whatever happens in it; a round that fails is tried again;
- a stop ends the wait at once and a run after its current batch.
"""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from vlclip.engine.errors import SettingsError, VlclipError
from vlclip.engine.opening.stores import home
from vlclip.engine.tables.lines import check_encoding
from vlclip.ingestion.photos.folders import PhotoFolders
from vlclip.ingestion.pipeline.feed import state_folder
from vlclip.ingestion.pipeline.ingest import IngestPlan
from vlclip.ingestion.pipeline.report import IngestReport
from vlclip.ingestion.reading.preset import CHOICES
from vlclip.ingestion.reading.sources import Source, open_source
from vlclip.service.commands.options import (
    CheckPhotos,
    Clip,
    ColumnMap,
    Device,
    Encoding,
    Format,
    Grounder,
    Json,
    Key,
    LedgerOption,
    MissingPhotoOption,
    Prune,
    Refine,
    StoreOption,
    TextEncoder,
    Url,
)
from vlclip.service.commands.target import StoreOptions, Target
from vlclip.service.reports.ingestion import report_json
from vlclip.service.reports.terminal import err, out, says_what_went_wrong

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@says_what_went_wrong
def watch(
    source: Annotated[
        str, typer.Argument(help="A file, a folder of files, an http(s) URL, or s3://… and the like.")
    ],
    *,
    every: Annotated[str, typer.Option(help="Time between two looks: 30s, 5m, 1h.")] = "5m",
    store: StoreOption = None,
    url: Url = None,
    key: Key = "",
    ledger: LedgerOption = None,
    map: ColumnMap = None,
    format: Format = "auto",
    encoding: Encoding = "",
    prune: Prune = False,
    check_photos: CheckPhotos = False,
    missing_photo: MissingPhotoOption = None,
    clip: Clip = None,
    text_encoder: TextEncoder = None,
    grounder: Grounder = None,
    refine: Refine = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Ingest a catalogue again whenever it changes, until stopped; one line a look.

    A change is another ETag, time or size, also of photos in files. Pruning has the guards that it has in
    ingest. A look that fails is told and tried again. Ctrl-C or SIGTERM ends it after the current batch.
    """
    if format not in CHOICES:
        raise SettingsError(f"there is no format {format!r}; there are: {', '.join(CHOICES)}")
    options = StoreOptions(
        store=store, clip=clip, text_encoder=text_encoder, device=device,
        grounder=grounder, refine=refine, missing_photo=missing_photo,
    )  # fmt: skip
    settings = options.settings()
    target = Target.of(settings, url, key, ledger, options)
    copies = (state_folder(target.url) if target.url else home(settings)) / "watched"
    near = settings.search.collapse_distance
    plan = IngestPlan(
        source, map or [], format, prune,
        near=near, encoding=check_encoding(encoding), check_photos=check_photos,
    )  # fmt: skip
    target.check(plan)
    watcher = Watcher(open_source(source, copies), target.ingest, plan, seconds(every))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: watcher.stopping.set())
    err.print(f"watching {watcher.source.name} every {every} -> {target.name}  (stop: Ctrl-C)", markup=False)
    watcher.watch(_print_json if json else _print)


@dataclass
class Watcher:
    """Looks at a source again and again; `plan` says how it is read, `stopping` ends it."""

    source: Source
    ingest: Callable[[IngestPlan, Callable[[IngestReport], None]], IngestReport]
    plan: IngestPlan
    every_s: float
    stopping: threading.Event = field(default_factory=threading.Event)
    photo_folders: PhotoFolders = field(default_factory=PhotoFolders)
    _path: Path | None = None
    _is_due: bool = False

    def watch(self, say: Callable[[dict[str, Any]], None]) -> None:
        """Look until `stopping` is set; `say` gets what came of each look."""
        while not self.stopping.is_set():
            say({"time": datetime.now(UTC).isoformat(timespec="seconds"), **self.look()})
            self.stopping.wait(self.every_s)

    def look(self) -> dict[str, Any]:
        """One look: `status` is unchanged, ingested, failed or stopped."""
        try:
            path = self.source.renewed(self.stopping.wait)
            if path is None and self._path is not None and self._are_photos_due():
                path = self._path
            if path is None:
                return {"status": "stopped" if self.stopping.is_set() else "unchanged"}
            self._path, self._is_due = path, True
            self.photo_folders.restart()
            plan = replace(self.plan, source=path, photo_folders=self.photo_folders)
            report = self.ingest(plan, self._end_if_stopping)
        except VlclipError as error:
            return {"status": "failed", "code": error.code, "message": str(error)}
        except KeyboardInterrupt:
            return {"status": "stopped"}
        self.source.settle()
        self._is_due = False
        return {"status": "ingested", "dead_letters": report.dead_letters, **report_json(report)}

    def _are_photos_due(self) -> bool:
        """Whether photos changed since the last run, or that one failed, or each look checks photos."""
        return self._is_due or self.plan.check_photos or self.photo_folders.changed(self.stopping.wait)

    def _end_if_stopping(self, _: IngestReport) -> None:
        if self.stopping.is_set():
            raise KeyboardInterrupt  # a run in the ledger that ends so is an interrupted one


def seconds(text: str) -> float:
    """The seconds that `30s`, `5m`, `1h` or `1d` mean."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", text)
    if match is None or float(match[1]) == 0:
        raise SettingsError(f"cannot read the time {text!r}; write 30s, 5m or 1h")
    return float(match[1]) * UNITS[match[2]]


def _print(look: dict[str, Any]) -> None:
    match look["status"]:
        case "ingested":
            names = ("read", "embedded", "updated", "unchanged", "failed", "deleted")
            counts = ", ".join(f"{look[name]:,} {name}" for name in names if look[name] or name != "updated")
            words = f"changed: {counts} in {look['seconds']:.1f} s"
            if notes := sum(look["warnings"].values()):
                words += f", {notes:,} notes"
            if look["prune_refused"]:
                words += f"; not pruned: {look['prune_refused']}"
            if look["dead_letters"]:
                words += f"; {look['dead_letters']:,} dead letters wait (vlclip ingest --retry-failed)"
        case "failed":
            words = f"failed ({look['code']}), tried again: {look['message']}"
        case "stopped":
            words = "stopped; everything stored so far is kept"
        case _:
            words = "unchanged"
    out.print(f"{look['time']} {words}", markup=False, highlight=False, soft_wrap=True)


def _print_json(look: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(look, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
    sys.stdout.flush()
