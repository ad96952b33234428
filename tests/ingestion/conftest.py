"""A shop with an empty store, and a photo server on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingestion.fakes import OPEN, PhotoServer, Shop, photo_bytes
from vlclip.service.settings import Settings


@pytest.fixture(autouse=True)
def _close_shops(tmp_path: Path) -> Iterator[None]:
    """Close the shops a test opened, while the folder they live in (`tmp_path`) is still there."""
    yield
    while OPEN:
        OPEN.pop().close()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    settings = Settings.load(ingest={"batch": 4}, fetch={"allow_private": True, "timeout_s": 5})
    return Shop(tmp_path / "store", settings)


@pytest.fixture
def server() -> Iterator[PhotoServer]:
    server = PhotoServer()
    yield server
    server.close()


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Twelve items, ten with a photo of their own colour."""
    (tmp_path / "pics").mkdir()
    rows = []
    for n in range(12):
        row = {"id": f"sku-{n}", "title": f"Thing {n}", "price": 10 + n, "colour": "red" if n % 2 else "blue"}
        if n < 10:
            (tmp_path / "pics" / f"{n}.jpg").write_bytes(photo_bytes((n * 20, 0, 255 - n * 20)))
            row["image"] = f"pics/{n}.jpg"
        rows.append(row)
    file = tmp_path / "items.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return file
