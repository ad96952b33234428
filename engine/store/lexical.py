"""Words as a sparse vector: the one BM25 tokenizer behind both engines.

It lowers case, folds accents, leaves out the language's stop words and takes stems. A document's weights
hold term frequency and length. The inverse document frequency is the engine's part (the `IDF` modifier
of the vector), because only the engine knows the collection. Both engines get the same numbers, so both
rank alike.

BM25 knows stop words of: arabic, azerbaijani, basque, bengali, catalan, chinese, danish, dutch, english,
finnish, french, german, greek, hebrew, hinglish, hungarian, indonesian, italian, japanese, kazakh,
nepali, norwegian, portuguese, romanian, russian, slovene, spanish, swedish, tajik, turkish.

The choices here decide stored vectors, so they enter the store's fingerprint: a store made with others
is refused. Any other change of this file that changes vectors needs a new collection as well.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from qdrant_edge import Bm25, Bm25Config

from vlclip.engine.errors import SettingsError
from vlclip.engine.language import load_language

SATURATION = 1.2
"""BM25's k: the higher, the more a repeated word counts."""
LENGTH_PENALTY = 0.75
"""BM25's b: 0 ignores a document's length, 1 counts it fully."""
AVERAGE_WORDS = 16.0
"""Length at which a document is neither favoured nor punished; a product's title, brand and type."""

FIRST_CHOICES = {"k": 1.2, "b": 0.75, "avg_len": 16.0, "language": "english", "ascii_folding": True}
"""Of the stores made before choices entered the fingerprint; these add nothing to it. Never change them."""


class Sparse(NamedTuple):
    """A sparse vector: distinct token hashes and their weights, the same length."""

    indices: list[int]
    values: list[float]

    def __bool__(self) -> bool:
        return bool(self.indices)


def choices(language: str) -> dict[str, Any]:
    """All that decides how the words of a text are weighted. `SettingsError` if the language is unknown."""
    return {
        "k": SATURATION,
        "b": LENGTH_PENALTY,
        "avg_len": AVERAGE_WORDS,
        "language": load_language(language).name,
        "ascii_folding": True,
    }


class WordEncoder:
    """Sparse vectors of texts in one language; safe to use from several threads."""

    def __init__(self, language: str) -> None:
        try:
            self._bm25 = Bm25(Bm25Config(**choices(language)))
        except ValueError as error:
            raise SettingsError(
                f"BM25 has no stop words and stems for this language ({error}); name the language's folder "
                "as BM25 names the language"
            ) from error

    def encode_document(self, text: str) -> Sparse:
        """The words of an item; empty for a text without words."""
        vector = self._bm25.embed_document(_utf8(text))
        return Sparse(vector.indices, vector.values)

    def encode_query(self, text: str) -> Sparse:
        """The words of a search, each with weight 1; empty for a text without words."""
        vector = self._bm25.embed_query(_utf8(text))
        return Sparse(vector.indices, vector.values)


def _utf8(text: str) -> str:
    """The text without half characters, which a command line or broken JSON may bring and Rust refuses."""
    return text.encode("utf-8", "replace").decode()
