"""Queries through the cache and the batcher: the same vectors, less work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import open_clip
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from vlclip.engine.encoding.clip import load_clip
from vlclip.engine.encoding.embedder import load_embedder
from vlclip.engine.encoding.query_encoding import QueryEncoding
from vlclip.service.settings import Settings

WORDS = ["red shoe", "blue dress", "a long title about a leather bag", "green hat", "hat", "обувь ✓"]


@pytest.fixture(scope="module")
def embedder(tiny_clip):
    return load_embedder(Settings.load(clip=str(tiny_clip), device="cpu"))


@pytest.fixture(scope="module", params=["Hugging Face", "open_clip"])
def clip(request, tiny_clip):
    loaded = load_clip(str(tiny_clip), "cpu")
    if request.param == "open_clip":
        loaded.tokenizer = open_clip.SimpleTokenizer()
    return loaded


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_allclose(one[name], other[name], atol=1e-6)


@pytest.mark.parametrize("kept", [0, 2, 100])
def test_many_threads_get_what_the_embedder_gives(embedder, kept):
    asked = QueryEncoding(lambda: embedder, cached=kept)
    texts = WORDS * 10
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: asked.embed_query(text=text), texts))
    for text, directions in zip(texts, found, strict=True):
        same(directions, embedder.embed_query(text=text))
    counts = asked.counts()
    assert counts.hits + counts.misses == len(texts)
    assert counts.batch_items == counts.misses
    assert counts.cached == min(kept, len(WORDS))
    assert kept < 100 or counts.misses == len(WORDS)


def test_texts_that_read_alike_are_encoded_once(embedder):
    asked = QueryEncoding(lambda: embedder, cached=10)
    first = asked.embed_query(text="red shoe")
    for text in ("Red Shoe", "  RED\tshoe\n", "red&nbsp;shoe"):
        assert np.array_equal(asked.embed_query(text=text)["text"], first["text"])
        same(asked.embed_query(text=text), embedder.embed_query(text=text))
    assert asked.counts().misses == 1


def test_what_is_shared_cannot_be_written_to(embedder):
    asked = QueryEncoding(lambda: embedder, cached=10)
    with pytest.raises(ValueError, match="read-only"):
        asked.embed_query(text="red shoe")["text"][0] = 1
    asked.embed_query(text="red shoe").pop("image")
    assert "image" in asked.embed_query(text="red shoe")


def test_photos_and_blanks_go_to_the_embedder(embedder):
    asked, photo = QueryEncoding(lambda: embedder, cached=10), Image.new("RGB", (50, 50), "red")
    same(asked.embed_query(photo=photo), embedder.embed_query(photo=photo))
    same(asked.embed_query(text="hat", photo=photo), embedder.embed_query(text="hat", photo=photo))
    assert asked.embed_query(text=" ") == {}
    assert asked.counts().misses == 0


def test_a_failure_is_raised_and_asked_anew(embedder):
    failing = [True]

    def load():
        if failing:
            raise OSError(failing.pop())
        return embedder

    asked = QueryEncoding(load, cached=10)
    with pytest.raises(OSError, match="True"):
        asked.embed_query(text="hat")
    same(asked.embed_query(text="hat"), embedder.embed_query(text="hat"))


def test_batches_are_told_of(embedder):
    told = []
    asked = QueryEncoding(lambda: embedder, cached=0)
    asked.watch(lambda size, seconds: told.append(size))
    asked.embed_query(text="hat")
    assert told == [1]


PIECES = [
    "<start>", "<END>", "<end>", " ", "\t",
    "&amp;", "&AMP;", "Ã", "\xa0", "İ", "ß", "ﬁ", "red", "Red", "\x1b[1M",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)


@given(TEXTS, TEXTS)
@example("<end>", "<END>")
@example("red <end>", "red <END>")
@example("\0red", "red")
def test_texts_of_one_reading_have_the_same_tokens(clip, one, other):
    for text in (one.lower(), one.upper(), f" {one}  ", other):
        if clip.reading(one) == clip.reading(text):
            assert clip.tokens([one]).tolist() == clip.tokens([text]).tolist()


def test_readings_tell_a_special_token_from_the_same_letters_in_capitals(clip):
    tokens = [clip.tokens([text]).tolist() for text in ("red <end>", "red <END>")]
    readings = [clip.reading(text) for text in ("red <end>", "red <END>")]
    assert (tokens[0] == tokens[1]) == (readings[0] == readings[1])
