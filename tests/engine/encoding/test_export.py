"""A model by name as a folder that needs no PyTorch."""

from __future__ import annotations

import json

import numpy as np
import open_clip
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.encoding import export
from vlclip.engine.encoding.clip import load_clip
from vlclip.engine.encoding.export import _words, export_model
from vlclip.engine.encoding.loading import load_encoder
from vlclip.engine.encoding.model_files import ORIGIN, folder_fingerprint
from vlclip.engine.encoding.tokenizing import Words
from vlclip.engine.errors import EncoderError

# letters that Unicode gained lately are letters to one library of regular expressions and not to the other
ASSIGNED = st.text(st.characters(categories=("L", "M", "N", "P", "S", "Z")), max_size=12)
ODD = ["it's", "T-shirt", "1,299.00", "<end_of_text>", "don&#39;t", "\ufb01", "\u00df"]
TEXT = st.lists(ASSIGNED | st.sampled_from(ODD), max_size=60).map(" ".join)


@pytest.fixture(scope="module")
def own_words(tmp_path_factory):
    """open_clip's own tokenizer, and ours of the file that is written for it."""
    folder = tmp_path_factory.mktemp("words")
    tokenizer = open_clip.SimpleTokenizer()
    _words(tokenizer).save(str(folder / "tokenizer.json"))
    return tokenizer, Words(folder, {})


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_open_clips_own_tokenizer_is_written_with_all_its_rules(own_words, texts):
    tokenizer, words = own_words
    np.testing.assert_array_equal(words.ids(texts), tokenizer(texts).numpy())


def test_the_folder_stands_for_the_model_until_a_file_changes(tiny_clip, tmp_path):
    folder = tmp_path / "models" / "exported"
    export_model(str(tiny_clip), folder)
    own, graph = load_clip(str(tiny_clip), "cpu"), load_encoder(str(folder))
    assert graph.runtime == "onnx"
    np.testing.assert_allclose(graph.encode_texts(["red shoe"]), own.encode_texts(["red shoe"]), atol=1e-5)
    assert folder_fingerprint(folder) == folder_fingerprint(tiny_clip)
    config = folder / "open_clip_config.json"
    config.write_text(config.read_text().replace('"fill_color": 255', '"fill_color": 0'))
    assert folder_fingerprint(folder) != folder_fingerprint(tiny_clip)
    assert json.loads((folder / ORIGIN).read_text())["model"] == str(tiny_clip)


def test_a_folder_that_is_in_use_is_left_alone(tiny_clip, tmp_path):
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(EncoderError, match="is not empty; give a new folder"):
        export_model(str(tiny_clip), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["own.txt"]


def test_what_cannot_be_exported_leaves_no_folder(tiny_clip, tmp_path, monkeypatch):
    def refuse(clip, folder):
        raise EncoderError("cannot be exported")

    monkeypatch.setattr(export, "write_graphs", refuse)
    with pytest.raises(EncoderError, match="cannot be exported"):
        export_model(str(tiny_clip), tmp_path / "exported")
    assert not list(tmp_path.iterdir())
