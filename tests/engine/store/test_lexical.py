"""Words by field, weighted as BM25F says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_edge import Bm25, Bm25Config

from vlclip.engine.store.lexical import (
    AS_BEFORE,
    BY_FIELD,
    FLAT_FIELDS,
    FieldWeight,
    Weighting,
    WordEncoder,
    weighting_from,
)

WORDS = ["red", "shoe", "shoes", "leather", "the", "and", "Café", "T-shirt", "574", "1,299", "<3", "Größe"]
TEXT = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
TEXTS = st.fixed_dictionaries({}, optional=dict.fromkeys(BY_FIELD.fields, TEXT))
BEFORE = Bm25(Bm25Config(k=1.2, b=0.75, avg_len=16.0, language="english", ascii_folding=True))


def weights(sparse) -> dict[int, float]:
    return dict(zip(sparse.indices, sparse.values, strict=True))


@given(TEXT, st.floats(0.1, 3), st.floats(0, 1), st.floats(1, 50))
def test_with_one_field_the_weights_are_those_of_bm25(text, k, b, average):
    ours = WordEncoder("english", Weighting(k, {"title": FieldWeight(1.0, b, average)}))
    theirs = Bm25(Bm25Config(k=k, b=b, avg_len=average, language="english", ascii_folding=True))
    expected = weights(theirs.embed_document(text))
    assert weights(ours.encode_document({"title": text})) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("penalty", [0.0, 0.75, 1.0])
def test_a_field_of_stop_words_alone_has_no_words(penalty):
    ours = WordEncoder("english", Weighting(1.2, {"title": FieldWeight(1.0, penalty, 8.0)}))
    assert not ours.encode_document({"title": "the and"})


@given(TEXTS)
def test_a_collection_of_before_gets_the_vectors_of_before(texts):
    text = " ".join(texts[name] for name in FLAT_FIELDS if texts.get(name))
    expected = weights(BEFORE.embed_document(text))
    assert weights(WordEncoder("english", AS_BEFORE).encode_document(texts)) == expected


@given(TEXTS, st.sampled_from(list(BY_FIELD.fields)))
def test_another_word_weakens_no_other_where_length_does_not_count(texts, name):
    free = {field: weight._replace(penalty=0.0) for field, weight in BY_FIELD.fields.items()}
    words = WordEncoder("english", replace(BY_FIELD, fields=free))
    fewer, more = (
        weights(words.encode_document(document))
        for document in (texts, {**texts, name: f"{texts.get(name, '')} boots"})
    )
    assert all(more[index] >= weight for index, weight in fewer.items())
    assert set(more) - set(fewer) <= set(words.encode_query("boots").indices)


def test_worked_out_by_hand():
    fields = {"title": FieldWeight(2.0, 0.5, 2.0), "description": FieldWeight(0.5, 1.0, 4.0)}
    words = WordEncoder("english", Weighting(1.0, fields))
    # title: 1 word, 2 / (0.5 + 0.5 * 1/2) = 8/3 a word; description: 2 words, 0.5 / (2/4) = 1 a word
    (shoe,), (red,) = words.encode_query("shoe").indices, words.encode_query("red").indices
    sparse = weights(words.encode_document({"title": "shoe", "description": "red shoes", "brand": "Acme"}))
    assert sparse == pytest.approx({shoe: (11 / 3) * 2 / (1 + 11 / 3), red: 1 * 2 / (1 + 1)})


def test_a_word_weighs_more_in_a_title_than_in_a_description_of_any_length():
    words = WordEncoder("english")
    (title,), (alone,), long = (
        words.encode_document(texts).values
        for texts in ({"title": "lamp"}, {"description": "lamp"}, {"description": "lamp " + "word " * 500})
    )
    assert title > alone > long[0] > 0


def test_lengths_are_averages_over_the_items_that_have_words_there():
    words = WordEncoder("english")
    items = [{"title": "red shoe", "description": "of the best"}, {"title": "lamp"}, {"title": "the"}, {}]
    lengths = words.lengths(items)
    assert lengths == {"title": 1.5, "description": 1.0}  # "of the" are stop words
    measured = BY_FIELD.with_lengths(lengths)
    assert measured.fields["title"] == BY_FIELD.fields["title"]._replace(length=1.5)
    assert measured.fields["brand"] == BY_FIELD.fields["brand"]


@pytest.mark.parametrize("weighting", [BY_FIELD, AS_BEFORE, BY_FIELD.with_lengths({"title": 3.0})])
def test_a_weighting_is_read_back_as_it_was_written(weighting):
    assert weighting_from(weighting.form()) == weighting
    assert weighting_from(None) == AS_BEFORE


def test_half_characters_and_texts_without_words_are_no_error():
    words = WordEncoder("english")
    assert not words.encode_document({"title": "the", "description": "\ud800"[:0]})
    assert words.encode_document({"title": "lamp \ud800"})
    assert not words.encode_query("the")
