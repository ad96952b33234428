"""The grounder that ships: small enough, and it finds what it is asked for."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from vlclip.engine.encoding.model_files import SHIPPED
from vlclip.engine.grounding.folders import rule_from, shipped_grounders
from vlclip.engine.grounding.loading import load_grounder
from vlclip.engine.training.grounder.loss import box_iou
from vlclip.ingestion.datasets.composed import CompositionPlan, compose_catalogue
from vlclip.ingestion.drawn import draw_catalogue
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.service.settings import Settings

MODEL = SHIPPED / "vlclip-grounder"
SETTINGS = Settings.load(grounding={"model": "vlclip-grounder"}, device="cpu")


def test_it_is_small_and_comes_with_all_it_needs():
    assert shipped_grounders() == ["vlclip-grounder"]
    names = {"README.md", "config.json", "model.safetensors", "recipe.json", "tokenizer.json"}
    assert names <= {file.name for file in MODEL.iterdir()}
    assert (MODEL / "model.safetensors").stat().st_size <= 16_000_000
    weights = sum(file.stat().st_size for file in SHIPPED.rglob("*.safetensors"))
    assert weights <= 32_000_000


@pytest.fixture(scope="module")
def grounder():
    return load_grounder(SETTINGS.grounding, SETTINGS.device)


def overlaps(grounder, photos, names, boxes):
    """IoU with the true boxes, and scores."""
    detections = grounder.locate(photos, names)
    iou, _ = box_iou(torch.tensor([detection.box for detection in detections]), torch.tensor(boxes))
    return iou.numpy(), np.array([detection.score for detection in detections])


def opened(data):
    return Image.open(BytesIO(data)).convert("RGB")


def test_it_finds_drawn_products_among_other_things(grounder):
    products = [product for product in draw_catalogue(150, seed=7) if product.scene == "cluttered"]
    iou, score = overlaps(
        grounder,
        [opened(product.item.image) for product in products],
        [product.item.product_type for product in products],
        [product.box for product in products],
    )
    assert iou.mean() > 0.6
    assert (score > rule_from(SETTINGS.grounding).threshold).mean() > 0.6


def test_what_is_asked_for_decides_which_product_is_found(grounder):
    shots = [product for product in draw_catalogue(300, seed=7) if product.scene == "packshot"]
    sofa, mug = (next(shot for shot in shots if shot.item.product_type == kind) for kind in ("sofa", "mug"))
    both = Image.new("RGB", (320, 200), "white")
    both.paste(opened(sofa.item.image), (0, 0))
    both.paste(opened(mug.item.image), (160, 0))
    left, right = grounder.locate([both, both], ["sofa", "mug"])
    assert left.box[2] < 200
    assert right.box[0] > 120


@pytest.mark.data
def test_it_finds_products_it_has_never_seen_among_others(grounder, data, tmp_path):
    composition = compose_catalogue(
        CompositionPlan(data / "fashion", split="validation", limit=150), tmp_path, SETTINGS
    )
    truth = [json.loads(line)["box"] for line in composition.truth.read_text().splitlines()]
    written = open_catalogue(composition.catalogue)
    items = [entry.item for entry in written.entries(map_columns(written, []))]
    iou, _ = overlaps(
        grounder, [opened(item.image) for item in items], [item.product_type for item in items], truth
    )
    assert iou.mean() > 0.6
    assert (iou >= 0.5).mean() > 0.75
