"""What every stage keeps to, and what Prepare holds in memory."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.ingestion.fakes import INFO, FakeEmbedder, photo_bytes
from vlclip.engine.item import Item
from vlclip.engine.photos.room import Limits
from vlclip.engine.refinement.fields import FieldRefiner
from vlclip.ingestion.photos.source import PhotoSource
from vlclip.ingestion.reading.entry import Entry
from vlclip.ingestion.stages.claim import Claim
from vlclip.ingestion.stages.compare import Compare, Digest
from vlclip.ingestion.stages.embed import Embed, LazyEmbedder, Refine
from vlclip.ingestion.stages.preparation import Preparation
from vlclip.ingestion.stages.prepare import AHEAD, Prepare
from vlclip.ingestion.stages.save import Save

STAGES = ("Claim", "Digest", "Compare", "Prepare", "Refine", "Embed", "Save")


def entry(item_id: str, **fields: object) -> Entry:
    return Entry.of(Item(id=item_id, title=f"Thing {item_id}", **fields), "items.jsonl", 1)


@pytest.fixture
def stages(shop):
    preparation = Preparation(refiner=FieldRefiner())
    with shop.open() as (store, ledger), ThreadPoolExecutor(4) as fetching:
        lazy = LazyEmbedder(INFO, FakeEmbedder)
        source = PhotoSource(lambda url: b"", Path(), 1000)
        run = ledger.start("items.jsonl", INFO.fingerprint)
        yield {
            "Claim": Claim(ledger, run),
            "Digest": Digest(source),
            "Compare": Compare(store, INFO.fingerprint, preparation),
            "Prepare": Prepare(source, lazy, preparation, Limits(1000), fetching, threading.Semaphore(2)),
            "Refine": Refine(preparation),
            "Embed": Embed(lazy, preparation),
            "Save": Save(store, ledger, run, INFO.fingerprint, preparation),
        }


@pytest.mark.parametrize("last", range(len(STAGES)))
def test_a_stage_answers_entry_for_entry_and_leaves_what_is_settled_alone(stages, last):
    settled = [
        entry("failed").failed("read", "no title"),
        replace(entry("same"), outcome="unchanged"),
        replace(entry("again"), outcome="duplicate"),
    ]
    pending = [
        entry("photo", image=photo_bytes()),
        entry("words"),
        entry("damaged", image=b"not a photo"),
        entry("url", image="http://shop.example/a.jpg"),
    ]
    batch = [item for pair in zip(pending, [*settled, entry("last")], strict=True) for item in pair]
    before = batch
    for name in STAGES[: last + 1]:
        before, batch = batch, stages[name](batch)
    assert [row.id for row in batch] == [row.id for row in before]
    for old, new in zip(before, batch, strict=True):
        if not old.pending:
            assert new == old


@dataclass
class Shelf:
    """How many fetched photos nobody has looked at yet."""

    waiting: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.fetched: Counter[str] = Counter()

    def fetch(self, url: str) -> bytes:
        with self.lock:
            self.fetched[url] += 1
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        return photo_bytes()


def test_a_batch_of_urls_holds_few_fetched_photos_and_fetches_each_once():
    shelf = Shelf()

    class CountingEmbedder(FakeEmbedder):
        def prepare(self, photo):
            with shelf.lock:
                shelf.waiting -= 1
            return super().prepare(photo)

    batch = [entry(f"p{n}", image=f"http://shop.example/{n}.jpg") for n in range(4 * AHEAD)]
    with ThreadPoolExecutor(16) as fetching:
        prepare = Prepare(
            PhotoSource(shelf.fetch, Path(), 100_000),
            LazyEmbedder(INFO, CountingEmbedder),
            Preparation(),
            Limits(1_000_000),
            fetching,
            threading.Semaphore(1),
        )
        prepared = prepare(batch)
    assert [row.id for row in prepared] == [row.id for row in batch]
    assert all(row.photo is not None for row in prepared)
    assert shelf.fetched == Counter(row.item.image for row in batch)
    assert 1 < shelf.most <= AHEAD
