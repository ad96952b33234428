#!/usr/bin/env bash
# qdrant-edge-py 0.9.0: a number with a long fraction in a payload may come back one step of a double off,
# as from a reader of JSON that does not round to the nearest: one in ten of sums of prices and of random fractions.
# Prices with two or four decimals come back as they are, and so do vectors, bit for bit. qdrant-client in memory
# gives all of them back.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet qdrant-edge-py==0.9.0 numpy
cat > show.py <<PY
import math
import os
import random
import uuid

import qdrant_edge as edge

dice = random.Random(7)
KINDS = {
    "prices with two decimals": [round(dice.uniform(0, 10_000), 2) for _ in range(3000)],
    "prices with four decimals": [round(dice.uniform(0, 10_000), 4) for _ in range(3000)],
    "sums of prices": [0.1 + 0.2, *(round(dice.uniform(0, 100), 2) + round(dice.uniform(0, 100), 2) for _ in range(2999))],
    "any fractions": [dice.random() for _ in range(3000)],
}
os.mkdir("shard")
config = edge.EdgeConfig(vectors={"v": edge.EdgeVectorParams(size=2, distance=edge.Distance.Dot)})
shard = edge.EdgeShard.create("shard", config)
for name, values in KINDS.items():
    ids = [str(uuid.UUID(int=dice.getrandbits(128))) for _ in values]
    points = [edge.Point(i, {"v": [1.0, 0.0]}, {"n": v}) for i, v in zip(ids, values)]
    shard.update(edge.UpdateOperation.upsert_points(points))
    back = {str(r.id): r.payload["n"] for start in range(0, 3000, 500) for r in shard.retrieve(ids[start : start + 500], with_payload=True, with_vector=False)}
    off = [(v, back[i]) for i, v in zip(ids, values) if back[i] != v]
    steps = max((abs(a - b) / math.ulp(a) for a, b in off), default=0)
    print(f"{name}: {len(off)} of {len(values)} changed, by at most {steps:.0f} step of a double")
PY
venv/bin/python show.py | tee log
grep -q "^prices with two decimals: 0 of 3000 changed" log
grep -q "^prices with four decimals: 0 of 3000 changed" log
grep -Eq "^sums of prices: [1-9][0-9]+ of 3000 changed, by at most 1 step" log
grep -Eq "^any fractions: [1-9][0-9]+ of 3000 changed, by at most 1 step" log
echo "as described"
