"""Words as a sparse vector: the one BM25 tokenizer behind both engines.

Lower case, accents folded, English stop words and stems. A document's weights hold term frequency
and length; the inverse document frequency is the engine's part (the `IDF` modifier of the vector),
because only it knows the collection. Both engines are sent the same numbers, so both rank alike.

Changing anything here changes stored vectors: it needs a new collection.
"""

from __future__ import annotations

from typing import NamedTuple

from qdrant_edge import Bm25, Bm25Config

AVERAGE_WORDS = 16.0
"""Length at which a document is neither favoured nor punished; a product's title, brand and type."""

_BM25 = Bm25(Bm25Config(k=1.2, b=0.75, avg_len=AVERAGE_WORDS, language="english", ascii_folding=True))


class Sparse(NamedTuple):
    """A sparse vector: distinct token hashes and their weights, the same length."""

    indices: list[int]
    values: list[float]

    def __bool__(self) -> bool:
        return bool(self.indices)


def document(text: str) -> Sparse:
    """The words of an item; empty for a text without words."""
    vector = _BM25.embed_document(_utf8(text))
    return Sparse(vector.indices, vector.values)


def query(text: str) -> Sparse:
    """The words of a search, each with weight 1; empty for a text without words."""
    vector = _BM25.embed_query(_utf8(text))
    return Sparse(vector.indices, vector.values)


def _utf8(text: str) -> str:
    """Without half characters, which a command line or broken JSON may bring and Rust refuses."""
    return text.encode("utf-8", "replace").decode()
