"""The text tower in ONNX Runtime: open_clip's own vectors, and PyTorch wherever it cannot be had."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.encoding import onnx_tower
from vlclip.engine.encoding.clip import Clip, load_clip
from vlclip.engine.encoding.embedder import load_embedder
from vlclip.engine.encoding.onnx_tower import OnnxTower, text_encoder
from vlclip.engine.errors import EncoderError
from vlclip.service.settings import Settings

FULL = "a very long title " * 30
TEXTS = ["red shoe", "", FULL, "blue dress with white dots", "обувь ✓"]
VISION = {"image_size": 20, "layers": 1, "width": 16, "head_width": 8, "patch_size": 10}


@pytest.fixture(scope="module")
def shipped(tiny_clip):
    return load_clip(str(tiny_clip), "cpu")


def plain():
    """As OpenAI's: the end token has the largest id, the projection is a matrix."""
    return open_clip.CLIP(16, VISION, {"width": 16, "heads": 2, "layers": 2})


def custom():
    """Everything else there is to choose: an end token by id, a projection with a bias, scaled blocks."""
    text = {
        "width": 16, "heads": 2, "layers": 2, "pool_type": "eos", "eos_id": 49407, "proj_bias": True,
        "ls_init_value": 0.5, "qk_norm": True, "scale_attn_inner": True,
    }  # fmt: skip
    return open_clip.CustomTextCLIP(16, VISION, text, quick_gelu=True)


@pytest.fixture(scope="module")
def tower(shipped):
    return OnnxTower(shipped, threads=2)


@pytest.fixture(scope="module", params=[None, plain, custom], ids=["folder", "plain", "custom"])
def both(request, shipped, tower):
    """A model, and its text tower in ONNX Runtime."""
    if request.param is None:
        return shipped, tower
    torch.manual_seed(1)
    clip = Clip(request.param.__name__, request.param(), None, open_clip.SimpleTokenizer(), "cpu")
    return clip, OnnxTower(clip)


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_vectors_are_open_clips_own_however_many_are_asked(both, count):
    clip, tower = both
    texts = (TEXTS * 8)[:count]
    with torch.inference_mode():
        own = clip.model.encode_text(clip.tokenizer(texts), normalize=True).numpy()
    np.testing.assert_allclose(tower.encode_texts(texts), own, atol=1e-5)


def test_a_text_may_fill_all_there_is_room_for(both):
    clip, tower = both
    assert clip.tokenizer([FULL]).count_nonzero() == 77
    with torch.inference_mode():
        own = clip.model.encode_text(clip.tokenizer([FULL]), normalize=True).numpy()
    np.testing.assert_allclose(tower.encode_texts([FULL]), own, atol=1e-5)


WORDS = st.sampled_from(["red", "shoe", "leather", "bag", "дом", "x"])


@given(st.lists(st.lists(WORDS, max_size=60).map(" ".join), min_size=1, max_size=12))
def test_texts_do_not_see_each_other(shipped, tower, texts):
    vectors = tower.encode_texts(texts)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(texts), 32))
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(vector, shipped.encode_texts([text])[0], atol=1e-5)


def test_nothing_in_nothing_out(tower):
    assert tower.encode_texts([]).shape == (0, 32)


def test_many_threads_may_ask_at_once(shipped, tower):
    questions = [TEXTS[place % 5 :] + TEXTS[: place % 3] for place in range(64)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(tower.encode_texts, questions))
    for texts, vectors in zip(questions, answers, strict=True):
        np.testing.assert_allclose(vectors, shipped.encode_texts(texts), atol=1e-5)


def test_an_export_says_nothing_and_leaves_alone_what_others_encode_meanwhile(shipped, capfd, caplog):
    right = shipped.encode_texts(TEXTS)
    with ThreadPoolExecutor(1) as pool:
        exporting = pool.submit(text_encoder, shipped, "auto", 1)
        while not exporting.done():
            np.testing.assert_allclose(shipped.encode_texts(TEXTS), right, atol=1e-5)
        assert isinstance(exporting.result(), OnnxTower)
    assert capfd.readouterr() == ("", "")
    assert not ours(caplog)


def test_questions_go_through_it_and_items_do_not(tiny_clip, tower):
    embedder = load_embedder(Settings.load(clip=str(tiny_clip), device="cpu"))
    serving = embedder.with_query_encoder(tower)
    before = embedder.embed_items([None], ["red shoe"])
    expected = embedder.embed_words(["red shoe", "hat"])

    class Refusing:
        def encode_texts(self, texts):
            raise AssertionError(f"asked for {texts}")

    np.testing.assert_array_equal(
        embedder.with_query_encoder(Refusing()).embed_items([None], ["red shoe"]), before
    )
    for direction, expected_direction in zip(serving.embed_words(["red shoe", "hat"]), expected, strict=True):
        assert direction.keys() == expected_direction.keys()
        for name in direction:
            np.testing.assert_allclose(direction[name], expected_direction[name], atol=1e-5)


class Branching(torch.nn.Module):
    """Takes a way that depends on the numbers, which cannot be exported."""

    def forward(self, x):
        return x + 1 if x.sum() > 0 else x


def ours(caplog):
    """The lines of the log that are ours; pytest hears of PyTorch's as well, which go nowhere else."""
    return [record for record in caplog.records if record.name.startswith("vlclip")]


def log_text(clip, caplog):
    """Why texts are encoded by PyTorch, in one line of the log."""
    assert text_encoder(clip, "onnx", 1) is clip
    (record,) = ours(caplog)
    assert (record.name, record.levelname) == ("vlclip.encoding", "WARNING")
    assert record.message.startswith("texts are encoded by PyTorch: the text tower of '")
    assert "\n" not in record.message
    return record.message


def test_a_tower_that_cannot_be_exported_stays_with_torch_and_nothing_else_is_said(capfd, caplog):
    model = plain()
    model.ln_final = Branching()
    clip = Clip("branching", model, None, open_clip.SimpleTokenizer(), "cpu")
    assert "cannot be exported: Could not guard on data-dependent" in log_text(clip, caplog)
    assert capfd.readouterr() == ("", "")


def test_a_tower_that_is_not_causal_stays_with_torch(caplog):
    text = {"width": 16, "heads": 2, "layers": 1, "no_causal_mask": True, "pool_type": "last"}
    model = open_clip.CustomTextCLIP(16, VISION, text)
    clip = Clip("both ways", model, None, open_clip.SimpleTokenizer(), "cpu")
    assert "is not causal" in log_text(clip, caplog)


def test_a_tower_that_gives_other_vectors_stays_with_torch(shipped, tower, caplog, monkeypatch):
    monkeypatch.setattr(onnx_tower, "_export", lambda clip, folder: folder)
    monkeypatch.setattr(onnx_tower, "_session", lambda model, threads: tower._session)
    monkeypatch.setattr(onnx_tower, "encode_text", lambda model, tokens: torch.ones(len(tokens), 32))
    assert "gives other vectors when exported" in log_text(shipped, caplog)


def test_a_graphics_card_stays_with_torch(tiny_clip, caplog):
    clip = load_clip(str(tiny_clip), "cpu")
    clip.device = "cuda"
    assert text_encoder(clip, "auto", 1) is clip
    assert not ours(caplog)
    assert "runs on cuda" in log_text(clip, caplog)


def test_torch_may_be_asked_for(shipped, caplog):
    with caplog.at_level(logging.INFO):
        assert text_encoder(shipped, "torch", 1) is shipped
    assert not ours(caplog)


def test_a_missing_package_is_an_error_only_where_it_was_asked_for(shipped, caplog, monkeypatch):
    monkeypatch.setattr(onnx_tower, "PACKAGES", ("numpy", "onnxabsent"))
    with caplog.at_level(logging.INFO):
        assert text_encoder(shipped, "auto", 1) is shipped
    assert [(record.levelname, "and needs onnxabsent: pip" in record.message) for record in ours(caplog)] == [
        ("INFO", True)
    ]
    with pytest.raises(EncoderError, match=r"needs onnxabsent: pip install 'vlclip\[onnx\]'"):
        text_encoder(shipped, "onnx", 1)
