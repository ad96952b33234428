"""The average lengths of a collection's texts, and what is found by them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from vlclip.engine.item import Item
from vlclip.engine.store.lexical import AS_BEFORE, BY_FIELD
from vlclip.engine.store.store import Query
from vlclip.ingestion.pipeline.weighting import weigh_anew


def write(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def marked(tmp_path):
    """Items whose descriptions say in HTML what no title says."""
    rows = [
        {
            "id": f"i{n}",
            "title": f"Thing {n}",
            "description": f"<p class='teaser'>Of <b>felt</b>&nbsp;nr{n}</p>",
        }
        for n in range(6)
    ]
    return write(tmp_path / "marked.jsonl", rows)


def hits(store, text):
    return {hit.id: hit.score for hit in store.search([Query(text=text, limit=100)])[0]}


def test_words_that_stand_only_in_a_description_are_found_and_tags_are_no_words(shop, marked):
    shop.ingest(marked)
    with shop.open() as (store, _):
        assert set(hits(store, "nr3")) == {"i3"}
        assert set(hits(store, "felt")) == {f"i{n}" for n in range(6)}
        for tag in ("p", "b", "class", "teaser", "nbsp"):
            assert not hits(store, tag), tag
        payload = store.retrieve(["i3"])["i3"].payload
        assert payload["description"] == "Of felt nr3"


def test_the_first_catalogue_of_a_collection_gives_it_its_lengths(shop, marked, tmp_path):
    shop.ingest(marked)
    with shop.open() as (store, _):
        first = store.info.words
        assert first.fields["title"].length == 2.0
        assert first.fields["description"].length == 2.0
        assert first.fields["brand"] == BY_FIELD.fields["brand"]
    shop.ingest(
        write(tmp_path / "more.jsonl", [{"id": "long", "title": "a much longer title than those before"}])
    )
    shop.close()
    with shop.open() as (store, _):
        assert store.info.words == first


def test_a_collection_of_before_keeps_its_weights_until_it_is_weighted_anew(shop, marked):
    with shop.open() as (store, _):
        store.set_weighting(AS_BEFORE)
    shop.ingest(marked)
    with shop.open() as (store, _):
        assert store.info.words == AS_BEFORE
        assert not hits(store, "felt")
        before = {record.id: (record.payload, record.vector.tolist()) for record in all_of(store)}
        assert weigh_anew(store) == 6
        assert set(hits(store, "nr3")) == {"i3"}
        after = {record.id: (record.payload, record.vector.tolist()) for record in all_of(store)}
        assert after == before
        assert store.info.words.fields["description"].length == 2.0


def test_weighted_anew_is_as_made_today_and_measured_by_all_items(shop, marked):
    shop.ingest(marked)
    with shop.open() as (store, _):
        fresh = {text: hits(store, text) for text in ("felt", "thing", "nr3")}
        store.set_weighting(replace(BY_FIELD, saturation=3.0))
        weigh_anew(store)
        for text, scores in fresh.items():
            assert hits(store, text) == pytest.approx(scores)


def test_items_without_a_catalogue_have_the_lengths_of_no_catalogue(shop):
    shop.put([Item("a", title="red lamp")])
    with shop.open() as (store, _):
        assert store.info.words == BY_FIELD


def all_of(store):
    return [record for page in store.scan(with_vector=True) for record in page]
