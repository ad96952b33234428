"""Laws of `engine/store/edge/seal.py`."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.contract.shop import INFO, SPACE
from vlclip.engine.filters import parse_json
from vlclip.engine.opening.stores import open_on
from vlclip.engine.settings import Hnsw
from vlclip.engine.space import FusedSpace, Segment
from vlclip.engine.store.edge import seal
from vlclip.engine.store.edge.shelf import FolderShelf
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.engine.store.store import Point, Revision, StoreInfo

ITEMS = 60


def opened(folder: Path) -> QdrantStore:
    return open_on(FolderShelf(folder, Hnsw()), "here", INFO)


def points(rng: np.random.Generator, count: int, prefix: str = "sku", size: int = SPACE.size) -> list[Point]:
    vectors = rng.normal(size=(count, size)).astype(np.float32)
    return [
        Point(f"{prefix}-{n}", vectors[n], f"red shoe {n}", {"title": f"Red shoe {n}", "price": float(n)})
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def closed_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a collection that was built, then changed, then closed."""
    folder = tmp_path_factory.mktemp("sealed") / "store"
    with closing(opened(folder)) as store:
        store.upsert(points(np.random.default_rng(0), ITEMS))
        store.optimize()
        store.upsert(points(np.random.default_rng(1), 5, "late"))
    (collection,) = folder.glob("collection-*")
    return collection


def test_a_closed_collection_has_no_differences(closed_store: Path) -> None:
    assert seal.read(closed_store)[1]
    assert seal.differences(closed_store) == []
    assert seal.glance(closed_store) == []


@pytest.mark.parametrize("seed", range(30))
def test_one_changed_byte_anywhere_is_named(closed_store: Path, tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(closed_store, folder)
    dice = random.Random(seed)
    present = seal.files(folder)
    name = dice.choice([name for name, file in present.items() if file.stat().st_size])
    with present[name].open("r+b") as handle:
        place = dice.randrange(present[name].stat().st_size)
        handle.seek(place)
        (byte,) = handle.read(1)
        handle.seek(place)
        handle.write(bytes([byte ^ 1 << dice.randrange(8)]))
    assert any(name in difference for difference in seal.differences(folder))


def test_a_missing_and_a_cut_file_are_named(closed_store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(closed_store, folder)
    mappings = next(iter(folder.glob("segments/*/*id_tracker.mappings")))
    mappings.write_bytes(mappings.read_bytes()[:-10])
    wal = next(iter(folder.glob("wal/open-*")))
    wal.unlink()
    assert any(f"{mappings.name} has" in difference for difference in seal.differences(folder))
    assert any(f"{mappings.name} has" in difference for difference in seal.glance(folder))
    assert any("is missing" in difference for difference in seal.differences(folder))


@pytest.mark.chaos
def test_files_that_are_called_lasting_are(tmp_path: Path) -> None:
    space = FusedSpace((Segment("image", 1024), Segment("text", 1024)))  # the engine builds from 10 MB on
    info = StoreInfo("0123456789abcdef", space, {"image": "tiny", "text": "tiny"})
    with closing(open_on(FolderShelf(tmp_path, Hnsw(m=4, ef_construct=16)), "here", info)) as store:
        rng = np.random.default_rng(0)
        store.upsert(points(rng, 1400, size=space.size))
        store.optimize()
        (folder,) = tmp_path.glob("collection-*")
        lasting, others = seal.read(folder)
        assert {name.rsplit("/", 1)[-1] for name in lasting} >= {
            "matrix.dat",
            "quantized.data",
            "inverted_index.dat",
        }
        assert not others
        store.upsert(points(rng, 300, size=space.size))
        store.revise([f"sku-{n}" for n in range(400, 500)], lambda _: Revision({"price": 1.0}, lexical="hat"))
        store.delete([f"sku-{n}" for n in range(500, 550)])
        store.flush()
        assert seal.differences(folder) == []
    assert seal.differences(folder) == []
    with closing(open_on(FolderShelf(tmp_path, Hnsw()), "here")):  # which also replays what was written
        assert seal.differences(folder) == []


def test_an_open_collection_is_not_compared_with_what_it_was(closed_store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store" / closed_store.name
    shutil.copytree(closed_store.parent, tmp_path / "store")
    with closing(opened(tmp_path / "store")) as store:
        store.upsert(points(np.random.default_rng(2), 3, "new"))
        store.flush()
        assert seal.differences(folder) == []
    assert seal.differences(folder) == []


CHANGES: dict[str, Callable[[QdrantStore], object]] = {
    "upsert": lambda store: store.upsert(points(np.random.default_rng(2), 3, "new")),
    "revise": lambda store: store.revise(["sku-1"], lambda _: Revision({"price": 1.0}, lexical="hat")),
    "delete": lambda store: store.delete(["sku-1"]),
    "optimize": lambda store: store.optimize(),
    "index": lambda store: store.count(parse_json({"title": "Red shoe 1"})),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_seal_is_right_after_every_change_although_the_disk_tells_no_times(
    closed_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(seal, "_touch", lambda _: (0,))  # as a disk in memory of what a memory map wrote
    monkeypatch.setattr(seal, "tells_times", lambda _: True)
    shutil.copytree(closed_store.parent, tmp_path / "store")
    with closing(opened(tmp_path / "store")) as store:
        CHANGES[change](store)
    assert seal.differences(tmp_path / "store" / closed_store.name) == []


def test_damage_done_while_a_collection_is_only_read_is_found(
    closed_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "_touch", lambda _: (0,))  # nobody touched it: the disk broke
    monkeypatch.setattr(seal, "tells_times", lambda _: True)
    folder = tmp_path / "store" / closed_store.name
    shutil.copytree(closed_store.parent, tmp_path / "store")
    with closing(opened(tmp_path / "store")) as store:
        assert store.retrieve(["sku-1"])
        (page,) = {file for file in folder.glob("segments/*/payload_storage/page_0.dat") if _bytes(file)}
        page.write_bytes(page.read_bytes().replace(b"Red shoe 7", b"Bed shoe 7"))
    assert f"{page.relative_to(folder)} is not what was written" in seal.differences(folder)


def test_what_a_start_writes_again_is_sealed_as_it_is(
    closed_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "RECENT_S", 0)
    shutil.copytree(closed_store.parent, tmp_path / "store")
    for _ in range(3):  # the engine makes the last change of its journal again
        with closing(opened(tmp_path / "store")) as store:
            store.delete(["sku-1"])
        assert seal.differences(tmp_path / "store" / closed_store.name) == []


def test_of_a_collection_that_was_only_read_untouched_files_are_not_read_again(
    closed_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "tells_times", lambda _: True)
    folder = tmp_path / "store" / closed_store.name
    shutil.copytree(closed_store.parent, tmp_path / "store")
    for file in folder.rglob("*"):
        os.utime(file, (0, 0))
    with closing(opened(tmp_path / "store")) as store:
        assert store.retrieve(["sku-1"])
        summed: list[str] = []
        whole = seal.file_sum
        monkeypatch.setattr(seal, "file_sum", lambda file: (summed.append(file.name), whole(file))[1])
    assert summed
    assert not {"id_tracker.mappings", "matrix.dat"} & set(summed)
    assert seal.differences(folder) == []


def _bytes(file: Path) -> int:
    return 512 * file.stat().st_blocks
