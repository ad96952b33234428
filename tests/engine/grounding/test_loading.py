"""Which library runs a grounder, and what is said where it is not installed."""

from __future__ import annotations

import shutil
import sys

import pytest

from vlclip.engine.encoding.model_files import SHIPPED
from vlclip.engine.errors import EncoderError, MissingExtra
from vlclip.engine.grounding.loading import load_grounder
from vlclip.engine.grounding.onnx_dino import GRAPH, OnnxNetwork
from vlclip.engine.grounding.transformers import TransformersNetwork
from vlclip.engine.settings import Grounding


@pytest.fixture
def bare(tmp_path):
    """The shipped grounder without its graph."""
    folder = shutil.copytree(SHIPPED / "vlclip-grounder", tmp_path / "bare")
    (folder / GRAPH).unlink()
    return Grounding(model=str(folder))


def test_a_grounder_with_a_graph_is_run_by_onnx_and_others_by_torch(bare):
    shipped = Grounding(model="vlclip-grounder")
    assert isinstance(load_grounder(shipped, "auto").network, OnnxNetwork)
    assert isinstance(load_grounder(shipped, "cpu", "torch").network, TransformersNetwork)
    assert isinstance(load_grounder(bare, "cpu").network, TransformersNetwork)


def test_a_graph_that_is_not_there_is_refused_with_what_makes_it(bare):
    with pytest.raises(EncoderError, match="vlclip export-model"):
        load_grounder(bare, "cpu", "onnx")


def test_a_missing_package_is_named_with_its_command(bare, monkeypatch):
    monkeypatch.delitem(sys.modules, "vlclip.engine.grounding.transformers", raising=False)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"needs transformers: pip install 'vlclip\[models\]'"):
        load_grounder(bare, "cpu")
