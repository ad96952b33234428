"""The gate gates: real servers on a small shop, loaded for seconds by locust in processes of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vlclip.engine.encoding.embedder import embedder_info
from vlclip.engine.opening.stores import open_store
from vlclip.engine.settings import Hnsw
from vlclip.engine.store.store import Point
from vlclip.loadtest.errors import NotReached
from vlclip.loadtest.server import serving
from vlclip.service.settings import Settings

pytestmark = pytest.mark.slow  # each starts a server with models and loads it for seconds

COUNT = 6000
"""At 512 numbers each, enough that the store builds an index."""
PLAN = """
id = "gate"
items = 300
warm_s = 1
[mix]
similar = 4
search = 2
photo = 1
foryou = 1
events = 2
[queries]
titles = 2
typos = 1
scripts = 1
[pace]
kind = "open"
per_user = 1
[shape]
kind = "constant"
level = 15
seconds = 8
[probe]
share = 0.5
most = 60
rate_per_s = 50
[thresholds.similar]
p50_ms = 900
recall_at_10 = 0.95
[thresholds.all]
error_share = 0.05
rate_per_s = 2
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """Items on a smooth surface of few dimensions, as embeddings are."""
    folder = tmp_path_factory.mktemp("gate") / "store"
    settings = Settings.load(
        store=str(folder), device="cpu", hnsw=Hnsw(m=8, ef_construct=64, quantization="none")
    )
    info, rng = embedder_info(settings), np.random.default_rng(0)
    inner = rng.normal(size=(COUNT, 12)).astype(np.float32)
    parts = {
        segment.name: inner @ rng.normal(size=(12, segment.size)).astype(np.float32)
        for segment in info.space.segments
    }
    vectors = info.space.item_vectors(parts, COUNT)
    opened = open_store(settings.store, settings, info)
    words = [f"{colour} {piece}" for colour in ("red", "blue") for piece in ("shoe", "dress", "bag")]
    titles = [f"{words[n % len(words)]} {n}" for n in range(COUNT)]
    opened.upsert([Point(f"i{n}", vectors[n], titles[n], {"title": titles[n]}) for n in range(COUNT)])
    opened.optimize()
    opened.close()
    return folder


def loadtest(*words, **environment):
    """The command as a process: its exit status and what it printed."""
    process = subprocess.run(
        [sys.executable, "-m", "vlclip.loadtest", *map(str, words)],
        capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"COLUMNS": "200"} | environment,
    )  # fmt: skip
    return process.returncode, process.stdout + process.stderr


def write(tmp_path, *changes):
    path, plan = tmp_path / "plan.toml", PLAN
    for old, new in changes:
        assert old in plan
        plan = plan.replace(old, new)
    path.write_text(plan)
    return path


@pytest.fixture(scope="module")
def served(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(store, folder / "store")
    with serving(str(folder / "store"), folder / "server.log") as server:
        yield server.url


def report(folder):
    return json.loads((folder / "report.json").read_text())


def test_a_good_service_passes_and_is_the_same_as_itself(served, tmp_path):
    plan, out = write(tmp_path), tmp_path / "out"
    status, output = loadtest("run", plan, "--host", served, "--report", out)
    assert status == 0, output
    result = report(out)
    assert set(result["figures"]) == {"similar", "search", "photo", "foryou", "events", "all"}
    assert result["figures"]["all"]["errors"] == 0
    assert result["figures"]["search"]["recall_at_10"] is not None
    assert "passed: every threshold of gate holds" in output
    assert (out / "report.html").read_text().count("<svg") == 3
    again = ("--baseline", out / "report.json", "--tolerance", "1000")
    status, output = loadtest("run", plan, "--host", served, "--report", tmp_path / "again", *again)
    assert status == 0, output
    assert "Beside the baseline" in output
    assert " worse" not in output


@pytest.mark.parametrize(
    ("fault", "named"),
    [("delay=1s", "missed: similar p50 is "), ("errors=0.3", "missed: all error share is ")],
)
def test_a_service_with_a_fault_fails_and_the_threshold_is_named(served, tmp_path, fault, named):
    out = tmp_path / "out"
    status, output = loadtest("run", write(tmp_path), "--host", served, "--report", out, "--fault", fault)
    assert status == 1, output
    assert named in output
    [miss] = report(out)["misses"]
    assert miss in output


def test_a_fast_wrong_answer_fails_by_its_recall(store, tmp_path):
    shutil.copytree(store, tmp_path / "store")
    out = tmp_path / "out"
    plan = write(tmp_path, ("recall_at_10 = 0.95", "recall_at_10 = 0.99"))
    words = ("serve-and-run", plan, "--store", tmp_path / "store", "--report", out)
    status, output = loadtest(*words, VLCLIP_HNSW__EF="1")
    assert status == 1, output
    assert "missed: similar recall@10 is 0." in output
    assert len(report(out)["misses"]) == 1


def test_several_load_generators_find_the_knee_of_a_service_that_holds(served, tmp_path):
    constant = 'kind = "constant"\nlevel = 15\nseconds = 8'
    steps = 'kind = "steps"\nstart = 4\nfactor = 2\nmost = 8\nseconds = 4\nsettle_s = 1\ntries = 3'
    out = tmp_path / "out"
    plan = write(tmp_path, (constant, steps), ("rate_per_s = 2", "knee_per_s = 8"))
    status, output = loadtest("run", plan, "--host", served, "--report", out, "--processes", "2")
    assert status == 0, output
    assert report(out)["knee"] == 8
    status, output = loadtest(
        "run", write(tmp_path, (constant, 'kind = "soak"\nshare = 0.5\nseconds = 3')),
        "--host", served, "--knee", out / "report.json", "--report", tmp_path / "soak",
    )  # fmt: skip
    assert status == 0, output
    assert max(users for _, users in report(tmp_path / "soak")["levels"]) == 4  # half of 8/s, 1/s each


def test_stopped_under_load_a_server_answers_what_it_accepted_and_keeps_events(store, tmp_path):
    shutil.copytree(store, tmp_path / "store")
    out = tmp_path / "out"
    # more than it can answer, so that requests are in flight when it is told to stop
    limits = ("p50_ms = 900\nrecall_at_10 = 0.95", "")
    plan = write(
        tmp_path, limits, ("warm_s = 1", "warm_s = 1\nallow_busy = true"), ("level = 15", "level = 900")
    )
    words = ("serve-and-run", plan, "--store", tmp_path / "store", "--report", out, "--term-under-load")
    status, output = loadtest(*words)
    assert status == 0, output
    ended = report(out)["termination"]
    assert ended["exit_status"] == ended["lost"] == ended["missing"] == 0
    assert ended["in_flight"] > 0
    assert ended["events"] > 0
    assert ended["refused"] > 0
    assert report(out)["memory"]


def test_what_cannot_be_run_says_why_with_status_2(tmp_path):
    plan = write(tmp_path, ("p50_ms", "p50ms"))
    status, output = loadtest("run", plan)
    assert status == 2
    assert "thresholds.similar.p50ms: no such field; did you mean p50_ms?" in output
    status, output = loadtest("run", write(tmp_path), "--host", "http://127.0.0.1:9")
    assert status == 2
    assert "http://127.0.0.1:9 does not answer a search" in output


def test_a_server_that_does_not_start_is_told_with_its_last_words(tmp_path):
    (tmp_path / "file").write_text("")
    where = str(tmp_path / "file" / "store")
    with pytest.raises(NotReached, match="did not become ready"), serving(where, tmp_path / "server.log"):
        pass
    assert (tmp_path / "server.log").read_text()
