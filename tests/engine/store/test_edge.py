"""The embedded store against kills, locks, full disks and damaged folders."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.contract.shop import INFO, OTHER, SHOP, contents, direction, point
from vlclip.engine.errors import StoreDamaged, StoreError, StoreFull, StoreLocked, StoreNotFound
from vlclip.engine.filters import parse_json
from vlclip.engine.opening.stores import drop, open_store, promote
from vlclip.engine.settings import Hnsw
from vlclip.engine.space import FusedSpace, Segment
from vlclip.engine.store.edge import folder as folders
from vlclip.engine.store.edge.backend import EdgeBackend
from vlclip.engine.store.edge.gate import GATE, TURNSTILE
from vlclip.engine.store.edge.room import RESERVE_BYTES
from vlclip.engine.store.edge.shelf import FolderShelf
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.engine.store.store import Point, Query, StoreInfo
from vlclip.service.settings import Settings

SETTINGS = Settings()


def child(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """A Python process that runs `code` with this project's modules at hand."""
    head = (
        "import sys; from vlclip.service.settings import Settings\n"
        "from vlclip.engine.opening.stores import open_store\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", head + code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store of a few items, closed."""
    store = open_store(str(tmp_path / "store"), SETTINGS, create=INFO)
    store.upsert(SHOP[:10])
    store.close()
    return tmp_path / "store"


# one process at a time


def test_a_store_open_elsewhere_says_what_to_do(folder: Path):
    other = child(
        "s = open_store(sys.argv[1], Settings()); print('open', flush=True); sys.stdin.read()", folder
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StoreLocked, match="another process; stop that one, or ask it"):
            open_store(str(folder), SETTINGS)
    finally:
        other.kill()
        other.communicate()
    open_store(str(folder), SETTINGS).close()


def test_who_is_refused_leaves_the_files_of_the_one_who_has_them_alone(tmp_path: Path):
    with closing(open_store(str(tmp_path / "store"), SETTINGS, INFO)) as store:
        store.upsert([point(row) for row in range(50)])
        store.flush()
        files = {file: file.stat().st_size for file in (tmp_path / "store").rglob("*") if file.is_file()}
        for _ in range(2):
            with pytest.raises(StoreLocked):
                open_store(str(tmp_path / "store"), SETTINGS)
        assert {file: file.stat().st_size for file in files} == files
        store.upsert([point(row) for row in range(50, 300)])
        store.delete([point(7).id])
        store.flush()
    with closing(open_store(str(tmp_path / "store"), SETTINGS)) as store:
        assert store.count() == 299
        assert store.retrieve([point(298).id])


# folders


def test_a_missing_folder_names_the_command_that_fills_it(tmp_path: Path):
    with pytest.raises(StoreNotFound, match=r"vlclip ingest CATALOGUE --store .*/nowhere"):
        open_store(str(tmp_path / "nowhere"), SETTINGS)
    assert not (tmp_path / "nowhere").exists()


def test_a_file_is_no_store(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for create in (None, INFO):
        with pytest.raises(StoreDamaged, match="is a file"):
            open_store(str(tmp_path / "file"), SETTINGS, create=create)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path):
    (tmp_path / "letters").mkdir()
    for create in (None, INFO):
        with pytest.raises(StoreDamaged, match="holds letters"):
            open_store(str(tmp_path), SETTINGS, create=create)
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]


def test_an_empty_mounted_folder_becomes_a_store(tmp_path: Path):
    for name in ("lost+found", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "records").mkdir()
    open_store(str(tmp_path), SETTINGS, create=INFO).close()
    open_store(str(tmp_path), SETTINGS).close()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (folders.STORE_FILE, "{"),
        (folders.STORE_FILE, '{"format": 1, "collection": "collection-gone"}'),
        ("collection-01234567/" + folders.COLLECTION_FILE, None),
        ("collection-01234567/" + folders.COLLECTION_FILE, '{"format": 99}'),
        ("collection-01234567/" + folders.COLLECTION_FILE, '{"format": 1, "segments": 3}'),
        ("collection-01234567/edge_config.json", "no JSON"),
        ("collection-01234567/segments", None),
        ("collection-01234567/wal/open-1", "x" * 100),
    ],
)
def test_a_damaged_folder_is_named_and_not_mended_silently(folder: Path, name: str, content: str | None):
    broken = folder / name
    if content is not None:
        broken.write_text(content)
    elif broken.is_dir():
        shutil.rmtree(broken)
    else:
        broken.unlink()
    with pytest.raises(StoreDamaged, match=r"(?s)restore .* from a copy, or ingest into a new"):
        open_store(str(folder), SETTINGS)


def test_a_panic_of_the_engine_is_an_error_like_others(folder: Path, capfd: pytest.CaptureFixture[str]):
    status = next(folder.glob("collection-*/segments/*/vector_storage-fused/deleted/status.dat"))
    status.write_bytes(b"")
    with pytest.raises(StoreDamaged, match="index out of bounds"):
        open_store(str(folder), SETTINGS)
    assert "panicked" in capfd.readouterr().err


def test_the_collection_being_served_is_not_dropped(folder: Path):
    with pytest.raises(StoreError, match="make another one current first"):
        drop(str(folder), SETTINGS, INFO.fingerprint)
    open_store(str(folder), SETTINGS, create=OTHER, beside=True).close()
    promote(str(folder), SETTINGS, OTHER.fingerprint)
    drop(str(folder), SETTINGS, INFO.fingerprint)
    with pytest.raises(StoreNotFound):
        promote(str(folder), SETTINGS, INFO.fingerprint)
    assert [path.name for path in folder.glob("collection-*")] == ["collection-fedcba98"]


# killed


def test_a_drop_that_was_killed_leaves_no_half_of_a_collection(folder: Path, monkeypatch: pytest.MonkeyPatch):
    open_store(str(folder), SETTINGS, create=OTHER, beside=True).close()

    def killed(folder: Path) -> None:
        shutil.move(folder / "segments", folder / "half")
        raise KeyboardInterrupt

    monkeypatch.setattr(folders, "shutil", SimpleNamespace(rmtree=killed))
    with pytest.raises(KeyboardInterrupt):
        drop(str(folder), SETTINGS, OTHER.fingerprint)
    monkeypatch.undo()
    with pytest.raises(StoreNotFound):
        promote(str(folder), SETTINGS, OTHER.fingerprint)
    for old in folder.glob(".making-*"):
        os.utime(old, (0, 0))
    open_store(str(folder), SETTINGS, create=OTHER, beside=True).close()  # sweeps
    assert not list(folder.glob(".making-*"))


def test_a_making_that_was_killed_leaves_nothing_in_the_way(tmp_path: Path):
    store, shelf = tmp_path / "store", FolderShelf(tmp_path / "store", Hnsw())

    def killed(making: Path) -> None:
        (making / "segments").mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folders.create(store / shelf.name(INFO.fingerprint), folders.Collection(INFO, {}), killed)
    with pytest.raises(StoreNotFound):
        open_store(str(store), SETTINGS)
    left = store / ".making-by-kill"
    left.mkdir()
    os.utime(left, (0, 0))
    shelf.make(INFO)  # whole, but killed before it became the current one
    with pytest.raises(StoreNotFound):
        open_store(str(store), SETTINGS)
    open_store(str(store), SETTINGS, create=INFO).close()
    names = {path.name for path in store.iterdir()} - {GATE, TURNSTILE}
    assert names == {shelf.name(INFO.fingerprint), folders.STORE_FILE}


def test_a_field_recorded_but_not_indexed_is_indexed_when_opened(folder: Path):
    file = next(folder.glob("collection-*")) / folders.COLLECTION_FILE
    form = json.loads(file.read_text())
    form["fields"]["season"] = "keyword"
    file.write_text(json.dumps(form))
    store = open_store(str(folder), SETTINGS)
    assert store.facet("season") == {}
    store.close()


WRITER = """
from tests.contract.shop import point
store = open_store(sys.argv[1], Settings())
start = int(sys.argv[2])
for number in range(start, 100_000, 20):
    store.upsert([point(row) for row in range(number, number + 20)])
    print(number + 20, flush=True)
"""


def test_what_upsert_returned_from_survives_kill_9(folder: Path):
    written, rng = 1000, random.Random(5)
    for _ in range(3):
        writer = child(WRITER, folder, written)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.3))
        writer.kill()
        reported = writer.communicate()[0].split()
        first, written = written, max([written + 20, *(int(word) for word in reported if word.endswith("0"))])
        store = open_store(str(folder), SETTINGS)
        stored = contents(store)
        for row in range(first, written):
            payload, vector = stored[f"row {row}"]
            assert payload == point(row).payload
            assert vector == pytest.approx(point(row).vector, abs=1e-4)
        assert store.count(parse_json({"number": {"gte": first, "lt": written}})) == written - first
        written = max(int(item_id.split()[1]) for item_id in stored if item_id.startswith("row")) + 1
        store.close()


# a full disk


def test_a_full_disk_refuses_writes_and_loses_nothing(folder: Path):
    room = [RESERVE_BYTES * 2]
    backend = EdgeBackend(next(folder.glob("collection-*")), Hnsw(), free=lambda _: room[0])
    store = QdrantStore(backend)
    before = contents(store)
    room[0] = RESERVE_BYTES
    with pytest.raises(StoreFull, match="make room"):
        store.upsert(SHOP)
    with pytest.raises(StoreFull, match="make room"):
        store.upsert([Point("a", direction(1), "", {"another field": 1})])
    assert contents(store) == before
    assert store.search([Query(vector=direction(1))])[0]
    assert store.delete([SHOP[0].id]) == 1
    room[0] = RESERVE_BYTES * 2
    store.upsert(SHOP)
    assert store.count() == len(SHOP)
    store.close()


FILLER = """
import os, numpy as np
from vlclip.engine.errors import StoreFull
from vlclip.engine.space import FusedSpace, Segment
from vlclip.engine.store.store import Point, Query, StoreInfo
space = FusedSpace((Segment("image", 256),))
info = StoreInfo("0123456789abcdef", space, {"image": "tiny"})
store = open_store(sys.argv[1], Settings(), create=info)
rng, before, written, run = np.random.default_rng(0), store.count(), 0, sys.argv[2]
payload = {"t": "x" * 500}
try:
    for _ in range(500):
        rows = rng.standard_normal((500, 256)).astype(np.float32)
        store.upsert([Point(f"{run} {written + i}", row, "words", payload) for i, row in enumerate(rows)])
        written += len(rows)
except StoreFull:
    print("full", flush=True)
assert written <= store.count() - before < written + 500, (written, store.count())
assert len(store.search([Query(vector=rows[0])])[0]) == 10
try:
    store.optimize()
except StoreFull:
    print("full", flush=True)
store.flush()
assert store.delete([f"160m {i}" for i in range(100)]) == (100 if run == "160m" else 0)
store.close()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_really_full_disk_stops_the_load_but_not_the_process(tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        for size in ("160m", "240m"):
            subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)
            filler = child(FILLER, disk / "store", size)
            out, _ = filler.communicate(timeout=120)
            assert filler.returncode == 0, size
            assert out.split()[0] == "full"
    finally:
        subprocess.run(["umount", disk], check=True)


# the graph


def clustered(count: int, size: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((count // 50, size))
    return (centres[rng.integers(0, len(centres), count)] + 0.6 * rng.standard_normal((count, size))).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[QdrantStore, np.ndarray]]:
    """6,000 items, enough for a graph; 1 in 50 has no photo."""
    space = FusedSpace((Segment("image", 256), Segment("text", 256)))
    image, text = clustered(6000, 256), clustered(6000, 256, seed=1)
    image[::50] = 0
    vectors = space.item_vectors({"image": image, "text": text}, 6000)
    info = StoreInfo("0123456789abcdef", space, {})
    store = open_store(str(tmp_path_factory.mktemp("large")), SETTINGS, create=info)
    store.upsert([Point(str(row), vector, "", {"half": row % 2}) for row, vector in enumerate(vectors)])
    store.optimize()
    yield store, vectors
    store.close()


@pytest.mark.parametrize("weights", [(1, 1), (1, 0), (0, 1)], ids=["blend", "image", "text"])
@pytest.mark.parametrize("only", [None, {"half": 1}], ids=["all", "half of them"])
def test_search_finds_99_in_100_of_the_exact_top_10(
    large: tuple[QdrantStore, np.ndarray], weights: tuple[float, float], only: dict[str, int] | None
):
    store, vectors = large
    rows = np.random.default_rng(1).choice(len(vectors), 60, replace=False)
    queries = vectors[rows] * np.repeat(weights, 256).astype(np.float32)
    conditions = parse_json(only or {})
    answers = store.search([Query(vector=query, filter=conditions) for query in queries])
    truth = queries @ vectors.T
    if only:
        truth[:, ::2] = -1
    tenth = np.sort(truth, axis=1)[:, -10]
    right = [truth[q, int(hit.id)] >= tenth[q] - 1e-6 for q, hits in enumerate(answers) for hit in hits]
    assert len(right) == 600
    assert np.mean(right) >= 0.99


def test_an_item_without_a_photo_is_found_by_its_own_text(large: tuple[QdrantStore, np.ndarray]):
    store, vectors = large
    rows = range(0, 6000, 50)
    answers = store.search([Query(vector=vectors[row], limit=1) for row in rows])
    assert [hits[0].id for hits in answers] == [str(row) for row in rows]


@pytest.mark.parametrize("quantization", ["binary", "none"])
def test_another_quantization_keeps_what_is_stored(folder: Path, quantization: str):
    before = open_store(str(folder), SETTINGS)
    expected = contents(before)
    before.close()
    store = open_store(str(folder), Settings(hnsw={"quantization": quantization, "m": 8}))
    store.optimize()
    assert contents(store) == expected
    (hits,) = store.search([Query(vector=SHOP[1].vector, limit=1)])
    assert hits[0].id == SHOP[1].id
    store.close()
