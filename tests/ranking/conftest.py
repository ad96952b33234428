"""One shop with planted vectors for all tests that make lists."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.ranking.planted import INFO, planted_points, planted_vectors
from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.store import Store
from vlclip.service.settings import Settings


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
