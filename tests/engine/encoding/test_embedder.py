"""A sentence-transformers encoder for the text segment, beside CLIP for the photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlclip.engine.encoding.embedder import describe, load_embedder
from vlclip.engine.errors import EncoderError
from vlclip.service.settings import Settings


@pytest.fixture(scope="module")
def sentence(tiny_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny sentence encoder in the library's own files."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    folder = tmp_path_factory.mktemp("sentence") / "tiny"
    tokenizer = Tokenizer.from_file(str(tiny_clip / "tokenizer.json"))
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=24)], device="cpu").save(
        str(folder)
    )
    return folder


def test_words_fill_the_text_segment_by_the_other_encoder_and_ask_photos_by_clip(tiny_clip, sentence):
    embedder = load_embedder(Settings.load(clip=str(tiny_clip), text_encoder=str(sentence), device="cpu"))
    assert [segment.size for segment in embedder.info.space.segments] == [32, 24]
    assert embedder.info.encoders == {"image": str(tiny_clip), "text": str(sentence)}
    fused = embedder.embed_items([None], ["red shoe"])
    directions = embedder.embed_query(text="red shoe")
    np.testing.assert_allclose(fused[0, 32:], directions["text"], atol=1e-5)
    np.testing.assert_allclose(directions["image"], embedder.clip.encode_texts(["red shoe"])[0], atol=1e-5)


def test_a_photo_cannot_ask_a_text_segment_of_another_space(tiny_clip, sentence):
    embedder = load_embedder(Settings.load(clip=str(tiny_clip), text_encoder=str(sentence), device="cpu"))
    assert set(embedder.embed_query(photo=Image.new("RGB", (9, 9)))) == {"image"}


def test_another_text_encoder_is_another_fingerprint(tiny_clip, sentence):
    assert (
        describe(str(tiny_clip), str(sentence), "english").fingerprint
        != describe(str(tiny_clip), "clip", "english").fingerprint
    )


def test_a_text_encoder_that_is_not_there_is_refused(tiny_clip):
    with pytest.raises(EncoderError, match="no-such-encoder"):
        describe(str(tiny_clip), "/no-such-encoder", "english")


@pytest.fixture(scope="module")
def embedder(tiny_clip):
    return load_embedder(Settings.load(clip=str(tiny_clip), device="cpu"))


def test_of_two_texts_the_one_that_fits_the_photo_is_embedded(embedder):
    photo = embedder.prepare(Image.new("RGB", (60, 80), (200, 30, 30)))
    texts = ["red shirt", "blue sofa"]
    alone = embedder.embed_items([photo, photo], texts)
    images, words = (alone[:, part] for part in embedder.info.space.slices().values())
    fits = int(np.argmax((images * words).sum(axis=1)))
    vectors, stays = embedder.embed_refined([photo, photo], [texts[fits]] * 2, [texts[1 - fits], texts[fits]])
    assert stays.tolist() == [False, True]
    np.testing.assert_allclose(vectors, alone[[fits, fits]], atol=1e-6)
    _, stays = embedder.embed_refined([photo], [texts[1 - fits]], [texts[fits]])
    assert stays.tolist() == [True]


def test_without_a_photo_or_a_raw_text_the_refined_one_stays(embedder):
    photo = embedder.prepare(Image.new("RGB", (60, 80), "white"))
    _, stays = embedder.embed_refined([None, photo], ["red shirt", ""], ["blue sofa", "blue sofa"])
    assert stays.tolist() == [True, True]
