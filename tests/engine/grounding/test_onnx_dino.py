"""The shipped grounder in ONNX Runtime: see also tests/contract/test_grounders.py."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.grounding_dino.modeling_grounding_dino import (
    generate_masks_with_special_tokens_and_transfer_map,
)

from tests.blocked import without
from vlclip.engine.encoding.model_files import SHIPPED
from vlclip.engine.errors import EncoderError
from vlclip.engine.grounding.dino import SPECIAL
from vlclip.engine.grounding.onnx_dino import GRAPH, WEIGHTS, OnnxNetwork, load_onnx, phrases
from vlclip.engine.grounding.transformers import load_transformers

MODEL = SHIPPED / "vlclip-grounder"
TOKEN = st.sampled_from([*SPECIAL.values(), 0, 7, 8])


@given(st.integers(1, 12).flatmap(lambda n: st.lists(st.lists(TOKEN, min_size=n, max_size=n), min_size=1)))
def test_tokens_see_each_other_as_transformers_says(rows):
    ids = np.array(rows)
    theirs = generate_masks_with_special_tokens_and_transfer_map(
        torch.from_numpy(ids), torch.tensor(list(SPECIAL.values()))
    )
    for own, other in zip(phrases(ids), theirs, strict=True):
        np.testing.assert_array_equal(own, other.numpy())


@pytest.fixture(scope="module")
def networks():
    return OnnxNetwork(MODEL, 1), load_transformers(MODEL, "cpu")[0]


@given(st.lists(st.text(max_size=30).map("{}.".format), min_size=1, max_size=4))
def test_prompts_are_read_alike(networks, prompts):
    own, torchs = networks
    theirs = torchs.tokens(prompts)
    for ours, name in zip(own.tokens(prompts), ("input_ids", "attention_mask"), strict=True):
        np.testing.assert_array_equal(ours, theirs[name].numpy())
    assert not theirs["token_type_ids"].any()


@pytest.mark.parametrize(
    "sides", [(160, 120), (128, 160), (128, 128), (40, 160), (160, 40), (133, 129), (17, 64)]
)
@pytest.mark.parametrize("prompts", [["shoe."], ["red dress.", "- " * 80 + ".", "t-shirts & tops."]])
def test_photos_of_any_size_and_number_give_what_torch_gives(networks, sides, prompts):
    pixels = np.random.default_rng(0).standard_normal((len(prompts), 3, *sides), dtype=np.float32)
    for own, other in zip(*(network(pixels, prompts) for network in networks), strict=True):
        np.testing.assert_allclose(own, other, atol=1e-4)


def test_the_shipped_graph_is_small_and_holds_no_weight_of_the_file():
    model = onnx.load(MODEL / GRAPH, load_external_data=False)
    inside = [weight for weight in model.graph.initializer if not weight.external_data]
    assert sum(len(weight.raw_data) for weight in inside) < 20_000
    assert (MODEL / GRAPH).stat().st_size < 500_000
    stored = [weight for weight in model.graph.initializer if weight.external_data]
    assert {weight.external_data[0].value for weight in stored} == {WEIGHTS}
    assert len(stored) > 300


@pytest.mark.parametrize("name", ["tokenizer.json", "processor_config.json"])
def test_a_damaged_file_is_named(tmp_path, name):
    folder = shutil.copytree(MODEL, tmp_path / "damaged")
    (folder / name).write_text("{")
    with pytest.raises(EncoderError, match="damaged"):
        load_onnx(folder, 1)


HEAVY = ("torch", "torchvision", "open_clip", "transformers", "timm", "scipy", "sklearn", "onnx")


def test_the_shipped_grounder_imports_no_torch():
    program = """
from PIL import Image
from vlclip.engine.grounding.loading import load_grounder
from vlclip.engine.grounding.rule import choose
from vlclip.engine.grounding.folders import rule_from
from vlclip.engine.settings import Grounding
settings = Grounding(model="vlclip-grounder")
photo = Image.new("RGB", (90, 60))
choose(load_grounder(settings, "auto").locate([photo], ["red shoe"])[0], photo.size, rule_from(settings))
"""
    subprocess.run([sys.executable, "-c", without(HEAVY) + program], check=True)
