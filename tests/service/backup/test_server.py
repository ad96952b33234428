"""Laws of `service/backup/server.py`, on a server that is pretended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from tests.contract.shop import INFO, OTHER
from tests.service.backup.fake_qdrant import KEY, Qdrant, running
from tests.service.backup.shops import event_of, settings_of
from vlclip.engine.errors import StoreError, StoreFull
from vlclip.engine.settings import Server
from vlclip.engine.store.store import info_form
from vlclip.ranking.history.opening import open_history
from vlclip.service.backup.errors import BackupError
from vlclip.service.backup.restoring import restore_backup
from vlclip.service.backup.taking import take_backup
from vlclip.service.cli import build
from vlclip.service.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
NAMES = [f"vlclip-{info.fingerprint[:8]}" for info in (INFO, OTHER)]


@pytest.fixture
def qdrant() -> Qdrant:
    """Two collections of ours, the second is the current one, and one of somebody else."""
    server = Qdrant()
    for number, (name, info) in enumerate(zip(NAMES, (INFO, OTHER), strict=True)):
        points = [[n, {"title": f"shoe {n}"}] for n in range(7 + number)]
        server.collections[name] = {
            "metadata": {"vlclip": info_form(info), "field:brand": "keyword"},
            "points": points,
        }
    server.collections["strange"] = {"metadata": {}, "points": []}
    server.aliases["vlclip"] = NAMES[1]
    return server


@pytest.fixture
def address(qdrant: Qdrant) -> Iterator[str]:
    with running(qdrant) as url:
        yield url


@pytest.fixture
def shop(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Its settings, in a working folder with records."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    settings = settings_for(address)
    with closing(open_history(settings)) as history:
        history.add([event_of(number) for number in range(20)])
    (Path(".vlclip/vlclip") / "lookups").mkdir()
    (Path(".vlclip/vlclip") / "lookups" / "rows").write_bytes(b"rows")
    return settings


def settings_for(address: str) -> Settings:
    return settings_of(Path("none")).model_copy(
        update={"store": address, "server": Server(api_key=SecretStr(KEY))}
    )


def records() -> dict[str, bytes]:
    folder = Path(".vlclip")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.suffix != ".sqlite" else b""
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def events(settings: Settings) -> list[str]:
    with closing(open_history(settings)) as history:
        return sorted(event.id for _, sequence in history.sequences() for event in sequence)


@pytest.mark.parametrize("target", ["backup.tar", "backups"])
def test_collections_alias_and_records_come_back(
    shop: Settings, qdrant: Qdrant, tmp_path: Path, target: str
) -> None:
    if target == "backups":
        (tmp_path / target).mkdir()
    before, files, history = qdrant.state(), records(), events(shop)
    backup = take_backup(shop, tmp_path / target)
    assert backup.manifest.items == dict(zip(NAMES, (7, 8), strict=True))
    assert qdrant.snapshots == {}
    strange = qdrant.collections.pop("strange")
    qdrant.collections.clear()
    qdrant.aliases.clear()
    Path(".vlclip").rename("old")
    restore_backup(tmp_path / target, shop)
    qdrant.collections["strange"] = strange
    assert sorted(qdrant.state()[0]) == sorted(before[0])
    assert qdrant.state() == before
    assert (records(), events(shop)) == (files, history)


def test_what_is_there_is_replaced_only_when_that_is_said(
    shop: Settings, qdrant: Qdrant, tmp_path: Path
) -> None:
    before = qdrant.state()
    take_backup(shop, tmp_path / "a.tar")
    qdrant.collections[NAMES[0]]["points"].append([99, {}])
    qdrant.aliases["vlclip"] = NAMES[0]
    with closing(open_history(shop)) as history:
        history.add([event_of(50)])
    changed = qdrant.state()
    with pytest.raises(BackupError, match="is there already; replace it with --replace"):
        restore_backup(tmp_path / "a.tar", shop)
    assert (qdrant.state(), "e50" in events(shop)) == (changed, True)
    restore_backup(tmp_path / "a.tar", shop, replace=True)
    assert (qdrant.state(), "e50" in events(shop)) == (before, False)


def test_a_damaged_snapshot_is_no_backup_and_stays_nowhere(
    shop: Settings, qdrant: Qdrant, tmp_path: Path
) -> None:
    qdrant.damages_snapshots = True
    with pytest.raises(StoreError, match="came damaged"):
        take_backup(shop, tmp_path / "a.tar")
    assert qdrant.snapshots == {}
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_restore_that_the_server_refuses_is_done_again(
    shop: Settings, qdrant: Qdrant, tmp_path: Path
) -> None:
    before, history = qdrant.state(), events(shop)
    take_backup(shop, tmp_path / "a.tar")
    strange = qdrant.collections.pop("strange")
    qdrant.collections.clear()
    qdrant.aliases.clear()
    Path(".vlclip").rename("old")
    qdrant.refuses_uploads = True
    with pytest.raises(StoreFull):
        restore_backup(tmp_path / "a.tar", shop)
    assert qdrant.state() == [{}, {}]
    qdrant.refuses_uploads = False
    restore_backup(tmp_path / "a.tar", shop)
    qdrant.collections["strange"] = strange
    assert (qdrant.state(), events(shop)) == (before, history)


def test_wrong_places_are_refused_with_a_sentence(shop: Settings, qdrant: Qdrant, tmp_path: Path) -> None:
    take_backup(shop, tmp_path / "a.tar")
    with pytest.raises(BackupError, match="of a store on a server"):
        restore_backup(tmp_path / "a.tar", settings_of(tmp_path / "folder"))
    qdrant.peers = 2
    with pytest.raises(BackupError, match="cluster of 2 nodes"):
        take_backup(shop, tmp_path / "b.tar")
    qdrant.aliases.clear()
    with pytest.raises(StoreError, match="there is no store"):
        take_backup(shop, tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()


def test_the_commands_do_it(shop: Settings, qdrant: Qdrant, tmp_path: Path) -> None:
    environment = {"VLCLIP_SERVER__API_KEY": KEY, "VLCLIP_HISTORY__RETENTION_DAYS": "0"}
    before = qdrant.state()
    for words in (["backup"], ["restore", "--replace"]):
        command = [*words, str(tmp_path / "a.tar"), "--store", shop.store]
        result = CliRunner().invoke(build(), command, env=environment)
        assert result.exit_code == 0, result.output
    assert qdrant.state() == before
