import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingestion.fakes import photo_bytes
from vlclip.engine.item import Item
from vlclip.engine.space import unit
from vlclip.ingestion.pipeline import agreement as module
from vlclip.ingestion.pipeline.agreement import SAMPLE, Agreement, AgreementSample, agreement
from vlclip.ingestion.reading.entry import Entry


def directions(count, size=32, seed=0):
    return unit(np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32))


def test_words_that_are_their_photos_always_hit_and_others_as_chance_does():
    photos = directions(400)
    texts = [str(number) for number in range(400)]
    assert agreement(photos, photos, texts).hits == 1
    unrelated = agreement(directions(400, seed=1), photos, texts)
    assert unrelated.chance == pytest.approx(5 / 400)
    assert unrelated.hits == pytest.approx(unrelated.chance, abs=0.03)
    assert unrelated.is_poor
    assert not agreement(photos, photos, texts).is_poor


@given(st.integers(0, 100))
def test_a_title_of_several_items_is_right_with_the_photo_of_each(seed):
    photos = directions(60, seed=seed)
    texts = [f"title {number // 2}" for number in range(60)]
    swapped = photos.reshape(30, 2, -1)[:, ::-1].reshape(60, -1)
    assert agreement(swapped, photos, texts).hits == 1
    assert agreement(swapped, photos, texts).chance == pytest.approx(1 - (55 * 54) / (60 * 59))


def test_equal_photos_are_right_for_each_of_their_items():
    photos = np.repeat(directions(6), 10, axis=0)
    assert agreement(photos, photos, [str(number) for number in range(60)]).hits == 1


def test_where_chance_always_hits_nothing_is_said_of_the_model():
    assert not Agreement(items=5, hits=1.0, chance=1.0).is_poor


@given(st.randoms(use_true_random=False), st.integers(1, 1500))
def test_the_sample_does_not_depend_on_the_order(dice: random.Random, count):
    entries = [
        Entry(
            source="", row=number, id=f"i{number}", item=Item(f"i{number}", title="A"),
            outcome="embedded", has_photo=True,
        )
        for number in range(count)
    ]  # fmt: skip
    first, second = AgreementSample(), AgreementSample()
    first.add(entries)
    dice.shuffle(entries)
    for start in range(0, count, 100):
        second.add(entries[start : start + 100])
    assert first.ids == second.ids
    assert len(first.ids) == min(count, SAMPLE)


def test_an_ingest_says_how_words_and_photos_agree_from_stored_vectors(shop, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "can_judge", lambda info: True)
    rows = []
    for number in range(45):
        (tmp_path / f"{number}.jpg").write_bytes(photo_bytes((number * 5, 9, 200)))
        rows.append({"id": str(number), "title": f"Thing {number}", "image": f"{number}.jpg"})
    file = tmp_path / "items.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    report = shop.ingest(file)
    assert report.agreement is not None
    assert report.agreement.items == 45
    assert shop.ingest(file).agreement is None  # nothing was embedded
