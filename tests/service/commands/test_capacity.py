"""What a catalogue needs, from what an item takes on the disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from vlclip.engine.settings import Hnsw
from vlclip.engine.store.edge.folder import make_current
from vlclip.service.cli import build
from vlclip.service.commands.capacity import completed, measure, need

PER_ITEM = {"vectors": 2000.0, "quantized": 500.0, "graph": 100.0, "ids": 30.0, "fields": 500.0}

sizes = st.integers(1, 10**8)
replicas = st.integers(1, 5)
node_ram = st.floats(1, 1024)


def test_one_million_items_worked_out_by_hand():
    # hot 500 + 100 + 30 = 630 bytes, in all 3,130; two copies of a million: 1.26 and 6.26 GB
    estimate = need(PER_ITEM, 500, 1_000_000, replicas=2, node_ram=2)
    assert estimate.memory_gb == pytest.approx(1.26)
    assert estimate.disk_gb == pytest.approx(6.26)
    # while indexing the vectors, 2,000 bytes, are there twice more: 2 copies x 4,000 bytes = 8 GB on top
    assert estimate.indexing_gb == pytest.approx(14.26)
    # of 2 GB a quarter and 0.5 GB are not for it: 1.0 GB on each of two nodes
    assert estimate.nodes == 2
    assert need(PER_ITEM, 500, 2_000_000, replicas=2, node_ram=2).nodes == 3


def test_without_quantization_every_search_reads_the_full_vectors():
    bare = {part: value for part, value in PER_ITEM.items() if part != "quantized"}
    # 2,000 + 100 + 30 bytes
    assert need(bare, 500, 1_000_000, replicas=1, node_ram=32).memory_gb == pytest.approx(2.13)


@given(sizes, replicas, node_ram)
def test_what_is_hot_fits_into_the_room_of_the_nodes(items, replicas, node_ram):
    estimate = need(PER_ITEM, 500, items, replicas, node_ram)
    assert estimate.nodes >= replicas
    assert estimate.memory_gb <= estimate.nodes * (0.75 * node_ram - 0.5) * (1 + 1e-9)


def test_a_node_too_small_for_the_process_is_refused(filled):
    assert "--node-ram" in str(run("--store", filled, "--node-ram", "0.5", status=2).output)


@given(sizes, replicas, node_ram)
def test_twice_the_items_or_the_copies_need_twice_the_memory_and_disk(items, replicas, node_ram):
    single = need(PER_ITEM, 500, items, replicas, node_ram)
    for double in (
        need(PER_ITEM, 500, 2 * items, replicas, node_ram),
        need(PER_ITEM, 500, items, 2 * replicas, node_ram),
    ):
        assert double.memory_gb == pytest.approx(2 * single.memory_gb)
        assert double.disk_gb == pytest.approx(2 * single.disk_gb)
        assert double.indexing_gb == pytest.approx(2 * single.indexing_gb)
        assert double.nodes >= single.nodes


def test_what_a_store_does_not_have_yet_is_estimated_from_above():
    per_item, estimated = completed({"vectors": 2100.0, "fields": 400.0}, 512, Hnsw(m=24))
    # 512 numbers of a byte; at most twice m edges of 4 bytes
    assert (per_item["vectors"], per_item["quantized"], per_item["graph"]) == (2100.0, 512.0, 192.0)
    assert estimated == ["graph", "quantized"]


def test_a_store_without_quantization_needs_no_copies_of_its_vectors():
    per_item, estimated = completed({"vectors": 2100.0, "graph": 90.0}, 512, Hnsw(quantization="none"))
    assert per_item == {"vectors": 2100.0, "graph": 90.0}
    assert estimated == []


def test_files_are_told_apart_by_where_they_lie_and_add_up(tmp_path):
    written = {
        "vector_storage-fused/matrix.dat": "vectors",
        "vector_storage-fused/quantized.data": "quantized",
        "vector_index-fused/links_compressed.bin": "graph",
        "payload_index/a-map/values.bin": "field indexes",
        "payload_storage/page_0.dat": "fields",
        "vector_storage-words/store/page_0.dat": "words",
        "vector_index-words/inverted_index.dat": "words",
        "id_tracker.mappings": "ids",
        "segment.json": "other",
    }
    for name in written:
        for segment in ("one", "two"):
            file = tmp_path / "collection-1" / "segments" / segment / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bytes(range(1, 5)) * 1024)  # one block of 4,096 bytes
    (tmp_path / "collection-1" / "wal").mkdir()
    (tmp_path / "collection-1" / "wal" / "open-1").write_bytes(b"log" * 4096)
    shutil.copytree(tmp_path / "collection-1", tmp_path / "collection-2")  # an older one
    make_current(tmp_path, "collection-1")
    parts = measure(tmp_path)
    assert set(parts) == set(written.values())
    assert parts["words"] == 2 * parts["ids"]
    assert sum(parts.values()) == 2 * 4096 * len(written)


def test_the_command_measures_a_store_and_says_what_is_extrapolated(filled, tmp_path):
    store = Path(shutil.copytree(filled, tmp_path / "store"))
    body = json.loads(run("--store", store, "--items", 50_000, "--replicas", 3, "--json").stdout)
    assert (body["measured_on"], body["asked"]["items"], body["replicas"]) == (60, 50_000, 3)
    assert all(line["extrapolated"] for line in body["table"])
    assert [line["items"] for line in body["table"]] == [
        10_000, 50_000, 100_000, 1_000_000, 10_000_000, 100_000_000,
    ]  # fmt: skip
    small = json.loads(run("--store", store, "--items", 60, "--json").stdout)["table"]
    assert [line["items"] for line in small if not line["extrapolated"]] == [60]
    printed = run("--store", store, "--items", 60).stdout
    assert "extrapolated" in printed
    assert "With so few items the figures are rough" in printed


def test_a_server_cannot_be_measured_and_the_error_says_what_can():
    assert "--store FOLDER" in run("--store", "http://localhost:6333", status=1).output


def run(*words: object, status: int = 0):
    result = CliRunner().invoke(build(), ["capacity", *map(str, words)])
    assert result.exit_code == status, result.output
    return result
