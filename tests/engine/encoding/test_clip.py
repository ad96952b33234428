"""CLIP: exact against open_clip itself, clear about what it cannot load."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.conftest import make_tiny_clip
from vlclip.engine.encoding.clip import clip_fingerprint, load_clip, preprocessing_of
from vlclip.engine.encoding.embedder import describe, load_embedder
from vlclip.engine.encoding.preprocessing import Preprocessing
from vlclip.engine.encoding.text_tower import _trimmed, encode_text, is_trimmable, text_tower
from vlclip.engine.errors import EncoderError
from vlclip.service.settings import Settings

TEXTS = ["red shoe", "", "a very long title " * 30, "blue dress with white dots", "обувь ✓"]


@pytest.fixture(scope="module")
def clip(tiny_clip):
    return load_clip(str(tiny_clip), "cpu")


def test_trimmed_texts_equal_open_clips_own_encoding(clip):
    with torch.inference_mode():
        plain = clip.model.encode_text(clip.tokenizer(TEXTS), normalize=True).numpy()
    np.testing.assert_allclose(clip.encode_texts(TEXTS), plain, atol=1e-5)


def test_a_text_is_encoded_the_same_alone_and_in_any_batch(clip):
    together = clip.encode_texts(TEXTS, batch=2)
    for row, text in enumerate(TEXTS):
        np.testing.assert_allclose(clip.encode_texts([text])[0], together[row], atol=1e-5)


@pytest.mark.parametrize("pool_type", ["argmax", "eos"])
@pytest.mark.parametrize("custom", [False, True])
def test_trimming_is_exact_for_both_poolings_and_both_model_classes(pool_type, custom):
    torch.manual_seed(1)
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    vision = {"image_size": 20, "layers": 1, "width": 16, "head_width": 8, "patch_size": 10}
    text = {"vocab_size": 50, "width": 16, "heads": 2, "layers": 2, "pool_type": pool_type, "eos_id": 49}
    model = kind(16, vision, text).eval()
    tokens = torch.zeros(3, 77, dtype=torch.long)
    for row, length in enumerate((3, 20, 76)):
        tokens[row, :length] = torch.randint(1, 48, (length,))
        tokens[row, length] = 49
    assert is_trimmable(model)
    own = model.encode_text(tokens, normalize=True)
    torch.testing.assert_close(encode_text(model, tokens), own, atol=1e-5, rtol=0)
    on_a_graphics_card = _trimmed(text_tower(model), tokens)
    torch.testing.assert_close(on_a_graphics_card, own, atol=1e-5, rtol=0)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_packed_texts_do_not_see_each_other(clip, lengths):
    tokens = torch.zeros(len(lengths), 77, dtype=torch.long)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.arange(length) % 50 + 3 + row
        tokens[row, length] = 2
    with torch.inference_mode():
        plain = clip.model.encode_text(tokens, normalize=True)
        torch.testing.assert_close(encode_text(clip.model, tokens), plain, atol=1e-5, rtol=0)


def test_towers_that_are_not_causal_are_left_alone():
    torch.manual_seed(1)
    vision = {"image_size": 20, "layers": 1, "width": 16, "head_width": 8, "patch_size": 10}
    text = {
        "vocab_size": 50,
        "width": 16,
        "heads": 2,
        "layers": 1,
        "no_causal_mask": True,
        "pool_type": "last",
    }
    model = open_clip.CustomTextCLIP(16, vision, text).eval()
    tokens = torch.randint(1, 49, (2, 77))
    assert not is_trimmable(model)
    torch.testing.assert_close(encode_text(model, tokens), model.encode_text(tokens, normalize=True))


def test_images_equal_open_clips_own_preprocessing_and_encoding(clip, tiny_clip):
    rng = np.random.default_rng(0)
    photos = [
        Image.fromarray(rng.integers(0, 255, (h, w, 3), dtype=np.uint8)) for h, w in ((80, 60), (31, 90))
    ]
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{tiny_clip}")
    with torch.inference_mode():
        plain = model.eval().encode_image(torch.stack([preprocess(p) for p in photos]), normalize=True)
    np.testing.assert_allclose(clip.encode_images(photos), plain.numpy(), atol=1e-5)


def test_a_preprocessing_that_is_not_known_here_stays_open_clips(clip):
    assert isinstance(clip.preprocess, Preprocessing)

    def own(photo):
        return photo

    for config in ({"size": 48, "mode": "L"}, {"size": 48, "resize_mode": "stretch"}, {}):
        assert preprocessing_of(SimpleNamespace(visual=SimpleNamespace(preprocess_cfg=config)), own) is own


def test_nothing_in_nothing_out(clip):
    assert clip.encode_texts([]).shape == (0, 32)
    assert clip.encode_images([]).shape == (0, 32)


def test_the_fingerprint_follows_the_content_and_not_the_place(tiny_clip, tmp_path):
    moved = shutil.copytree(tiny_clip, tmp_path / "elsewhere")
    assert clip_fingerprint(str(moved)) == clip_fingerprint(str(tiny_clip))
    config = moved / "open_clip_config.json"
    config.write_text(config.read_text().replace('"fill_color": 255', '"fill_color": 0'))
    assert clip_fingerprint(str(moved)) != clip_fingerprint(str(tiny_clip))
    other = make_tiny_clip(tmp_path / "other", seed=1)
    assert clip_fingerprint(str(other)) != clip_fingerprint(str(tiny_clip))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-B-33/openai", "did you mean ViT-B-32"),
        ("ViT-B-32", "laion2b_s34b_b79k"),
        ("ViT-B-32/nothing", "known: "),
    ],
)
def test_a_typo_in_a_models_name_says_what_there_is(name, message):
    with pytest.raises(EncoderError, match=message):
        load_clip(name)


def test_weights_that_cannot_be_downloaded_are_a_clear_error():
    with pytest.raises(EncoderError, match="hf-hub:nobody/nothing"):
        load_clip("hf-hub:nobody/nothing")


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(EncoderError, match="open_clip_config"):
        load_clip(str(tmp_path))
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(EncoderError, match="no weights"):
        load_clip(str(tmp_path))


def test_an_embedder_leaves_what_is_missing_at_zero(tiny_clip):
    embedder = load_embedder(Settings.load(clip=str(tiny_clip), device="cpu"))
    photo = embedder.prepare(Image.new("RGB", (50, 50), "red"))
    fused = embedder.embed_items([photo, None, photo], ["red shoe", "red shoe", " "])
    assert fused.shape == (3, 64)
    assert not fused[1, :32].any()
    assert not fused[2, 32:].any()
    np.testing.assert_allclose(np.linalg.norm(fused[0, :32]), 1, rtol=1e-5)
    assert embedder.info == describe(str(tiny_clip), "clip", "english")


def test_query_directions_come_from_words_photo_or_both(tiny_clip):
    embedder = load_embedder(Settings.load(clip=str(tiny_clip), device="cpu"))
    photo = Image.new("RGB", (50, 50), "red")
    by_words, by_photo = embedder.embed_query(text="red shoe"), embedder.embed_query(photo=photo)
    both = embedder.embed_query(text="red shoe", photo=photo)
    np.testing.assert_allclose(by_words["image"], by_words["text"], atol=1e-6)
    np.testing.assert_allclose(by_photo["image"], embedder.clip.encode_images([photo])[0], atol=1e-6)
    np.testing.assert_allclose(both["text"], by_words["text"], atol=1e-6)
    mean = by_words["image"] + by_photo["image"]
    np.testing.assert_allclose(both["image"], mean / np.linalg.norm(mean), atol=1e-5)


def test_a_tokenizer_does_not_keep_every_word_it_has_seen(tiny_clip, monkeypatch):
    clip = load_clip(str(tiny_clip), "cpu")
    clip.tokenizer = open_clip.SimpleTokenizer()
    monkeypatch.setattr("vlclip.engine.encoding.clip.WORDS", 50)
    texts = [f"<start_of_text> word{chr(97 + n % 26)}{chr(97 + n // 26)} shoe" for n in range(200)]
    own = open_clip.SimpleTokenizer()
    for text in texts:
        assert torch.equal(clip.tokens([text]), own([text]))
        assert len(clip.tokenizer.cache) <= 50
