#!/usr/bin/env bash
# qdrant-edge-py 0.9.0: every search goes through a pool of four threads for each processor, though a shard has one
# segment and the call holds Python's lock meanwhile, so nothing runs beside it. Each search costs two switches between
# threads. With max_search_threads=1 it runs in the thread that asks: none.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet qdrant-edge-py==0.9.0 numpy
cat > show.py <<PY
import os
import sys
import tempfile
import time
import uuid

import numpy as np
import qdrant_edge as edge

rng = np.random.default_rng(7)
vectors = rng.standard_normal((5000, 64)).astype(np.float32)
SEARCHES = 2000


def switches():
    total = 0
    for task in os.listdir("/proc/self/task"):
        for line in open(f"/proc/self/task/{task}/status"):
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def pool():
    return sum(open(f"/proc/self/task/{t}/comm").read().startswith("edge-search") for t in os.listdir("/proc/self/task"))


name, threads = {"default": ("default", None), "one": ("one thread", 1)}[sys.argv[1]]
with tempfile.TemporaryDirectory() as folder:
    config = edge.EdgeConfig(vectors={"v": edge.EdgeVectorParams(size=64, distance=edge.Distance.Dot)}, max_search_threads=threads)
    shard = edge.EdgeShard.create(folder, config)
    points = [edge.Point(str(uuid.UUID(int=row + 1)), {"v": vector.tolist()}, {}) for row, vector in enumerate(vectors)]
    shard.update(edge.UpdateOperation.upsert_points(points))
    requests = [edge.SearchRequest(query=edge.Query.Nearest(vector.tolist(), using="v"), limit=10) for vector in vectors[:SEARCHES]]
    begun, wall, cpu = switches(), time.perf_counter(), time.process_time()
    for request in requests:
        shard.search(request)
    wall, cpu, done = time.perf_counter() - wall, time.process_time() - cpu, switches() - begun
    print(f"{name}: {pool()} threads for {os.cpu_count()} processors, {done / SEARCHES:.1f} switches a search, {1e3 * cpu / SEARCHES:.2f} ms of the processor, {1e3 * wall / SEARCHES:.2f} ms by the clock")
    shard.close()
PY
for pool in default one; do venv/bin/python show.py "$pool"; done | tee log
processors=$(nproc --all)
grep -q "^default: $((4 * processors)) threads" log
grep -Eq "^default: .*, ([1-9]|[1-9][0-9])\.[0-9] switches a search" log
grep -Eq "^one thread: .*, 0\.[0-9] switches a search" log
echo "as described"
