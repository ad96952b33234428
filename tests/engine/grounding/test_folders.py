"""Names of grounders: what is found where, what is said when it is not, and nothing loaded for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

from vlclip.engine.errors import EncoderError
from vlclip.engine.grounding import folders
from vlclip.engine.grounding.folders import (
    HUB_FILES,
    find_grounder,
    grounder_name,
    rule_from,
    shipped_grounders,
)
from vlclip.engine.grounding.loading import load_grounder
from vlclip.engine.settings import Grounding


def model_folder(folder: Path, model_type: str = "grounding-dino", weights: bytes = b"numbers") -> Path:
    """The files a name is made from; no model could be loaded from them."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def original_folder(folder: Path) -> Path:
    (folder / "bert").mkdir(parents=True)
    (folder / "config.py").write_text("backbone = 'swin_T_224_1k'")
    (folder / "weights.pth").write_bytes(b"numbers")
    (folder / "bert" / "vocab.txt").write_text("[PAD]")
    return folder


def name(model: str | Path, **options) -> str | None:
    return grounder_name(Grounding(model=str(model), **options))


def test_grounding_is_off_unless_asked_for():
    assert find_grounder("off") is None
    assert name("off") is None
    assert load_grounder(Grounding(), "cpu") is None


def test_a_name_says_backend_model_and_files_and_no_path(tmp_path):
    first = name(model_folder(tmp_path / "one" / "mine"))
    assert first.startswith("transformers:mine@")
    assert name(model_folder(tmp_path / "two" / "mine")) == first
    assert name(model_folder(tmp_path / "three" / "mine", weights=b"others")) != first
    assert name(f"original:{original_folder(tmp_path / 'four')}").startswith("original:four@")


def test_a_name_says_how_photos_are_resized(tmp_path, monkeypatch):
    """Crops of another resize are another grounder's: a store never mixes them unnoticed."""
    ours, theirs = model_folder(tmp_path / "ours"), model_folder(tmp_path / "theirs")
    for folder, kind in ((ours, "GroundingDinoImageProcessor"), (theirs, "OtherImageProcessor")):
        (folder / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": kind}))
    before = name(ours), name(theirs)
    monkeypatch.setattr(folders, "RESIZED", "in another way")
    assert name(ours) != before[0]
    assert name(theirs) == before[1]


def test_a_name_says_the_size_photos_are_seen_at(tmp_path):
    folder = model_folder(tmp_path / "mine")
    assert name(folder, short_side=400) == f"{name(folder)}:400px"


def test_threshold_padding_and_batch_are_no_part_of_what_was_seen(tmp_path):
    folder = model_folder(tmp_path / "mine")
    assert name(folder, threshold=0.9, padding=0.3, min_area=0.2, batch=2) == name(folder)


def test_a_readme_does_not_change_a_name_but_a_text_encoder_does(tmp_path):
    folder = original_folder(tmp_path / "mine")
    before = name(f"original:{folder}")
    (folder / "README.md").write_text("words")
    assert name(f"original:{folder}") == before
    (folder / "bert" / "vocab.txt").write_text("[PAD] [UNK]")
    assert name(f"original:{folder}") != before


def test_a_name_is_found_without_loading_torch(tmp_path):
    folder = model_folder(tmp_path / "mine")
    code = (
        "import sys; from vlclip.engine.grounding.loading import load_grounder\n"
        "from vlclip.engine.grounding.folders import grounder_name\n"
        "from vlclip.engine.settings import Grounding\n"
        f"grounder_name(Grounding(model={str(folder)!r}))\n"
        "sys.exit(1 if {'torch', 'transformers'} & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_shipped_grounder_is_known_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "SHIPPED", tmp_path)
    model_folder(tmp_path / "vlclip-grounder")
    model_folder(tmp_path / "a-clip", model_type="clip")
    assert shipped_grounders() == ["vlclip-grounder"]
    assert find_grounder("vlclip-grounder").path == tmp_path / "vlclip-grounder"
    with pytest.raises(EncoderError, match="did you mean vlclip-grounder"):
        find_grounder("vlclip-groundr")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("grounding-dino-tiny", "did you mean IDEA-Research/grounding-dino-tiny"),
        ("./nowhere/at/all", "a folder, or original:FOLDER"),
        ("original:nowhere", "nowhere is not a folder"),
        ("not a/name at all", "cannot fetch the grounder 'not a/name at all'"),
        ("nobody/nothing", "give its folder"),  # tests run without the hub
    ],
)
def test_a_name_that_leads_nowhere_says_what_to_give_instead(model, message):
    with pytest.raises(EncoderError, match=message):
        find_grounder(model)


def test_a_folder_that_is_no_grounder_is_refused(tmp_path):
    with pytest.raises(EncoderError, match=r"config\.json.*original:"):
        find_grounder(str(tmp_path))
    folder = model_folder(tmp_path / "clip", model_type="clip")
    with pytest.raises(EncoderError, match="must be grounding-dino or mm-grounding-dino"):
        find_grounder(str(folder))
    (folder / "config.json").write_text("[]")
    with pytest.raises(EncoderError, match="holds another model"):
        find_grounder(str(folder))
    bare = model_folder(tmp_path / "bare")
    (bare / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match="no weights"):
        find_grounder(str(bare))


def test_an_original_checkpoint_is_one_configuration_and_one_file_of_weights(tmp_path):
    folder = original_folder(tmp_path / "mine")
    shutil.copy(folder / "weights.pth", folder / "others.pth")
    with pytest.raises(EncoderError, match=r"1 \.py and 2 \.pth files; put one of each"):
        find_grounder(f"original:{folder}")


def test_what_the_hub_gave_before_is_used_without_asking_it_again(tmp_path, monkeypatch):
    snapshot = model_folder(tmp_path / "snapshots" / "1234")
    downloads = []

    def cached(repository, *, allow_patterns, local_files_only=False):
        downloads.append((repository, allow_patterns, local_files_only))
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", cached)
    grounder = find_grounder("owner/model")
    assert (grounder.name, grounder.path) == ("owner/model", snapshot)
    assert downloads == [("owner/model", HUB_FILES, True)]


def test_a_model_the_hub_does_not_have_is_said_so(monkeypatch):
    def absent(repository, *, local_files_only=False, **_):
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        raise RepositoryNotFoundError("404", response=SimpleNamespace(headers={}, request=None))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", absent)
    with pytest.raises(EncoderError, match=r"has no model 'owner/model' that you may read.*HF_TOKEN"):
        find_grounder("owner/model")


def test_a_model_can_bring_its_own_threshold_and_a_setting_overrules_it(tmp_path):
    folder = model_folder(tmp_path / "mine")
    before = name(folder)
    assert rule_from(Grounding(model=str(folder))).threshold == 0.35
    (folder / "rule.json").write_text('{"threshold": 0.2}')
    assert rule_from(Grounding(model=str(folder))).threshold == 0.2
    assert rule_from(Grounding(model=str(folder), threshold=0.5)).threshold == 0.5
    assert name(folder) == before
    assert rule_from(Grounding()).threshold == 0.35


@pytest.mark.parametrize("text", ["0.2", '{"limit": 0.2}', '{"threshold": "high"}', "{"])
def test_a_threshold_that_cannot_be_read_says_so(tmp_path, text):
    folder = model_folder(tmp_path / "mine")
    (folder / "rule.json").write_text(text)
    with pytest.raises(EncoderError, match="correct it"):
        rule_from(Grounding(model=str(folder)))
