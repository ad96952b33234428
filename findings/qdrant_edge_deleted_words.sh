#!/usr/bin/env bash
# qdrant-edge-py 0.9.0: a sparse vector that was deleted stays in the inverted index. While the point has none, a
# search does not show it. Once the point gets another sparse vector, it is found by the words of the deleted one
# too, although `retrieve` shows only the new ones. Writing an empty sparse vector before deleting it takes the old
# words out of the index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet qdrant-edge-py==0.9.0 numpy
cat > show.py <<PY
import os
import qdrant_edge as edge

POINT = "6f1d5a0e-52a1-5a3c-9d3e-7a1c0f6b2e11"
OLD, NEW = edge.SparseVector([1], [1.0]), edge.SparseVector([2], [1.0])


def by_old_words(empty_first):
    folder = f"shard-{empty_first}"
    os.mkdir(folder)
    shard = edge.EdgeShard.create(folder, edge.EdgeConfig(sparse_vectors={"words": edge.EdgeSparseVectorParams()}))
    write = lambda vector: shard.update(edge.UpdateOperation.update_vectors([edge.PointVectors(POINT, {"words": vector})]))
    shard.update(edge.UpdateOperation.upsert_points([edge.Point(POINT, {"words": OLD}, {})]))
    if empty_first:
        write(edge.SparseVector([], []))
    shard.update(edge.UpdateOperation.delete_vectors([POINT], ["words"]))
    write(NEW)
    near = edge.Query.Nearest(OLD, using="words")
    return len(shard.search(edge.SearchRequest(query=near, limit=5)))


print(by_old_words(False), by_old_words(True))
PY
echo "found by deleted words, and after an empty vector: $(venv/bin/python show.py | tee log)"
[ "$(cat log)" = "1 0" ]
echo "as described"
