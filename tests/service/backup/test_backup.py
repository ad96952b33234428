"""Laws of `service/backup/taking.py` and `restoring.py`."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.contract.shop import INFO
from tests.service.backup.shops import collection_contents, contents, fill, point_of, settings_of
from vlclip.engine.errors import StoreDamaged, StoreError, StoreFull, StoreLocked, StoreNotFound
from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.edge.folder import REPLACED, RESTORING, STORE_FILE
from vlclip.service.backup.errors import BackupError
from vlclip.service.backup.restoring import restore_backup
from vlclip.service.backup.taking import take_backup
from vlclip.service.diagnosis.records import restored

WRITER = """
import sys
from contextlib import closing
from tests.service.backup.shops import point_of, settings_of
from pathlib import Path
from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.store import Revision
settings = settings_of(Path(sys.argv[1]))
with closing(open_store(settings.store, settings)) as store:
    print("open", flush=True)
    for turn in range(1, 100_000):
        for start in range(0, 40, 8):
            store.upsert([point_of(number, float(turn)) for number in range(start, start + 8)])
        store.revise(["sku-1"], lambda _: Revision({"turn": turn}))
        print(turn, flush=True)
"""
BACKUP = """
import sys
from pathlib import Path
from tests.service.backup.shops import settings_of
from vlclip.service.backup.taking import take_backup
print("begun", flush=True)
take_backup(settings_of(Path(sys.argv[1])), Path(sys.argv[2]))
"""
RESTORE = """
import sys
from pathlib import Path
from tests.service.backup.shops import settings_of
from vlclip.service.backup.restoring import restore_backup
print("begun", flush=True)
restore_backup(Path(sys.argv[2]), settings_of(Path(sys.argv[1])), replace=True)
"""


def child(code: str, *arguments: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    fill(settings_of(tmp_path / "store"))
    return tmp_path / "store"


@pytest.mark.parametrize("target", ["backup.tar", "backups"])
def test_a_restored_store_equals_the_original(store: Path, tmp_path: Path, target: str) -> None:
    if target == "backups":
        (tmp_path / target).mkdir()
    backup = take_backup(settings_of(store), tmp_path / target)
    assert sorted(backup.manifest.items.values()) == [7, 39]
    restore_backup(tmp_path / target, settings_of(tmp_path / "restored"))
    assert contents(settings_of(tmp_path / "restored")) == contents(settings_of(store))
    assert (tmp_path / "restored" / STORE_FILE).read_bytes() == (store / STORE_FILE).read_bytes()
    assert not list(tmp_path.glob("**/.vlclip-backup-*"))


def test_records_that_settings_keep_elsewhere_are_backed_up_and_brought_back_there(tmp_path: Path) -> None:
    places: dict[str, Any] = {
        "history": {"url": str(tmp_path / "events.db"), "retention_days": 0},
        "exposures": {"path": str(tmp_path / "lists.db")},
    }
    there = settings_of(tmp_path / "store", **places)
    fill(there)
    take_backup(there, tmp_path / "a.tar")
    before = {name: (tmp_path / name).read_bytes() for name in ("events.db", "lists.db")}
    new = {
        "history": {"url": str(tmp_path / "new" / "events.db")},
        "exposures": {"path": str(tmp_path / "new" / "lists.db")},
    }
    with pytest.raises(BackupError, match=r"\.db is there already"):
        restore_backup(tmp_path / "a.tar", settings_of(tmp_path / "two", **places))
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    restore_backup(tmp_path / "a.tar", settings_of(tmp_path / "two", **new))
    assert (tmp_path / "new" / "events.db").stat().st_size == (tmp_path / "events.db").stat().st_size
    assert not (tmp_path / "two" / "records" / "history.sqlite").exists()


def test_a_folder_holds_what_has_not_changed_once(store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    first = take_backup(settings_of(store), folder)
    again = take_backup(settings_of(store), folder)
    assert first.written
    assert again.written == 0
    before = contents(settings_of(store))
    with closing(open_store(str(store), settings_of(store))) as opened:
        opened.upsert([point_of(100)])
    take_backup(settings_of(store), folder)
    restore_backup(again.place, settings_of(tmp_path / "then"))
    restore_backup(folder, settings_of(tmp_path / "latest"))
    assert contents(settings_of(tmp_path / "then")) == before
    assert contents(settings_of(tmp_path / "latest")) == contents(settings_of(store))


def test_a_store_that_another_process_writes_to_is_backed_up_as_of_one_moment(
    store: Path, tmp_path: Path
) -> None:
    writer = child(WRITER, store)
    try:
        for number in range(4):
            take_backup(settings_of(store), tmp_path / f"{number}.tar")
            assert writer.poll() is None
    finally:
        end(writer)
    name = f"collection-{INFO.fingerprint[:8]}"
    for number in range(4):
        restored = settings_of(tmp_path / f"restored-{number}")
        restore_backup(tmp_path / f"{number}.tar", restored)
        points = collection_contents(restored, name)["points"]
        turns = [points[f"sku-{row}"][0]["price"] for row in range(40) if f"sku-{row}" in points]
        assert turns == sorted(turns, reverse=True)  # the parts of a turn are written in this order
        assert turns[0] - turns[-1] <= 1
        with closing(open_store(restored.store, restored)) as opened:
            assert not [verdict for page in opened.examine() for verdict in page if verdict.is_damaged]


def test_a_store_that_is_there_is_not_replaced_unless_that_is_said(store: Path, tmp_path: Path) -> None:
    take_backup(settings_of(store), tmp_path / "a.tar")
    with closing(open_store(str(store), settings_of(store))) as opened:
        opened.upsert([point_of(100)])
        with pytest.raises(BackupError, match="is there already"):
            restore_backup(tmp_path / "a.tar", settings_of(store))
        with pytest.raises(StoreLocked):
            restore_backup(tmp_path / "a.tar", settings_of(store), replace=True)
        assert opened.retrieve(["sku-100"])
    restore_backup(tmp_path / "a.tar", settings_of(store), replace=True)
    assert (
        "sku-100"
        not in collection_contents(settings_of(store), f"collection-{INFO.fingerprint[:8]}")["points"]
    )


@pytest.mark.parametrize("replace", [False, True])
def test_without_room_a_restore_does_not_begin(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool
) -> None:
    take_backup(settings_of(store), tmp_path / "a.tar")
    before = contents(settings_of(store))
    place = store if replace else tmp_path / "new"
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=60_000_000))
        with pytest.raises(StoreFull, match="restore a backup"):
            restore_backup(tmp_path / "a.tar", settings_of(place), replace=replace)
    assert contents(settings_of(store)) == before
    assert not list(tmp_path.glob("**/.restoring"))


def test_wrong_files_are_refused_with_a_sentence(store: Path, tmp_path: Path) -> None:
    settings, target = settings_of(store), settings_of(tmp_path / "new")
    other, cut, later = tmp_path / "other.tar", tmp_path / "cut.tar", tmp_path / "later"
    take_backup(settings, tmp_path / "a.tar")
    other.write_text("hello")
    cut.write_bytes((tmp_path / "a.tar").read_bytes()[:100_000])
    later.mkdir()
    place = take_backup(settings, later).place
    form = json.loads(place.read_text())
    place.write_text(json.dumps({**form, "format": form["format"] + 9}))
    for wrong, says in [
        (other, "not a backup"),
        (tmp_path / "nothing.tar", "there is no backup"),
        (cut, "damaged|not a backup"),
        (place, "later vlclip"),
        (tmp_path, "holds no backup"),
    ]:
        with pytest.raises(BackupError, match=says):
            restore_backup(wrong, target)
        assert not (tmp_path / "new" / STORE_FILE).exists()
    evil = {**form, "entries": [{**form["entries"][0], "name": "../../evil"}]}
    place.write_text(json.dumps(evil))
    with pytest.raises(BackupError, match="not a backup"):
        restore_backup(place, target)
    with pytest.raises(StoreNotFound):
        take_backup(settings_of(tmp_path / "no-store"), tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()


def test_a_damaged_backup_restores_nothing(store: Path, tmp_path: Path) -> None:
    take_backup(settings_of(store), tmp_path / "a.tar")
    whole = (tmp_path / "a.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        parcels = [member for member in tar if member.name.startswith("parcels/") and member.size]
    dice = random.Random(1)
    for _ in range(10):
        member = dice.choice(parcels)
        raw = bytearray(whole)
        raw[member.offset_data + dice.randrange(member.size)] ^= 1 << dice.randrange(8)
        (tmp_path / "b.tar").write_bytes(raw)
        with pytest.raises(BackupError, match="damaged"):
            restore_backup(tmp_path / "b.tar", settings_of(tmp_path / "new"))
        with pytest.raises(StoreNotFound):
            open_store(str(tmp_path / "new"), settings_of(tmp_path / "new"))


def test_a_damaged_record_is_named_and_no_backup_remains(store: Path, tmp_path: Path) -> None:
    (store / "records" / "history.sqlite").write_bytes(b"SQLite format 3\0" + b"nonsense" * 1000)
    with pytest.raises(BackupError, match=r"history\.sqlite cannot be backed up"):
        take_backup(settings_of(store), tmp_path / "a.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.chaos
def test_killed_backups_and_restores_leave_all_or_nothing(store: Path, tmp_path: Path) -> None:
    settings = settings_of(store)
    expected = contents(settings)
    take_backup(settings, tmp_path / "good.tar")
    dice = random.Random(0)
    began = time.monotonic()
    child(BACKUP, store, tmp_path / "timed.tar").communicate()
    longest = time.monotonic() - began
    restored = tmp_path / "restored"
    for _ in range(6):
        for code, arguments in (
            (BACKUP, (store, tmp_path / "a.tar")),
            (RESTORE, (restored, tmp_path / "good.tar")),
        ):
            process = child(code, *arguments)
            time.sleep(dice.random() * longest / 2)
            end(process)
        if (tmp_path / "a.tar").exists():
            shutil.rmtree(tmp_path / "b", ignore_errors=True)
            restore_backup(tmp_path / "a.tar", settings_of(tmp_path / "b"))
            assert contents(settings_of(tmp_path / "b")) == expected
            (tmp_path / "a.tar").unlink()
        if (restored / STORE_FILE).exists():
            assert contents(settings_of(restored)) == expected
        else:
            with pytest.raises((StoreNotFound, StoreDamaged, StoreError)):
                open_store(str(restored), settings_of(restored))
    assert contents(settings) == expected


def test_what_a_killed_restore_left_of_a_whole_store_is_removed_when_it_is_opened(store: Path) -> None:
    before = contents(settings_of(store))
    for left in (RESTORING, REPLACED):
        (store / left / "collection-1").mkdir(parents=True)
        (store / left / "collection-1" / "file").write_text("left")
    assert contents(settings_of(store)) == before
    assert not [left for left in (RESTORING, REPLACED) if (store / left).exists()]


def test_a_half_restored_store_is_no_new_one_until_its_restore_is_done_again(
    store: Path, tmp_path: Path
) -> None:
    before = contents(settings_of(store))
    take_backup(settings_of(store), tmp_path / "backup.tar")
    for left in (RESTORING, REPLACED):
        (store / left).mkdir()
    (store / STORE_FILE).rename(store / REPLACED / STORE_FILE)
    for create in (None, INFO):
        with pytest.raises(StoreDamaged, match="restore` again"):
            open_store(str(store), settings_of(store), create)
    assert (store / REPLACED / STORE_FILE).exists()
    restore_backup(tmp_path / "backup.tar", settings_of(store))
    assert contents(settings_of(store)) == before
    assert not [left for left in (RESTORING, REPLACED) if (store / left).exists()]


def test_a_doctor_names_what_a_killed_restore_left_elsewhere(store: Path, tmp_path: Path) -> None:
    settings = settings_of(store, history={"url": str(tmp_path / "events.db"), "retention_days": 0})
    assert list(restored(settings)) == []
    (tmp_path / ".events.db.restoring").write_text("left")
    assert [finding.says for finding in restored(settings)] == [
        f"{tmp_path / '.events.db.restoring'} is left of a restore that was killed; delete it"
    ]
