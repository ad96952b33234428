"""Where backups lie: one tar file each, or a folder in which they share what has not changed.

    FILE       manifest.json, parcels/HASH …       a tar file, written under another name, then renamed
    FOLDER/    backup-TIME.json, parcels/HASH …    a parcel that is there is not written again

Laws (tests/service/backup/test_archive.py):
- a backup is there as a whole or not at all, whenever its writer is killed;
- what is read is what was written, or an error says that it is not.
"""

from __future__ import annotations

import json
import shutil
import tarfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from vlclip.engine.disk import sync
from vlclip.service.backup.errors import BackupError
from vlclip.service.backup.parcel import Entry

FORMAT, FORMAT_OF_SERVERS = 1, 2
"""Backups of servers have snapshots in them, which earlier versions would take for files of a folder."""
MANIFEST, PARCELS, PREFIX = "manifest.json", "parcels", "backup-"
STAGING, STALE_S = ".vlclip-backup-", 86_400
"""Folders beside a backup while it is written; of a killed one they go with the next, a day later."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself; `left_out` are records that it does not hold, with the reason."""

    created: str
    vlclip: str
    engine: str
    store: str
    items: dict[str, int]
    entries: tuple[Entry, ...]
    left_out: tuple[str, ...] = ()

    def form(self) -> dict[str, Any]:
        """As JSON values."""
        return {"format": FORMAT_OF_SERVERS if self.snapshots else FORMAT, **asdict(self)}

    @property
    def snapshots(self) -> tuple[Entry, ...]:
        """Those of a server's collections; a backup of a folder has none."""
        return tuple(entry for entry in self.entries if entry.kind == "snapshot")


def read_manifest(text: bytes, where: Path) -> Manifest:
    """The manifest that `form` wrote. `BackupError` for anything else, and for a later format."""
    try:
        form = json.loads(text)
        version = form.pop("format")
        if version > FORMAT_OF_SERVERS:
            raise BackupError(
                f"{where} was written by a later vlclip ({form.get('vlclip')}, format {version}; this one "
                f"knows {FORMAT_OF_SERVERS}); update vlclip, then restore it"
            )
        entries = tuple(
            Entry(**{**entry, "seal": tuple(entry["seal"]) if entry["seal"] else None})
            for entry in form.pop("entries")
        )
        for entry in entries:
            _check_name(entry.name)
        return Manifest(entries=entries, **{**form, "left_out": tuple(form["left_out"])})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise no_backup(where) from None


class Sink:
    """A backup that is being written: parcels first, then the manifest, which makes it one."""

    def __init__(self, target: Path) -> None:
        self.target, self.is_folder = target, is_folder(target)
        place = target if self.is_folder else target.parent
        place.mkdir(parents=True, exist_ok=True)
        _sweep(place)
        self.staging = place / f"{STAGING}{uuid.uuid4().hex[:8]}"
        self.staging.mkdir()
        self._parcels = target / PARCELS
        self.written = 0
        if self.is_folder:
            self._parcels.mkdir(exist_ok=True)

    def parcels_before(self) -> dict[tuple[str, tuple[int, int]], Entry]:
        """Files that never change and are here from an earlier backup, by name and seal."""
        if not self.is_folder:
            return {}
        entries = (
            entry
            for file in sorted(self.target.glob(f"{PREFIX}*.json"))
            for entry in read_manifest(file.read_bytes(), file).entries
        )
        return {
            (entry.name, entry.seal): entry
            for entry in entries
            if entry.seal and (self._parcels / entry.parcel).is_file()
        }

    def finish(self, manifest: Manifest, parcels: dict[str, Path]) -> Path:
        """Make it a backup; `parcels` are the staged files by hash. The path of the backup."""
        text = json.dumps(manifest.form(), indent=1, ensure_ascii=False).encode()
        if not self.is_folder:
            draft = self.staging / "backup"
            with tarfile.open(draft, "w") as tar:
                head = self.staging / MANIFEST
                head.write_bytes(text)
                tar.add(head, MANIFEST)
                for name, file in parcels.items():
                    tar.add(file, f"{PARCELS}/{name}")
                    self.written += file.stat().st_size
            sync(draft)
            draft.replace(self.target)
            sync(self.target.parent)
            return self.target
        for name, file in parcels.items():
            if not (self._parcels / name).is_file():
                self.written += file.stat().st_size
                sync(file)
                file.replace(self._parcels / name)
        sync(self._parcels)
        stamp = manifest.created.replace(":", "").replace("+0000", "Z")
        draft, place = self.staging / MANIFEST, self.target / f"{PREFIX}{stamp}.json"
        draft.write_bytes(text)
        sync(draft)
        draft.replace(place)
        sync(self.target)
        return place

    def close(self) -> None:
        """Remove what was only staged."""
        shutil.rmtree(self.staging, ignore_errors=True)


class Source:
    """A backup to be read: a tar file, a folder (its latest), or one manifest of a folder."""

    def __init__(self, place: Path) -> None:
        self._tar: tarfile.TarFile | None = None
        if place.is_dir():
            manifests = sorted(place.glob(f"{PREFIX}*.json"))
            if not manifests:
                raise BackupError(f"{place} holds no backup; name a file or folder that vlclip backup wrote")
            place = manifests[-1]
        self.place = place
        try:
            if place.suffix == ".json":
                self._parcels = place.parent / PARCELS
                self.manifest = read_manifest(place.read_bytes(), place)
                return
            self._tar = tarfile.open(place, "r:")  # noqa: SIM115 - closed by `close`
            try:
                with self._member(MANIFEST) as handle:
                    self.manifest = read_manifest(handle.read(), place)
            except BaseException:
                self.close()
                raise
        except FileNotFoundError:
            raise BackupError(f"there is no backup {place}; vlclip backup FILE makes one") from None
        except (tarfile.TarError, EOFError):
            raise no_backup(place) from None
        except OSError as error:
            raise BackupError(f"the backup {place} cannot be read: {error}") from None

    @contextmanager
    def parcel(self, entry: Entry) -> Iterator[BinaryIO]:
        """The parcel of a file."""
        try:
            if self._tar is not None:
                with self._member(f"{PARCELS}/{entry.parcel}") as handle:
                    yield handle
                return
            with (self._parcels / entry.parcel).open("rb") as handle:
                yield handle
        except (FileNotFoundError, tarfile.TarError, EOFError):
            raise BackupError(
                f"the backup {self.place} is damaged: {entry.name} is not in it; nothing was restored, take "
                "another backup"
            ) from None

    @contextmanager
    def _member(self, name: str) -> Iterator[BinaryIO]:
        assert self._tar is not None  # noqa: S101 - its callers have looked
        try:
            handle = self._tar.extractfile(name)
        except KeyError:
            if name == MANIFEST:
                raise no_backup(self.place) from None
            raise FileNotFoundError(name) from None
        if handle is None:
            raise FileNotFoundError(name)
        with handle:
            yield cast("BinaryIO", handle)

    def close(self) -> None:
        """Close the file."""
        if self._tar is not None:
            self._tar.close()


def is_folder(target: Path) -> bool:
    """Whether backups are to be gathered in a folder: one that is there, or a path with a / at its end."""
    return target.is_dir()


def no_backup(place: Path) -> BackupError:
    """The error for a file that is something else."""
    return BackupError(f"{place} is not a backup that vlclip wrote, or it was cut short; name another file")


def now() -> str:
    """The time of a backup, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _sweep(place: Path) -> None:
    for old in place.glob(f"{STAGING}*"):
        if time.time() - old.stat().st_mtime > STALE_S:
            shutil.rmtree(old, ignore_errors=True)


def names(entries: Sequence[Entry]) -> set[str]:
    """The hashes of the parcels."""
    return {entry.parcel for entry in entries}


def _check_name(name: str) -> None:
    """Names come from a file that anybody may have written: none may lead out of the store."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(name)
