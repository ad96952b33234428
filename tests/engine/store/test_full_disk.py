"""Laws of `engine/store/edge/room.py`, on pretended disks and on a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.shop import INFO, OTHER, SHOP, contents, direction
from tests.small_disk import small_disk
from vlclip.engine.errors import StoreFull
from vlclip.engine.filters import parse_json
from vlclip.engine.opening.stores import open_on, open_store
from vlclip.engine.settings import Hnsw
from vlclip.engine.store.edge import room as rooms
from vlclip.engine.store.edge.backend import EdgeBackend
from vlclip.engine.store.edge.room import INDEX_BYTES, MB, RESERVE_BYTES
from vlclip.engine.store.edge.shelf import FolderShelf
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.engine.store.store import Point, Revision
from vlclip.service.settings import Settings

SETTINGS = Settings()
NEW = [Point(f"new {number}", direction(number), "words", {"brand": "b"}) for number in range(300)]
LONG = [Point("long", direction(1), "words", {"description": "x" * 10 * MB})]
WRITES: dict[str, Callable[[QdrantStore], object]] = {
    "write": lambda store: store.upsert(NEW),
    "write long payloads": lambda store: store.upsert(LONG),
    "bring a field": lambda store: store.upsert([Point("a", direction(1), "", {"field": 1})]),
    "patch": lambda store: store.revise([SHOP[0].id], lambda _: Revision({"brand": "other"})),
    "delete": lambda store: store.delete([SHOP[0].id]),
    "forget fields": lambda store: store._backend.drop_fields(["brand"]),
}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[QdrantStore, list[int]]]:
    """A store on a disk that has as many bytes free as the list says."""
    folder = tmp_path_factory.mktemp("pretended") / "store"
    with closing(open_store(str(folder), SETTINGS, create=INFO)) as store:
        store.upsert(SHOP)
    free = [RESERVE_BYTES * 100]
    backend = EdgeBackend(next(folder.glob("collection-*")), Hnsw(), free=lambda _: free[0])
    with closing(QdrantStore(backend)) as store:
        yield store, free


@pytest.mark.parametrize("act", WRITES)
@given(share=st.floats(0, 0.24))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_refused_has_not_begun(disk, act: str, share: float):
    store, free = disk
    before, kinds = contents(store), store.fields()
    free[0] = int(RESERVE_BYTES * share)
    try:
        with pytest.raises(StoreFull, match=r"disk_reserve_mb\); nothing was changed: make room"):
            WRITES[act](store)
        assert (contents(store), store.fields()) == (before, kinds)
    finally:
        free[0] = RESERVE_BYTES * 100


FIELDS: dict[str, Callable[[QdrantStore, dict[str, int]], object]] = {
    "write": lambda store, fields: store.upsert([Point("fielded", direction(1), "", fields)]),
    "patch": lambda store, fields: store.revise([SHOP[0].id], lambda _: Revision(fields)),
}


@pytest.mark.parametrize("act", FIELDS)
@given(beyond=st.integers(-MB, 12 * MB), number=st.integers(0, 10**9), size=st.integers(0, MB))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_what_is_refused_no_field_is_noted_either(disk, act: str, beyond: int, number: int, size: int):
    store, free = disk
    before, kinds = contents(store), store.fields()
    free[0] = RESERVE_BYTES + beyond
    fields = {f"field {number}": 1, "popularity": 1, "description": "x" * size}
    try:
        FIELDS[act](store, fields)
    except StoreFull:
        assert (contents(store), store.fields()) == (before, kinds)
        assert beyond < INDEX_BYTES + rooms.COPIES * (size + 2 * rooms.ROW_BYTES + 1000)
    else:
        assert store.fields().keys() >= {f"field {number}", "popularity"}
        assert beyond >= INDEX_BYTES
        free[0] = RESERVE_BYTES * 100
        store._backend.drop_fields([f"field {number}", "popularity"])
    finally:
        free[0] = RESERVE_BYTES * 100


@given(sizes=st.lists(st.integers(0, 3 * MB), min_size=1, max_size=5), room=st.integers(0, 40 * MB))
@settings(max_examples=20, deadline=None)
def test_a_write_needs_room_for_all_of_it_beside_the_reserve(sizes: list[int], room: int):
    rows = [rooms.PointRow(str(number), [0.0], [], {"d": "x" * size}) for number, size in enumerate(sizes)]
    need = rooms.size_of_rows(rows, 1)
    assert need >= sum(sizes)
    place = rooms.Room(Path("disk"), RESERVE_BYTES, free=lambda _: RESERVE_BYTES + room)
    if room >= need:
        place.check(need, "write")
    else:
        with pytest.raises(StoreFull):
            place.check(need, "write")


def test_deletions_go_on_where_writes_are_refused(tmp_path: Path):
    folder = tmp_path / "store"
    with closing(open_store(str(folder), SETTINGS, create=INFO)) as store:
        store.upsert(SHOP)
    backend = EdgeBackend(next(folder.glob("collection-*")), Hnsw(), free=lambda _: RESERVE_BYTES // 2)
    with closing(QdrantStore(backend)) as store:
        with pytest.raises(StoreFull):
            store.upsert(SHOP)
        assert store.delete([point.id for point in SHOP]) == len(SHOP)


def test_a_filter_on_a_field_for_whose_index_there_is_no_room_is_as_right(disk):
    store, free = disk
    free[0] = RESERVE_BYTES + INDEX_BYTES // 2
    try:
        tagged = [point for point in SHOP if "new" in point.payload.get("tags", ())]
        assert store.count(parse_json({"tags": "new"})) == len(tagged)
        assert store.facet("tags")["new"] == len(tagged)
    finally:
        free[0] = RESERVE_BYTES * 100


def test_a_store_is_neither_made_nor_opened_without_room_but_a_collection_is_dropped(tmp_path: Path):
    target = tmp_path / "store"
    for info in (INFO, OTHER):
        open_store(str(target), SETTINGS, create=info, beside=True).close()
    with pytest.raises(StoreFull, match="open the store"):
        open_on(FolderShelf(target, Hnsw(), free=lambda _: 0), "here")
    with pytest.raises(StoreFull, match="make a collection"):
        open_on(FolderShelf(tmp_path / "new", Hnsw(), free=lambda _: 0), "here", INFO)
    assert not (tmp_path / "new").exists()
    shelf = FolderShelf(target, Hnsw(), free=lambda _: 0)
    shelf.drop(shelf.name(OTHER.fingerprint))
    assert shelf.names() == [shelf.name(INFO.fingerprint)]


def test_a_collection_is_not_begun_beside_another_without_room_for_all_its_items(tmp_path: Path):
    with closing(open_store(str(tmp_path), SETTINGS, create=INFO)) as store:
        store.upsert(NEW)
    free = [RESERVE_BYTES + rooms.NEW_SHARD_BYTES]
    shelf = FolderShelf(tmp_path, Hnsw(), free=lambda _: free[0])
    with pytest.raises(StoreFull, match="fill a collection beside"):
        open_on(shelf, "here", OTHER, beside=True)
    assert shelf.names() == [shelf.name(INFO.fingerprint)]
    open_on(shelf, "here", INFO, beside=True).close()  # the same: nothing is filled
    free[0] += rooms.size_of_copy(tmp_path / shelf.name(INFO.fingerprint))
    open_on(shelf, "here", OTHER, beside=True).close()
    assert len(shelf.names()) == 2


# a real one

ACT = """
import os, sys
from pathlib import Path
from tests.contract.shop import SHOP
from tests.engine.store.test_full_disk import SETTINGS, WRITES, contents
from vlclip.engine.errors import StoreFull
from vlclip.engine.filters import parse_json
from vlclip.engine.opening.stores import open_store
disk, free, name = Path(sys.argv[1]), float(sys.argv[2]) * 2**20, sys.argv[3]
def fill():
    state = os.statvfs(disk)
    assert disk.is_mount() and state.f_bavail * state.f_frsize < 2**30, "no small disk of its own"
    with (disk / "ballast").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, int(state.f_bavail * state.f_frsize - free)))
try:
    if name == "open":
        fill()
    store = open_store(str(disk / "store"), SETTINGS)
    if name != "open":
        fill()
    before = contents(store)
    try:
        if name == "filter":
            assert store.count(parse_json({"tags": {"missing": True}})) < len(SHOP)
        elif name == "optimize":
            store.optimize()
        elif name != "open":
            WRITES[name](store)
        print("done")
    except StoreFull:
        assert contents(store) == before
        print("refused")
    store.close()
except StoreFull:
    print("refused")
"""


@pytest.fixture
def mounted_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with a store on it; skipped where none can be mounted."""
    with small_disk(tmp_path, 400) as mounted:
        with closing(open_store(str(mounted / "store"), SETTINGS, create=INFO)) as store:
            store.upsert(SHOP)
        yield mounted


@pytest.mark.chaos
@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("free_mb", [0.1, 16.5])
def test_no_act_on_a_real_full_disk_ends_the_process(mounted_disk: Path, free_mb: float):
    for act in ["open", *WRITES, "filter", "optimize"]:
        arguments = [sys.executable, "-c", ACT, str(mounted_disk), str(free_mb), act]
        ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stdout.strip() in ("done", "refused")) == (0, True), (act, ended)
        (mounted_disk / "ballast").unlink()
