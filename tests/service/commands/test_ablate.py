"""`vlclip ablate` from the command line, on drawn products with a tiny random CLIP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import make_tiny_clip
from vlclip.engine.grounding.grounder import Detection
from vlclip.ingestion.datasets.truth import Truth, read_truth, truth_beside
from vlclip.ingestion.errors import CatalogueError
from vlclip.service.cli import build

runner = CliRunner()


class KnowsTheTruth:
    """A grounder that has read the truth, asked for photos in the order of the truth."""

    name = "truth"

    def __init__(self, truth: dict[str, Truth]) -> None:
        self.left = list(truth.values())

    def locate(self, photos, product_types):
        truths, self.left = self.left[: len(photos)], self.left[len(photos) :]
        assert len(truths) == len(product_types)
        return [Detection(truth.box, 0.9) for truth in truths]


def run(*words: object, status: int = 0):
    result = runner.invoke(build(), [str(word) for word in words])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


def body(*words: object, status: int = 0) -> dict:
    return json.loads(run(*words, "--json", status=status).stdout)


@pytest.fixture
def perfect(monkeypatch, catalogue):
    """Every grounder that is loaded finds the true boxes."""
    truth = read_truth(catalogue.parent / "truth.jsonl")
    monkeypatch.setattr("vlclip.service.ablation.run.load_grounder", lambda *_: KnowsTheTruth(truth))
    monkeypatch.setenv("VLCLIP_GROUNDING__THRESHOLD", "0.35")  # it has no folder that could name one


def test_all_twelve_rows_and_what_each_step_is_worth(catalogue, tiny_clip, perfect, tmp_path):
    other = make_tiny_clip(tmp_path / "other", seed=5)
    report = body(
        "ablate", catalogue, "--base", tiny_clip, "--tuned", other, "--grounder", "truth", "--slice", "brand",
        "--picture", tmp_path / "pictures" / "a.png",
    )  # fmt: skip
    assert (report["n"], report["grounder"], report["base"], report["tuned"]) == (
        60, "truth", str(tiny_clip), str(other),
    )  # fmt: skip
    assert [(row["photo"], row["text"], row["model"]) for row in report["rows"]] == [
        (photo, text, model)
        for model in ("base", "tuned")
        for photo in ("full", "crop", "box")
        for text in ("raw", "refined")
    ]
    for row in report["rows"]:
        names = {"hits@1", "hits@5", "hits@10", "mrr", "hits@5_dup", "type@5", "colour@5"}
        for name in names:
            assert 0 <= row[name]["low"] <= row[name]["value"] <= row[name]["high"] <= 1
    # the crops are the true boxes, so their rows are the same to the last digit
    by_setup = {(row["photo"], row["text"], row["model"]): row for row in report["rows"]}
    for text in ("raw", "refined"):
        crop, box = by_setup["crop", text, "base"], by_setup["box", text, "base"]
        assert crop | {"photo": "box"} == box
    grounding = report["grounding"]
    assert (grounding["n"], grounding["known"], grounding["cropped"]) == (60, 60, 1)
    assert (grounding["iou"], grounding["right"]) == (1, 1)
    assert {step["change"] for step in report["steps"]} == {"gap", "crop", "refined", "tuned"}
    assert {part["name"] for part in report["slices"]} <= {"scene", "title", "brand"}
    assert {"scene", "title"} <= {part["name"] for part in report["slices"]}
    assert {part["name"] for part in report["too_small"]} >= {"brand"}
    assert {row["field"] for row in report["attributes"]} == set()
    assert any("colour" in note for note in report["notes"])  # 60 items have no two values of ten
    assert any("training keeps back" in note for note in report["notes"])
    assert (tmp_path / "pictures" / "a.png").read_bytes()[1:4] == b"PNG"


def test_a_model_tuned_into_itself_is_worth_exactly_one(catalogue, tiny_clip):
    report = body("ablate", catalogue, "--base", tiny_clip, "--tuned", tiny_clip, "--refine", "off")
    figures = [step["figure"] for step in report["steps"] if step["change"] == "tuned"]
    assert figures == [{"value": 1, "low": 1, "high": 1}]


def test_refined_texts_that_say_the_same_are_worth_exactly_one(tiny_clip, tmp_path):
    from vlclip.ingestion.drawn import draw_product, write_products

    clean = (draw_product(3, index) for index in range(400))
    same = [product for product in clean if product.item.title == product.clean_title][:40]
    catalogue = write_products(tmp_path, same)
    report = body("ablate", catalogue, "--base", tiny_clip, "--attribute", "colour")
    by_text = {row["text"]: row for row in report["rows"] if row["photo"] == "full"}
    differ = {name: value for name, value in by_text["refined"].items() if value != by_text["raw"][name]}
    assert set(differ) <= {"text"}


def test_without_a_grounder_or_a_truth_there_are_fewer_rows(catalogue, tiny_clip, tmp_path):
    lines = catalogue.read_text().splitlines()[:30]
    alone = tmp_path / "alone.jsonl"
    alone.write_text("\n".join(lines))
    (tmp_path / "photos").symlink_to(catalogue.parent / "photos")
    result = run("ablate", alone, "--base", tiny_clip, "--refine", "off", "--json")
    report = json.loads(result.stdout)
    assert [(row["photo"], row["text"], row["model"]) for row in report["rows"]] == [("full", "raw", "base")]
    assert (report["steps"], report["grounding"]) == ([], None)
    assert "--grounder" in result.stderr
    with_truth = body(
        "ablate", alone, "--base", tiny_clip, "--truth", catalogue.parent / "truth.jsonl", "--limit", 20
    )
    assert with_truth["n"] == 20
    assert {row["photo"] for row in with_truth["rows"]} == {"full", "box"}


def test_a_person_sees_tables_of_at_most_110_columns(catalogue, tiny_clip, perfect):
    words = ("ablate", catalogue, "--base", tiny_clip, "--tuned", tiny_clip, "--grounder", "truth")
    text = run(*words).stdout
    for phrase in (
        "full photo",
        "HITS@5",
        "gap to the true box",
        "refined / raw",
        "scene: packshot",
        "mean IoU",
    ):
        assert phrase in text
    assert max(map(len, text.splitlines())) <= 110
    assert "…" not in text


def test_fields_are_told_from_photos_by_their_own_or_their_columns_name(tiny_clip, tmp_path):
    from vlclip.ingestion.drawn import write_catalogue

    catalogue = write_catalogue(tmp_path, 120, 11)
    rows = [json.loads(line) for line in catalogue.read_text().splitlines()]
    for row in rows:
        row["article_type"] = row.pop("product_type")
    catalogue.write_text("\n".join(json.dumps(row) for row in rows))
    report = body(
        "ablate", catalogue, "--base", tiny_clip, "--refine", "off", "--attribute", "article_type",
        "--attribute", "audience", "--map", "product_type=article_type",
    )  # fmt: skip
    rows = {row["field"]: row for row in report["attributes"]}
    assert "audience" in rows
    assert all(row["n"] >= 10 * row["classes"] for row in rows.values())
    assert 0 < rows["audience"]["majority"] < 1
    assert not any("article_type" in note for note in report["notes"])  # it is known as product_type


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--slice", "brnad"), "evaluation-error", "brand"),
        (("--attribute", "clour"), "evaluation-error", "colour"),
        (("--base", "vlclip-smal"), "unknown-encoder", "vlclip-small"),
        (("--tuned", "/no/such/folder"), "unknown-encoder", "/no/such/folder"),
        (("--grounder", "vlclip-gronder"), "unknown-encoder", "no grounder named"),
        (("--picture", "a.jpeg2"), "evaluation-error", ".png"),
        (("--truth", "/no/such.jsonl"), "bad-catalogue", "/no/such.jsonl"),
        (("--limit", "3"), "evaluation-error", "3 items are too few"),
        (("--map", "title=Naem"), "bad-mapping", "Naem"),
    ],
)
def test_a_mistake_is_named_before_the_work_begins(catalogue, tiny_clip, words, code, says):
    error = body("ablate", catalogue, "--base", tiny_clip, *words, status=1)["error"]
    assert says in error["message"]
    assert error["code"] == code or code == "unknown-encoder"


def test_a_truth_of_other_items_is_refused(catalogue, tiny_clip, tmp_path):
    other = tmp_path / "truth.jsonl"
    other.write_text('{"id": "somebody else", "scene": "packshot"}\n')
    error = body("ablate", catalogue, "--base", tiny_clip, "--truth", other, status=1)["error"]
    assert "--truth" in error["message"]


def test_truth_is_found_in_the_folder_and_beside_it_and_read_line_by_line(tmp_path):
    (tmp_path / "catalogue").mkdir()
    path = tmp_path / "truth.jsonl"
    assert truth_beside(tmp_path / "catalogue") is None
    path.write_text('{"id": "a", "box": [0, 1, 2, 3.5], "scene": "packshot"}\n\n{"id": 7}\n')
    assert truth_beside(tmp_path / "catalogue") == path
    assert truth_beside(str(tmp_path)) == path
    assert truth_beside(tmp_path / "catalogue.jsonl") == path
    assert read_truth(path) == {"a": Truth((0, 1, 2, 3.5), "packshot"), "7": Truth()}


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"scene": "x"}', '{"id": "a", "box": [1, 2]}', '{"id": "a", "box": 3}']
)
def test_a_truth_that_cannot_be_read_is_named_with_its_line(tmp_path, line):
    path: Path = tmp_path / "truth.jsonl"
    path.write_text('{"id": "ok"}\n' + line)
    with pytest.raises(CatalogueError, match="line 2"):
        read_truth(path)
