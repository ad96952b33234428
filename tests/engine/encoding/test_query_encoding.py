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


def same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_allclose(first[name], second[name], atol=1e-6)


@pytest.mark.parametrize("size", [0, 2, 100])
def test_many_threads_get_what_the_embedder_gives(embedder, size):
    encoding = QueryEncoding(lambda: embedder, cached=size)
    texts = WORDS * 10
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: encoding.embed_query(text=text), texts))
    for text, directions in zip(texts, answers, strict=True):
        same(directions, embedder.embed_query(text=text))
    counts = encoding.counts()
    assert counts.hits + counts.misses == len(texts)
    assert counts.batch_items == counts.misses
    assert counts.cached == min(size, len(WORDS))
    assert size < 100 or counts.misses == len(WORDS)


def test_texts_that_read_alike_are_encoded_once(embedder):
    encoding = QueryEncoding(lambda: embedder, cached=10)
    first = encoding.embed_query(text="red shoe")
    for text in ("Red Shoe", "  RED\tshoe\n", "red&nbsp;shoe"):
        assert np.array_equal(encoding.embed_query(text=text)["text"], first["text"])
        same(encoding.embed_query(text=text), embedder.embed_query(text=text))
    assert encoding.counts().misses == 1


def test_what_is_shared_cannot_be_written_to(embedder):
    encoding = QueryEncoding(lambda: embedder, cached=10)
    with pytest.raises(ValueError, match="read-only"):
        encoding.embed_query(text="red shoe")["text"][0] = 1
    encoding.embed_query(text="red shoe").pop("image")
    assert "image" in encoding.embed_query(text="red shoe")


def test_photos_and_blanks_go_to_the_embedder(embedder):
    encoding, photo = QueryEncoding(lambda: embedder, cached=10), Image.new("RGB", (50, 50), "red")
    same(encoding.embed_query(photo=photo), embedder.embed_query(photo=photo))
    same(encoding.embed_query(text="hat", photo=photo), embedder.embed_query(text="hat", photo=photo))
    assert encoding.embed_query(text=" ") == {}
    assert encoding.counts().misses == 0


def test_a_failure_is_raised_and_asked_anew(embedder):
    failing = [True]

    def load():
        if failing:
            raise OSError(failing.pop())
        return embedder

    encoding = QueryEncoding(load, cached=10)
    with pytest.raises(OSError, match="True"):
        encoding.embed_query(text="hat")
    same(encoding.embed_query(text="hat"), embedder.embed_query(text="hat"))


def test_batches_are_told_of(embedder):
    batch_sizes = []
    encoding = QueryEncoding(lambda: embedder, cached=0)
    encoding.watch(lambda size, seconds: batch_sizes.append(size))
    encoding.embed_query(text="hat")
    assert batch_sizes == [1]


PIECES = [
    "<start>", "<END>", "<end>", " ", "\t",
    "&amp;", "&AMP;", "Ã", "\xa0", "İ", "ß", "ﬁ", "red", "Red", "\x1b[1M",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)


@given(TEXTS, TEXTS)
@example("<end>", "<END>")
@example("red <end>", "red <END>")
@example("\0red", "red")
def test_texts_of_one_reading_have_the_same_tokens(clip, first, second):
    for text in (first.lower(), first.upper(), f" {first}  ", second):
        if clip.reading(first) == clip.reading(text):
            assert clip.tokens([first]).tolist() == clip.tokens([text]).tolist()


def test_readings_tell_a_special_token_from_the_same_letters_in_capitals(clip):
    tokens = [clip.tokens([text]).tolist() for text in ("red <end>", "red <END>")]
    readings = [clip.reading(text) for text in ("red <end>", "red <END>")]
    assert (tokens[0] == tokens[1]) == (readings[0] == readings[1])
