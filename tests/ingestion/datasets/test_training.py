"""Training pairs from a catalogue: as it is, cropped by a grounder, refined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.contract.tiny_grounders import make_tiny_transformers
from vlclip.engine.duplicates import photo_hash
from vlclip.engine.errors import TrainingError
from vlclip.engine.grounding.folders import rule_from
from vlclip.engine.grounding.loading import load_grounder
from vlclip.engine.grounding.rule import choose, cut
from vlclip.engine.photos.decoding import decode
from vlclip.engine.photos.room import Limits
from vlclip.engine.refinement.fields import FieldRefiner
from vlclip.engine.training.framing import framing
from vlclip.engine.training.pairs import Pairs
from vlclip.engine.training.recipe import Recipe
from vlclip.ingestion.datasets.training import TrainingSet, item_words, read_pairs
from vlclip.ingestion.drawn import write_catalogue
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.service.settings import Settings

REFINED = [{"template": "{refined}", "share": 1}]


@pytest.fixture(scope="session")
def grounded(tmp_path_factory) -> dict:
    """Settings of a grounder with random weights, whose every box is trusted."""
    folder = make_tiny_transformers(tmp_path_factory.mktemp("models") / "grounder")
    return {"model": str(folder), "threshold": 0, "min_area": 0, "short_side": 64, "batch": 64}


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory) -> Path:
    return write_catalogue(tmp_path_factory.mktemp("drawn"), 60, 7)


def read(catalogue: Path, tiny_clip: Path, *, settings: dict | None = None, **recipe) -> Pairs:
    return read_set(catalogue, tiny_clip, settings=settings, **recipe).pairs


def read_set(catalogue: Path, tiny_clip: Path, *, settings: dict | None = None, **recipe) -> TrainingSet:
    plan = Recipe(**({"init": str(tiny_clip), "same": ()} | recipe))
    return read_pairs([str(catalogue)], [], plan, Settings.load(device="cpu", **(settings or {})))


def items(catalogue: Path) -> dict:
    opened = open_catalogue(str(catalogue))
    return {entry.id: entry.item for entry in opened.entries(map_columns(opened))}


def photo_of(catalogue, item):
    return decode((catalogue.parent / item.image).read_bytes(), Limits())


def test_pairs_are_the_catalogue(catalogue, tiny_clip):
    pairs, sources = read(catalogue, tiny_clip), items(catalogue)
    _, frame = framing(Recipe(init=str(tiny_clip)))
    assert list(pairs.ids) == list(sources)
    for item_id, photo, fields in zip(pairs.ids, pairs.photos, pairs.fields, strict=True):
        item = sources[item_id]
        assert fields == item_words(item)
        np.testing.assert_array_equal(photo, frame(photo_of(catalogue, item)))


def test_photos_are_hashed_where_the_recipe_compares_them(catalogue, tiny_clip):
    pairs, sources = read(catalogue, tiny_clip, same=("image",)), items(catalogue)
    photos = [photo_of(catalogue, sources[item_id]) for item_id in pairs.ids]
    assert list(pairs.hashes) == [photo_hash(photo) for photo in photos]


def test_photos_are_cropped_by_the_grounder_of_the_settings(catalogue, tiny_clip, grounded):
    pairs, sources = (
        read(catalogue, tiny_clip, ground=True, settings={"grounding": grounded}),
        items(catalogue),
    )
    settings = Settings.load(device="cpu", grounding=grounded)
    grounder, rule = load_grounder(settings.grounding, settings.device), rule_from(settings.grounding)
    _, frame = framing(Recipe(init=str(tiny_clip)))
    for item_id, photo in list(zip(pairs.ids, pairs.photos, strict=True))[:5]:
        item = sources[item_id]
        whole = photo_of(catalogue, item)
        (box,) = grounder.locate([whole], [item.product_type])
        np.testing.assert_array_equal(photo, frame(cut(whole, choose(box, whole.size, rule))))


def test_a_photo_stays_whole_where_nothing_is_found(catalogue, tiny_clip, grounded):
    never = {"grounding": grounded | {"threshold": 1}}
    unfound = read_set(catalogue, tiny_clip, ground=True, settings=never)
    np.testing.assert_array_equal(unfound.pairs.photos, read(catalogue, tiny_clip).photos)
    assert (unfound.cropped, unfound.left_out, len(unfound.pairs)) == (0, 0, 60)
    assert unfound.grounder


def test_refined_texts_are_a_field_for_templates(catalogue, tiny_clip):
    pairs = read(
        catalogue, tiny_clip, refine=True, texts=REFINED, settings={"refinement": {"mode": "fields"}}
    )
    sources = items(catalogue)
    for item_id, fields in zip(pairs.ids, pairs.fields, strict=True):
        assert fields == item_words(sources[item_id]) | {
            "refined": FieldRefiner().text_of(sources[item_id]).text
        }


@pytest.mark.parametrize(
    ("recipe", "says"),
    [({"ground": True}, "GROUNDING__MODEL"), ({"refine": True, "texts": REFINED}, "REFINEMENT__MODE")],
)
def test_a_recipe_that_asks_for_what_the_settings_do_not_name_is_refused(catalogue, tiny_clip, recipe, says):
    with pytest.raises(TrainingError, match=says):
        read(catalogue, tiny_clip, settings={"refinement": {"mode": "off"}}, **recipe)
