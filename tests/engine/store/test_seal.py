"""Laws of `engine/store/edge/seal.py`."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.contract.shop import INFO, SPACE
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
