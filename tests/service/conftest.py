"""A small shop: drawn products, ingested by the real pipeline with a tiny random CLIP."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vlclip.ingestion.drawn import write_catalogue
from vlclip.ingestion.pipeline.ingest import ingest_catalogue
from vlclip.service.observing.logs import formatter
from vlclip.service.settings import Log, Settings
from vlclip.service.shop.shop import Shop

COUNT = 60


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalogue(tmp_path_factory.mktemp("drawn"), COUNT, 7)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, tiny_clip: Path, catalogue: Path) -> Path:
    """A store folder holding the catalogue, closed."""
    folder = tmp_path_factory.mktemp("shop") / "store"
    settings = Settings.load(store=str(folder), clip=str(tiny_clip), device="cpu")
    report = ingest_catalogue(catalogue, settings)
    assert (report.read, report.embedded, report.failed) == (COUNT, COUNT, 0)
    return folder


@pytest.fixture(scope="session")
def shop(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A running shop on a copy of that store."""
    import shutil

    folder = tmp_path_factory.mktemp("running") / "store"
    shutil.copytree(filled, folder)
    running = Shop(Settings.load(store=str(folder), device="cpu"))
    yield running
    running.close()


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict]]]:
    """What the service logs, as its lines say it."""
    written, root, ours = io.StringIO(), logging.getLogger(), logging.getLogger("vlclip")
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter(Log()))
    root.addHandler(handler)
    level = ours.level
    ours.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.removeHandler(handler)
    ours.setLevel(level)
