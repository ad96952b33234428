"""Which library runs a model, and what is said where it is not installed."""

from __future__ import annotations

import sys

import pytest

from vlclip.engine.encoding.devices import pick_device
from vlclip.engine.encoding.loading import load_encoder
from vlclip.engine.errors import EncoderError, MissingExtra


def test_a_model_with_graphs_is_run_by_onnx_and_others_by_torch(tiny_clip):
    assert load_encoder("vlclip-small").runtime == "onnx"
    assert load_encoder("vlclip-small", runtime="torch").runtime == "torch"
    assert load_encoder(str(tiny_clip), "cpu").runtime == "torch"


def test_graphs_that_are_not_there_are_refused_with_what_makes_them(tiny_clip):
    with pytest.raises(EncoderError, match="vlclip export-model"):
        load_encoder(str(tiny_clip), "cpu", "onnx")


def test_a_missing_package_is_named_with_its_command(tiny_clip, monkeypatch):
    monkeypatch.delitem(sys.modules, "vlclip.engine.encoding.clip", raising=False)
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingExtra, match=r"needs open_clip: pip install 'vlclip\[models\]'"):
        load_encoder(str(tiny_clip), "cpu")


def test_without_torch_models_run_on_the_processor(monkeypatch):
    monkeypatch.setattr("vlclip.engine.encoding.devices.find_spec", lambda name: None)
    assert pick_device("auto") == pick_device("cpu") == "cpu"
    with pytest.raises(EncoderError, match="no GPU can be used here; set device=cpu"):
        pick_device("cuda:1")
