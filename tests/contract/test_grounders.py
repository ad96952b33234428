"""The laws of `engine/grounding/grounder.py`, for every library that runs one; and that they agree.

In ONNX Runtime it is the shipped grounder. The other models are real architectures with random weights: they
prove plumbing, not that a product is detections.
"""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.contract.tiny_grounders import make_tiny_original, make_tiny_transformers
from vlclip.engine.encoding.model_files import SHIPPED
from vlclip.engine.errors import EncoderError
from vlclip.engine.grounding.folders import grounder_name
from vlclip.engine.grounding.grounder import Detection, Grounder
from vlclip.engine.grounding.loading import load_grounder
from vlclip.service.settings import Settings

BACKENDS = ["transformers", "original", "onnx"]
SIZES = [(60, 80), (90, 31), (8, 8), (60, 80), (11, 500), (60, 80), (1, 50), (200, 300), (80, 60)]
TYPES = [
    "Red shoe",
    "Handbag",
    "t-shirts & tops",
    "dress",
    "鞋 Übergröße",
    "Red, red, red shoe",
    "shoe",
    "top",
    "s",
]


def photos(sizes: list[tuple[int, int]] = SIZES) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 255, (h, w, 3), dtype=np.uint8)) for w, h in sizes]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("grounders")
    return {
        "transformers": make_tiny_transformers(place / "tiny"),
        "original": make_tiny_original(place / "authors"),
        "onnx": SHIPPED / "vlclip-grounder",
    }


def settings(backend: str, folder: Path, **options) -> Settings:
    model = f"original:{folder}" if backend == "original" else str(folder)
    runtime = "onnx" if backend == "onnx" else "torch"
    grounding = {"model": model, "short_side": 64, "batch": 3} | options
    return Settings.load(device="cpu", runtime=runtime, grounding=grounding)


def loaded(backend: str, folder: Path, **options) -> Grounder:
    chosen = settings(backend, folder, **options)
    grounder = load_grounder(chosen.grounding, chosen.device, chosen.runtime)
    assert grounder is not None
    return grounder


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def grounder(backend: str, folders: dict[str, Path]) -> Grounder:
    return loaded(backend, folders[backend])


@pytest.fixture(scope="session")
def detections(grounder: Grounder) -> list[Detection | None]:
    """What a grounder sees in the photos together."""
    return grounder.locate(photos(), TYPES)


def assert_same(first: Detection | None, second: Detection | None, size: tuple[int, int]) -> None:
    """Equal to a hundred-thousandth of the photo, and of the score."""
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first.box, second.box, atol=1e-5 * max(size), rtol=0)
    np.testing.assert_allclose(first.score, second.score, atol=1e-5)


def test_every_photo_has_its_box_inside_it(detections):
    assert len(detections) == len(SIZES)
    for detection, (width, height) in zip(detections, SIZES, strict=True):
        x0, y0, x1, y1 = detection.box
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert 0 < detection.score < 1


def test_a_photo_gives_the_same_box_alone_and_in_any_batch(grounder, detections):
    for photo, product_type, detection in zip(photos(), TYPES, detections, strict=True):
        assert_same(grounder.locate([photo], [product_type])[0], detection, photo.size)


def test_boxes_come_in_the_order_of_the_photos(grounder, detections):
    pictures, order = photos(), [4, 0, 8, 2, 6, 1, 3, 7, 5]
    shuffled = grounder.locate([pictures[row] for row in order], [TYPES[row] for row in order])
    for row, detection in zip(order, shuffled, strict=True):
        assert_same(detections[row], detection, pictures[row].size)


def test_the_same_question_twice_has_the_same_answer(grounder, detections):
    assert grounder.locate(photos(), TYPES) == detections


def test_what_is_asked_matters(grounder):
    photo = photos()[0]
    shoe, dress = grounder.locate([photo, photo], ["shoe", "dress"])
    assert abs(shoe.score - dress.score) > 1e-4


def test_case_spaces_and_periods_of_a_type_do_not_matter(grounder):
    photo = photos()[0]
    first, second = grounder.locate([photo, photo], ["  RED\nShoe. ", "red shoe"])
    assert_same(first, second, photo.size)


def test_no_photos_no_boxes(grounder):
    assert grounder.locate([], []) == []


def test_a_photo_without_a_type_has_no_box_and_takes_none_from_others(grounder):
    pictures = photos()[:3]
    boxes = grounder.locate(pictures, ["", "shoe", "\u200b"])  # the last is a space of no width
    assert boxes[0] is None
    assert boxes[2] is None
    assert_same(boxes[1], grounder.locate(pictures[1:2], ["shoe"])[0], pictures[1].size)


def test_a_photo_too_thin_to_show_a_product_has_no_box(grounder):
    assert grounder.locate(photos([(1, 51), (1000, 1)]), ["shoe", "shoe"]) == [None, None]


def test_as_many_types_as_photos_are_asked_for(grounder):
    with pytest.raises(ValueError, match="1 photos but 2 product types"):
        grounder.locate(photos()[:1], ["shoe", "dress"])


@pytest.mark.parametrize(
    "product_type", ["word " * 500, "가" * 500, "[SEP] [MASK] shoe", "\x00\n🙂", "- " * 99]
)
def test_no_type_is_too_long_or_too_strange(grounder, product_type):
    (detection,) = grounder.locate(photos()[:1], [product_type])
    assert detection is not None


def test_threads_do_not_mix_their_photos(grounder, detections):
    pictures, answers = photos(), {}

    def ask(row: int) -> None:
        answers[row] = grounder.locate(
            [pictures[row]] * 2, [TYPES[row], "a much longer type than the first"]
        )[0]

    threads = [threading.Thread(target=ask, args=(row,)) for row in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for row, detection in enumerate(detections):
        assert_same(answers[row], detection, pictures[row].size)


def test_its_name_is_known_before_it_is_loaded(grounder, backend, folders):
    assert grounder.name == grounder_name(settings(backend, folders[backend]).grounding)
    prefix = "original" if backend == "original" else "transformers"
    assert grounder.name.startswith(f"{prefix}:{folders[backend].name}@")


def test_its_name_changes_with_a_single_number(grounder, backend, folders, tmp_path):
    other = shutil.copytree(folders[backend], tmp_path / folders[backend].name)
    assert grounder_name(settings(backend, other).grounding) == grounder.name
    change_weights(other)
    assert grounder_name(settings(backend, other).grounding) != grounder.name


def change_weights(folder: Path, *, lose: str = "") -> None:
    """Add to one number in a model's file, or take the tensors out whose names hold `lose`."""
    if (folder / "weights.pth").exists():
        state = torch.load(folder / "weights.pth", weights_only=True)["model"]
    else:
        state = load_file(folder / "model.safetensors")
    state = {key: tensor for key, tensor in state.items() if not lose or lose not in key}
    next(iter(state.values())).view(-1)[0] += 1
    if (folder / "weights.pth").exists():
        torch.save({"model": state}, folder / "weights.pth")
    else:
        save_file(state, folder / "model.safetensors", {"format": "pt"})


def test_a_model_that_lacks_numbers_is_not_filled_up_with_random_ones(backend, folders, tmp_path):
    other = shutil.copytree(folders[backend], tmp_path / "other")
    change_weights(other, lose="level_embed")
    reason = "cannot be run" if backend == "onnx" else "not complete"
    with pytest.raises(EncoderError, match=reason):
        loaded(backend, other)


def test_a_damaged_file_is_a_clear_error(backend, folders, tmp_path):
    other = shutil.copytree(folders[backend], tmp_path / "other")
    for name in ("weights.pth", "model.safetensors"):
        if (other / name).exists():
            (other / name).write_bytes(b"cut off")
    with pytest.raises(EncoderError, match="cannot be run" if backend == "onnx" else "cannot load the"):
        loaded(backend, other)


def test_loading_and_looking_say_nothing(backend, folders, capfd):
    loaded(backend, folders[backend]).locate(photos()[:2], ["shoe", "dress"])
    assert capfd.readouterr() == ("", "")


# the libraries agree


def test_onnx_finds_to_a_pixel_what_torch_finds(folders):
    ours, theirs = loaded("onnx", folders["onnx"]), loaded("transformers", folders["onnx"])
    assert ours.name == theirs.name
    for own, other in zip(ours.locate(photos(), TYPES), theirs.locate(photos(), TYPES), strict=True):
        np.testing.assert_allclose(own.box, other.box, atol=1, rtol=0)
        np.testing.assert_allclose(own.score, other.score, atol=1e-4)


def test_a_converted_checkpoint_gives_the_same_boxes_in_both_libraries(folders, tmp_path):
    from vlclip.engine.grounding.conversion import convert

    convert(folders["original"], tmp_path / "converted")
    authors = loaded("original", folders["original"]).locate(photos(), TYPES)
    ours = loaded("transformers", tmp_path / "converted").locate(photos(), TYPES)
    for first, second, size in zip(authors, ours, SIZES, strict=True):
        assert_same(first, second, size)


def test_a_box_is_one_that_transformers_own_pipeline_finds(folders):
    from transformers import (
        AutoImageProcessor,
        AutoModelForZeroShotObjectDetection,
        AutoTokenizer,
        GroundingDinoProcessor,
    )

    folder, photo = folders["transformers"], photos()[0]
    (ours,) = loaded("transformers", folder).locate([photo], ["red shoe"])
    images = AutoImageProcessor.from_pretrained(folder, size={"shortest_edge": 64, "longest_edge": 107})
    processor = GroundingDinoProcessor(images, AutoTokenizer.from_pretrained(folder))
    inputs = processor(images=photo, text="red shoe.", return_tensors="pt")
    model = AutoModelForZeroShotObjectDetection.from_pretrained(folder)
    with torch.inference_mode():
        (answer,) = processor.post_process_grounded_object_detection(
            model(**inputs), threshold=0, text_threshold=0, target_sizes=[(photo.height, photo.width)]
        )
    theirs = answer["boxes"].numpy().clip(0, np.tile(photo.size, 2))
    row = int(np.abs(theirs - ours.box).max(axis=1).argmin())
    np.testing.assert_allclose(theirs[row], ours.box, atol=1e-3)
    assert answer["scores"][row] >= ours.score - 1e-5  # theirs counts [CLS], [SEP] and the period too


# what only one of them has


def test_mm_grounding_dino_is_read_as_well(tmp_path):
    grounder = loaded("transformers", make_tiny_transformers(tmp_path / "mm", kind="mm-grounding-dino"))
    assert all(grounder.locate(photos()[:2], TYPES[:2]))


def test_weights_stored_as_halves_are_computed_with_as_floats(folders, tmp_path):
    half = shutil.copytree(folders["transformers"], tmp_path / "half")
    state = load_file(half / "model.safetensors")
    save_file(
        {key: tensor.half() for key, tensor in state.items()}, half / "model.safetensors", {"format": "pt"}
    )
    assert all(loaded("transformers", half).locate(photos()[:2], TYPES[:2]))


def test_a_tokenizer_with_other_numbers_is_refused(folders, tmp_path):
    other = shutil.copytree(folders["transformers"], tmp_path / "other")
    words = (other / "tokenizer.json").read_text().replace('".": 1012', '".": 1011')
    (other / "tokenizer.json").write_text(words.replace('"[unused1011]": 1011', '"[unused1011]": 1012'))
    with pytest.raises(EncoderError, match=r"must number \[CLS\]"):
        loaded("transformers", other)


def test_without_groundingdino_it_is_said_what_to_install(folders, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "groundingdino.models", None)
    with pytest.raises(EncoderError, match=r"pip install 'vlclip\[grounding\]'"):
        loaded("original", folders["original"])


def test_an_original_backbone_that_would_be_downloaded_is_refused(folders, tmp_path):
    other = shutil.copytree(folders["original"], tmp_path / "other")
    config = (other / "config.py").read_text()
    (other / "config.py").write_text(config.replace("swin_T_224_1k", "resnet50"))
    with pytest.raises(EncoderError, match="resnet50; give one with a Swin backbone"):
        loaded("original", other)


def test_original_weights_are_read_as_weights_and_not_run(folders, tmp_path):
    other = shutil.copytree(folders["original"], tmp_path / "other")
    torch.save({"model": {}, "made_by": Path("anything but a tensor")}, other / "weights.pth")
    with pytest.raises(EncoderError, match="cannot load the original checkpoint"):
        loaded("original", other)


@pytest.mark.slow
def test_grounding_dino_tiny_at_full_size_loads_from_a_folder_and_runs(tmp_path):
    grounder = loaded("transformers", make_full_transformers(tmp_path / "full"), short_side=256)
    assert sum(parameter.numel() for parameter in grounder.network.model.parameters()) > 170e6
    assert all(grounder.locate(photos([(256, 300), (256, 300)]), ["shoe", "dress"]))


def make_full_transformers(folder: Path) -> Path:
    """IDEA-Research/grounding-dino-tiny's architecture, 172M parameters, with random weights."""
    from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection

    from vlclip.engine.grounding.transformers import quiet_transformers

    make_tiny_transformers(folder)
    with quiet_transformers():
        GroundingDinoForObjectDetection(GroundingDinoConfig()).save_pretrained(folder)
    return folder
