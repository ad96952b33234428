"""One planted shop for everything that makes lists."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from engine.settings import Settings
from engine.store.opening import open_store
from engine.store.store import Store
from tests.ranking.planted import INFO, planted_points, planted_vectors


@pytest.fixture(scope="session")
def vectors() -> np.ndarray:
    return planted_vectors()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray) -> Iterator[Store]:
    opened = open_store(str(tmp_path_factory.mktemp("store")), Settings.load(), INFO)
    opened.upsert(planted_points(vectors))
    opened.optimize()
    yield opened
    opened.close()
