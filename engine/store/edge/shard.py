"""A Qdrant Edge shard: its layout, and making an empty one."""

from __future__ import annotations

from pathlib import Path

import qdrant_edge as edge

from vlclip.engine.settings import Hnsw
from vlclip.engine.store.backend import DENSE, QUANTILE, WORDS
from vlclip.engine.store.edge.errors import translated
from vlclip.engine.store.store import StoreInfo

FULL_SCAN_KB = 10_000
"""A filter that leaves fewer vectors than this is scanned, exactly, instead of walking the graph."""


def create_shard(folder: Path, info: StoreInfo, hnsw: Hnsw) -> None:
    """Make an empty shard in the empty `folder`."""
    with translated(folder):
        edge.EdgeShard.create(str(folder), shard_config(info, hnsw)).close()


def shard_config(info: StoreInfo, hnsw: Hnsw) -> edge.EdgeConfig:
    """The vectors, the graph and the quantization of a shard.

    Searches run in the thread that asks. Left to itself the engine makes four threads for each processor,
    which hand each search over and yield to each other in between: half as much processor time again.
    """
    return edge.EdgeConfig(
        vectors={DENSE: edge.EdgeVectorParams(size=info.space.size, distance=edge.Distance.Dot)},
        sparse_vectors={WORDS: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        hnsw_config=edge.HnswIndexConfig(
            m=hnsw.m, ef_construct=hnsw.ef_construct, full_scan_threshold=FULL_SCAN_KB
        ),
        quantization_config=_quantization(hnsw),
        optimizers=edge.EdgeOptimizersConfig(default_segment_number=1),
        max_search_threads=1,
    )


def _quantization(
    hnsw: Hnsw,
) -> edge.ScalarQuantizationConfig | edge.BinaryQuantizationConfig | None:
    if hnsw.quantization == "int8":
        return edge.ScalarQuantizationConfig(
            type=edge.ScalarType.Int8, quantile=QUANTILE, memory=edge.Memory.Pinned
        )
    if hnsw.quantization == "binary":
        return edge.BinaryQuantizationConfig(memory=edge.Memory.Pinned)
    return None
