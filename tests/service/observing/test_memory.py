"""What memory is spent on, from what the kernel says of each mapping."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vlclip.service.observing.memory import PARTS, SMAPS, memory_parts

STORE = "/srv/shop/s/collection-1/segments/ab-cd"
FILES = {
    f"{STORE}/vector_storage-fused/vectors/chunk_0.mmap": "vectors",
    f"{STORE}/vector_index-fused/graph.bin": "graph",
    f"{STORE}/vector_storage-words/page_0.dat": "words",
    f"{STORE}/vector_index-words/inverted_index.dat": "words",
    f"{STORE}/payload_storage/page_0.dat": "store",
    "/usr/lib/libc.so.6": "libraries",
    "[heap]": "python",
    "": "python",
}


def smaps(mappings) -> list[str]:
    lines = []
    for place, (file, kilobytes) in enumerate(mappings):
        span = f"{place:x}000-{place:x}fff rw-p 00000000 08:01 42 {file}".rstrip()
        lines += [span, f"Rss: {kilobytes} kB", "Pss: 7 kB"]
    return lines


@given(st.lists(st.tuples(st.sampled_from(list(FILES)), st.integers(0, 10**6))), st.integers(0, 10**9))
def test_parts_add_up_and_files_are_known_by_their_folders(mappings, model_bytes):
    parts = memory_parts(model_bytes, smaps(mappings))
    assert tuple(parts) == PARTS
    assert sum(parts.values()) == 1024 * sum(kilobytes for _, kilobytes in mappings)
    for part in ("vectors", "graph", "words", "store", "libraries"):
        assert parts[part] == 1024 * sum(size for file, size in mappings if FILES[file] == part)
    assert parts["model"] <= model_bytes


def test_this_process_has_python_and_libraries():
    parts = memory_parts(0)
    assert not SMAPS.is_file() or (parts["python"] > 10**6 and parts["libraries"] > 10**6)
