"""A line a look, whatever happens; a stop after the current batch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from vlclip.engine.errors import SettingsError, StoreUnavailable
from vlclip.ingestion.pipeline.ingest import IngestPlan
from vlclip.ingestion.pipeline.report import IngestReport
from vlclip.service.commands.target import Target
from vlclip.service.commands.watch import Watcher, seconds
from vlclip.service.settings import Settings


class Scripted:
    """A source whose state the test decides."""

    name = "made"

    def __init__(self) -> None:
        self.state, self.finished = 1, 0

    def renewed(self, _) -> Path | None:
        return None if self.state == self.finished else Path("items.csv")

    def settle(self) -> None:
        self.finished = self.state


def watcher(source: Scripted, *answers: object) -> tuple[Watcher, list]:
    """A watcher whose runs end as `answers` say."""
    plans, endings = [], iter(answers)

    def ingest(plan, progress):
        plans.append(plan)
        progress(IngestReport())
        ending = next(endings)
        if isinstance(ending, Exception):
            raise ending
        return ending

    plan = IngestPlan("", ["title=Name"], "plain", prune=True)
    return Watcher(source, ingest, plan, every_s=0), plans


def test_a_change_is_ingested_once_and_a_failed_run_tried_again():
    source = Scripted()
    watching, plans = watcher(
        source,
        StoreUnavailable("no answer"),
        IngestReport(read=7, embedded=2, updated=4, failed=1, dead_letters=1),
        IngestReport(),
    )
    looks = [watching.look(), watching.look(), watching.look()]
    assert [look["status"] for look in looks] == ["failed", "ingested", "unchanged"]
    assert (looks[0]["code"], looks[0]["message"]) == ("store-unavailable", "no answer")
    assert (looks[1]["embedded"], looks[1]["updated"], looks[1]["dead_letters"]) == (2, 4, 1)
    source.state = 2
    assert watching.look()["status"] == "ingested"
    assert [(plan.mapping, plan.layout, plan.prune, plan.force_prune) for plan in plans] == [
        (["title=Name"], "plain", True, False)
    ] * 3


def test_photos_that_change_are_ingested_though_the_catalogue_does_not(tmp_path):
    photo = tmp_path / "a.jpg"
    photo.write_text("old")
    source, reads = Scripted(), []

    def ingest(plan, _):
        plan.photo_folders.note(photo)
        reads.append(photo.read_text())
        if photo.read_text() == "bad":
            photo.write_text("good")
            raise StoreUnavailable("no answer")
        return IngestReport()

    watching = Watcher(source, ingest, IngestPlan(""), every_s=0)
    watching.stopping.wait = lambda _: False
    assert [watching.look()["status"] for _ in range(2)] == ["ingested", "unchanged"]
    photo.write_text("bad")
    looks = [watching.look()["status"] for _ in range(3)]
    assert looks == ["failed", "ingested", "unchanged"]
    assert reads == ["old", "bad", "good"]


def test_each_look_asks_for_photos_where_they_are_checked():
    source = Scripted()
    watching, plans = watcher(source, IngestReport(), IngestReport(embedded=1))
    watching.plan = replace(watching.plan, check_photos=True)
    assert [watching.look()["status"] for _ in range(2)] == ["ingested", "ingested"]
    assert all(plan.check_photos for plan in plans)
    service = Target(Settings.load(), "http://localhost:1")
    with pytest.raises(SettingsError, match="--check-photos is for a store"):
        service.check(watching.plan)


def test_a_stop_ends_a_run_at_its_next_batch():
    source = Scripted()
    watching, _ = watcher(source, IngestReport())
    watching.stopping.set()
    assert watching.look() == {"status": "stopped"}
    assert source.finished == 0
    says = []
    watching.watch(says.append)
    assert says == []


@pytest.mark.parametrize(
    ("text", "length_s"), [("30s", 30), ("5m", 300), ("1h", 3600), (" 1.5 m", 90), ("1d", 86400)]
)
def test_times_are_read(text, length_s):
    assert seconds(text) == length_s


@pytest.mark.parametrize("text", ["", "5", "m", "0s", "-1m", "5 minutes", "1h30m"])
def test_other_times_are_refused(text):
    with pytest.raises(SettingsError, match="30s"):
        seconds(text)


def test_a_watched_file_is_ingested_again_until_sigterm(tmp_path, tiny_clip):
    file = tmp_path / "items.csv"
    file.write_text("sku,title,image\n1,Lamp,photos/1.png\n")
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (8, 8), "red").save(photos / "1.png")
    process = subprocess.Popen(
        [
            sys.executable, "-m", "vlclip", "watch", str(file), "--every", "1s", "--json",
            "--store", str(tmp_path / "store"), "--clip", str(tiny_clip), "--device", "cpu",
        ],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": "."},
    )  # fmt: skip
    try:
        looks = (json.loads(line) for line in process.stdout)
        first = next(looks)
        assert (first["status"], first["embedded"]) == ("ingested", 1)
        Image.new("RGB", (8, 8), "blue").save(photos / "1.png")
        replaced = next(look for look in looks if look["status"] != "unchanged")
        assert (replaced["status"], replaced["embedded"], replaced["unchanged"]) == ("ingested", 1, 0)
        file.write_text("sku,title,image\n1,Lamp,photos/1.png\n2,Chair,\n")
        second = next(look for look in looks if look["status"] != "unchanged")
        assert (second["status"], second["embedded"], second["unchanged"]) == ("ingested", 1, 1)
        file.write_text("sku,title\n")
        assert next(look for look in looks if look["status"] != "unchanged")["status"] == "failed"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
