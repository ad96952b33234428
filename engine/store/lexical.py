"""Words as a sparse vector: BM25 over the fields of an item, behind both engines.

A word in the title says more than one in the description, and a long description makes each of its words
weaker, but not those of the title. So frequencies are divided by their own field's length, weighted by
field and added up, and then saturate once: BM25F (Robertson, Zaragoza and Taylor, Simple BM25 extension to
multiple weighted fields, CIKM 2004). The inverse document frequency is the engine's part (the `IDF` modifier
of the vector), because only the engine knows the collection. Both engines get the same numbers, so both
rank alike.

qdrant's BM25 is the tokenizer: it lowers case, folds accents, leaves out the language's stop words and takes
stems. It knows stop words of: arabic, azerbaijani, basque, bengali, catalan, chinese, danish, dutch, english,
finnish, french, german, greek, hebrew, hinglish, hungarian, indonesian, italian, japanese, kazakh,
nepali, norwegian, portuguese, romanian, russian, slovene, spanish, swedish, tajik, turkish.

A collection keeps the `Weighting` that it was made with, so a change of the defaults here reaches new
collections, and others when they are weighted anew (`vlclip reindex`). A change of the code that changes
vectors of an equal `Weighting` needs a new kind of it.

Laws (tests/engine/store/test_lexical.py):
- with one field, weights are those of BM25;
- a text's weights are the same however often they are asked for, and never fall when a word is added
  to a field whose length does not count;
- a collection made before fields had weights goes on as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from qdrant_edge import Bm25, Bm25Config

from vlclip.engine.errors import SettingsError
from vlclip.engine.language import load_language

FieldTexts = Mapping[str, str]
"""The words of an item by field: the keys are those of `FIELDS`."""

RAW = 1e9
"""A saturation at which qdrant's weight of a word is its frequency."""
FLAT = {"k": 1.2, "b": 0.75, "avg_len": 16.0}
"""Of the collections made before fields had weights: one text, without the description. Never change it."""
FLAT_FIELDS = ("title", "brand", "product_type", "attributes")


class Sparse(NamedTuple):
    """A sparse vector: distinct token hashes and their weights, the same length."""

    indices: list[int]
    values: list[float]

    def __bool__(self) -> bool:
        return bool(self.indices)


class FieldWeight(NamedTuple):
    """What a field's words count. `penalty` is BM25's b: 0 ignores the field's length, 1 counts it fully.

    `length` is the number of words at which the field is neither favoured nor punished: the average.
    """

    weight: float
    penalty: float
    length: float


@dataclass(frozen=True, slots=True)
class Weighting:
    """How a collection weights words. `saturation` is BM25's k: the higher, the more a repeated word counts.

    Without `fields` it is that of the collections made before fields had weights.
    """

    saturation: float
    fields: Mapping[str, FieldWeight]

    def with_lengths(self, lengths: Mapping[str, float]) -> Weighting:
        """The same with these average lengths; a field that is not among them keeps its own."""
        fields = dict(self.fields)
        for name in fields.keys() & lengths.keys():
            fields[name] = fields[name]._replace(length=lengths[name])
        return replace(self, fields=fields)

    def form(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "saturation": self.saturation,
            "fields": {name: field._asdict() for name, field in self.fields.items()},
        }


BY_FIELD = Weighting(
    saturation=0.6,
    fields={
        "title": FieldWeight(3.0, 0.75, 8.0),
        "product_type": FieldWeight(3.0, 0.75, 2.0),
        "brand": FieldWeight(1.0, 0.75, 1.2),
        "attributes": FieldWeight(0.5, 0.75, 12.0),
        "description": FieldWeight(1.0, 0.75, 40.0),
    },
)
"""Of new collections, chosen on rated searches (docs/evaluation.md).

Its lengths stand for those of a collection that was not measured.
"""
AS_BEFORE = Weighting(saturation=FLAT["k"], fields={})


def weighting_from(form: Mapping[str, Any] | None) -> Weighting:
    """What `Weighting.form` wrote, `AS_BEFORE` where nothing is written; raises KeyError, TypeError."""
    if form is None:
        return AS_BEFORE
    fields = {name: FieldWeight(**field) for name, field in form["fields"].items()}
    return Weighting(float(form["saturation"]), fields)


def reading(language: str) -> dict[str, Any]:
    """What is read as a word; part of a store's fingerprint. `SettingsError` if the language is unknown.

    The figures among it are of the time when they were the same for every collection.
    """
    return {**FLAT, "language": load_language(language).name, "ascii_folding": True}


class WordEncoder:
    """Sparse vectors of texts in one language; safe to use from several threads."""

    def __init__(self, language: str, weighting: Weighting = BY_FIELD) -> None:
        self.weighting = weighting
        self._raw = _bm25(language, k=RAW, b=0.0, avg_len=1.0)
        self._flat = _bm25(language, **FLAT)

    def encode_document(self, texts: FieldTexts) -> Sparse:
        """The words of an item; empty for texts without words."""
        weighting = self.weighting
        if not weighting.fields:
            words = " ".join(texts[name] for name in FLAT_FIELDS if texts.get(name))
            vector = self._flat.embed_document(_utf8(words))
            return Sparse(vector.indices, vector.values)
        total: dict[int, float] = {}
        for name, (weight, penalty, average) in weighting.fields.items():
            if text := texts.get(name):
                vector = self._raw.embed_document(_utf8(text))
                indices, counts = vector.indices, vector.values
                if not indices:
                    continue
                factor = weight / (1 - penalty + penalty * sum(counts) / average)
                for index, count in zip(indices, counts, strict=True):
                    total[index] = total.get(index, 0.0) + factor * count
        k = weighting.saturation
        return Sparse(list(total), [value * (k + 1) / (k + value) for value in total.values()])

    def encode_query(self, text: str) -> Sparse:
        """The words of a search, each with weight 1; empty for a text without words."""
        vector = self._flat.embed_query(_utf8(text))
        return Sparse(vector.indices, vector.values)

    def lengths(self, items: Iterable[FieldTexts]) -> dict[str, float]:
        """The average number of words of each field, over the items that have any there."""
        words: dict[str, list[float]] = {}
        for texts in items:
            for name in self.weighting.fields:
                length = sum(self._raw.embed_document(_utf8(texts.get(name, ""))).values)
                if length:
                    words.setdefault(name, []).append(length)
        return {name: sum(lengths) / len(lengths) for name, lengths in words.items()}


def _bm25(language: str, **choices: float) -> Bm25:
    """Qdrant's BM25 of a language. `SettingsError` if the language is unknown."""
    try:
        return Bm25(Bm25Config(**{**reading(language), **choices}))
    except ValueError as error:
        raise SettingsError(
            f"BM25 has no stop words and stems for this language ({error}); name the language's folder "
            "as BM25 names the language"
        ) from error


def _utf8(text: str) -> str:
    """The text without half characters, which a command line or broken JSON may bring and Rust refuses."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
