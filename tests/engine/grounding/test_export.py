"""A grounder by name as a folder that needs no PyTorch, and what cannot be one."""

from __future__ import annotations

import shutil

import pytest

from tests.contract.tiny_grounders import make_tiny_transformers
from vlclip.engine.encoding.model_files import SHIPPED
from vlclip.engine.errors import EncoderError
from vlclip.engine.grounding import graphs
from vlclip.engine.grounding.export import export_grounder
from vlclip.engine.grounding.folders import grounder_name
from vlclip.engine.grounding.loading import load_grounder
from vlclip.engine.grounding.onnx_dino import GRAPH
from vlclip.engine.settings import Grounding


def test_a_grounder_with_a_swin_is_refused_with_the_reason_before_it_is_exported(tmp_path, monkeypatch):
    monkeypatch.setattr(graphs, "write_graph", None)
    own = make_tiny_transformers(tmp_path / "own" / "tiny")
    with pytest.raises(EncoderError, match=r"has a Swin, which pads photos .* with PyTorch"):
        export_grounder(str(own), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_a_folder_that_is_in_use_is_left_alone(tmp_path):
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(EncoderError, match="is not empty; give a new folder"):
        export_grounder("vlclip-grounder", tmp_path)


def test_what_is_no_model_of_transformers_is_refused(tmp_path):
    with pytest.raises(EncoderError, match="is no model of transformers"):
        export_grounder("off", tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_leaves_no_folder(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise ValueError("no operator for it")

    monkeypatch.setattr(graphs, "write_graph", refuse)
    with pytest.raises(EncoderError, match="cannot be exported: no operator for it"):
        export_grounder("vlclip-grounder", tmp_path / "new")
    assert not list(tmp_path.iterdir())


def copy_shipped(module, example, outputs, path, *_, **__):
    shutil.copy(SHIPPED / "vlclip-grounder" / GRAPH, path)


def test_a_graph_that_finds_other_boxes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(graphs, "write_graph", copy_shipped)
    monkeypatch.setattr(graphs, "TOLERANCE", -1.0)
    with pytest.raises(EncoderError, match="finds other boxes"):
        export_grounder("vlclip-grounder", tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_a_graph_that_finds_the_same_is_written_with_all_a_grounder_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(graphs, "write_graph", copy_shipped)
    folder = tmp_path / "vlclip-grounder"
    export_grounder("vlclip-grounder", folder)
    assert grounder_name(Grounding(model=str(folder))) == grounder_name(Grounding(model="vlclip-grounder"))
    assert load_grounder(Grounding(model=str(folder)), "cpu", "onnx")
