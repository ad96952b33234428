"""CLIP in ONNX Runtime: PyTorch's vectors, from one file of weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.blocked import without
from vlclip.engine.encoding import graphs, onnx_clip
from vlclip.engine.encoding.clip import Clip, load_clip
from vlclip.engine.encoding.graphs import write_graphs
from vlclip.engine.encoding.loading import load_encoder
from vlclip.engine.encoding.model_files import SHIPPED, WEIGHTS, folder_fingerprint
from vlclip.engine.encoding.onnx_clip import IMAGE_GRAPH, TEXT_GRAPH, OnnxClip
from vlclip.engine.encoding.onnx_files import open_graph
from vlclip.engine.errors import EncoderError

FULL = "a very long title " * 30
TEXTS = ["red shoe", "", FULL, "blue dress with white dots", "обувь ✓", "don&#39;t  <end> it"]
WORDS = st.sampled_from(["red", "shoe", "leather", "bag", "дом", "x", "&amp;", "<start>", "½", "ﬁt"])


def photos(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(count)
    sizes = [(80, 60), (31, 90), (200, 40), (7, 7)]
    return [Image.fromarray(rng.integers(0, 256, (*sizes[n % 4], 3), dtype=np.uint8)) for n in range(count)]


@pytest.fixture(scope="module")
def exported(tiny_clip, tmp_path_factory):
    """The tiny model with graphs beside its weights."""
    folder = shutil.copytree(tiny_clip, tmp_path_factory.mktemp("exported") / "tiny")
    write_graphs(load_clip(str(folder), "cpu"), folder)
    return folder


@pytest.fixture(scope="module", params=["shipped", "tiny"])
def both(request, exported):
    """A model in both libraries."""
    name = "vlclip-small" if request.param == "shipped" else str(exported)
    return load_clip(name, "cpu"), load_encoder(name, "cpu", "onnx", 2)


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_vectors_are_those_of_torch_however_many_there_are(both, count):
    own, graph = both
    np.testing.assert_allclose(
        graph.encode_images(photos(count)), own.encode_images(photos(count)), atol=1e-5
    )
    texts = (TEXTS * 8)[:count]
    np.testing.assert_allclose(graph.encode_texts(texts), own.encode_texts(texts), atol=1e-5)


def test_prepared_photos_are_the_same_to_the_bit(both):
    own, graph = both
    for photo in photos(8):
        np.testing.assert_array_equal(graph.prepare(photo), own.prepare(photo))


@given(st.lists(st.lists(WORDS | st.text(max_size=4), max_size=40).map(" ".join), min_size=1, max_size=8))
def test_texts_are_read_alike_and_do_not_see_each_other(both, texts):
    own, graph = both
    np.testing.assert_array_equal(graph._words.ids(texts), own.tokens(texts).numpy())
    assert [graph.reading(text) for text in texts] == [own.reading(text) for text in texts]
    vectors = graph.encode_texts(texts)
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(vector, own.encode_texts([text])[0], atol=1e-5)


def test_nothing_in_nothing_out(both):
    own, graph = both
    assert graph.size == own.size
    assert graph.encode_texts([]).shape == graph.encode_images([]).shape == (0, own.size)


def test_many_threads_may_ask_at_once(both):
    own, graph = both
    questions = [TEXTS[place % 5 :] + TEXTS[: place % 3] for place in range(32)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(graph.encode_texts, questions))
    for texts, vectors in zip(questions, answers, strict=True):
        np.testing.assert_allclose(vectors, own.encode_texts(texts), atol=1e-5)


@pytest.mark.parametrize("graph", [IMAGE_GRAPH, TEXT_GRAPH])
def test_shipped_graphs_hold_no_weight_of_the_file(graph):
    model = onnx.load(SHIPPED / "vlclip-small" / graph, load_external_data=False)
    inside = [weight for weight in model.graph.initializer if not weight.external_data]
    assert sum(len(weight.raw_data) for weight in inside) < 10_000
    assert {weight.external_data[0].value for weight in model.graph.initializer if weight.external_data} == {
        WEIGHTS
    }


def test_graphs_do_not_change_what_a_model_is(exported, tiny_clip):
    assert folder_fingerprint(exported) == folder_fingerprint(tiny_clip)


def test_half_precision_weights_are_the_same_to_torch_and_to_onnx(tiny_clip, tmp_path):
    folder = shutil.copytree(tiny_clip, tmp_path / "half")
    weights = load_file(folder / WEIGHTS)
    save_file({name: tensor.half() for name, tensor in weights.items()}, folder / WEIGHTS)
    own = load_clip(str(folder), "cpu")
    write_graphs(own, folder)
    np.testing.assert_allclose(
        OnnxClip("half", folder, 1).encode_texts(TEXTS), own.encode_texts(TEXTS), atol=1e-5
    )


def test_graphs_beside_other_weights_are_refused(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "swapped")
    weights = load_file(folder / WEIGHTS)
    save_file({f"{name}": tensor.double() for name, tensor in weights.items()}, folder / WEIGHTS)
    with pytest.raises(EncoderError, match=r"cannot be run|was made for other weights"):
        OnnxClip("swapped", folder, 1)


VISION = {"image_size": 20, "layers": 1, "width": 16, "head_width": 8, "patch_size": 10}
TEXT = {"width": 16, "heads": 2, "layers": 2}
CUSTOM = {
    "pool_type": "eos", "eos_id": 49407, "proj_bias": True, "ls_init_value": 0.5, "qk_norm": True,
    "scale_attn_inner": True,
}  # fmt: skip
BOTH_WAYS = {"no_causal_mask": True, "pool_type": "last"}
CONFIG = {"model_cfg": {"embed_dim": 16, "text_cfg": {}}, "preprocess_cfg": {"size": 20}}


@pytest.mark.parametrize(
    "make",
    [
        lambda: open_clip.CLIP(16, VISION, TEXT),  # as OpenAI's: the end token has the largest id
        lambda: open_clip.CustomTextCLIP(16, VISION, TEXT | CUSTOM, quick_gelu=True),
        lambda: open_clip.CustomTextCLIP(16, VISION, TEXT | BOTH_WAYS),  # as SigLIP: no end to read up to
    ],
    ids=["plain", "custom", "both ways"],
)
def test_towers_of_other_shapes_are_exported_as_well(make, tmp_path):
    from vlclip.engine.encoding.export import _words

    torch.manual_seed(1)
    preprocess = open_clip.image_transform(20, is_train=False)
    clip = Clip("other", make(), preprocess, open_clip.SimpleTokenizer(), "cpu")
    save_file(
        {name: tensor.contiguous() for name, tensor in clip.model.state_dict().items()}, tmp_path / WEIGHTS
    )
    (tmp_path / "open_clip_config.json").write_text(json.dumps(CONFIG))
    _words(clip.tokenizer).save(str(tmp_path / "tokenizer.json"))
    write_graphs(clip, tmp_path)  # it compares vectors itself
    graph = OnnxClip("other", tmp_path, 1)
    np.testing.assert_allclose(graph.encode_texts(TEXTS), clip.encode_texts(TEXTS), atol=1e-5)


class Branching(torch.nn.Module):
    """Takes a way that depends on the numbers, which cannot be exported."""

    def forward(self, x):
        return x + 1 if x.sum() > 0 else x


def test_what_cannot_be_exported_is_said_once_and_leaves_nothing(tiny_clip, tmp_path, capfd, caplog):
    folder = shutil.copytree(tiny_clip, tmp_path / "branching")
    clip = load_clip(str(folder), "cpu")
    clip.model.ln_final = Branching()
    with pytest.raises(EncoderError, match="cannot be exported: Could not guard on data-dependent"):
        write_graphs(clip, folder)
    assert not list(folder.glob("*.onnx"))
    assert capfd.readouterr() == ("", "")


def test_other_vectors_are_refused(exported, tmp_path, monkeypatch):
    folder = shutil.copytree(exported, tmp_path / "other")
    monkeypatch.setattr(graphs, "TOLERANCE", -1.0)
    with pytest.raises(EncoderError, match="gives other vectors when exported"):
        write_graphs(load_clip(str(folder), "cpu"), folder)
    assert not list(folder.glob("*.onnx"))


HEAVY = ("torch", "open_clip", "transformers", "timm", "torchvision", "sentence_transformers", "onnx")


def test_a_model_with_graphs_imports_no_torch():
    program = """
from PIL import Image
from vlclip.engine.encoding.embedder import load_embedder
from vlclip.engine.settings import EncoderSettings
embedder = load_embedder(EncoderSettings())
embedder.embed_query(text="red shoe", photo=Image.new("RGB", (9, 9)))
"""
    subprocess.run([sys.executable, "-c", without(HEAVY) + program], check=True)


def test_the_graph_of_photos_is_opened_once_and_at_the_first_photo(exported, monkeypatch):
    names: list[str] = []

    def opening(graph, weights, threads):
        names.append(graph.name)
        return open_graph(graph, weights, threads)

    monkeypatch.setattr(onnx_clip, "open_graph", opening)
    clip = load_encoder(str(exported), "cpu", "onnx", 1)
    clip.encode_texts(TEXTS)
    assert names == [TEXT_GRAPH]
    with ThreadPoolExecutor(4) as pool:
        vectors = list(pool.map(clip.encode_images, [photos(2)] * 8))
    assert names == [TEXT_GRAPH, IMAGE_GRAPH]
    assert all((each == vectors[0]).all() for each in vectors)
