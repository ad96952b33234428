"""A segment added from what is stored: nothing is encoded again."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from tests.ingestion.fakes import INFO, FakeEmbedder
from vlclip.engine.encoding.lookup import make_lookup, with_lookup
from vlclip.engine.opening.stores import open_store, promote
from vlclip.engine.store.store import Query
from vlclip.ingestion.ledger.ledger import FILE, Ledger
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.ingest import IngestPlan, ingest
from vlclip.ingestion.pipeline.resegment import resegment

LOOKUP = make_lookup(["sku-1", "sku-2", "gone"], np.array([[3, 4], [0, 1], [1, 0]], dtype=np.float32), {})
WIDER = with_lookup(INFO, "behaviour", LOOKUP)


@pytest.fixture
def copied(shop, catalogue):
    shop.ingest(catalogue)
    with shop.open() as (store, _):
        target = open_store(str(shop.folder), shop.settings, WIDER, beside=True)
        with closing(target):
            counts = []
            assert resegment(store, target, {"behaviour": LOOKUP}, progress=counts.append) == 12
            assert counts == [12]
            yield store, target


def records(store):
    return {record.id: record for page in store.scan(with_vector=True) for record in page}


def test_the_segments_there_were_are_kept_bit_for_bit_and_the_new_one_is_looked_up(copied):
    before, after = map(records, copied)
    assert before.keys() == after.keys()
    for item_id, record in after.items():
        np.testing.assert_array_equal(record.vector[:8], before[item_id].vector)
        np.testing.assert_array_equal(record.vector[8:], LOOKUP.rows([item_id])[0])
    assert after["sku-1"].vector[8:].tolist() == pytest.approx([0.6, 0.8])
    assert not after["sku-3"].vector[8:].any()


def test_payloads_say_who_made_the_vectors_now_and_words_are_still_found(copied):
    before, after = map(records, copied)
    for item_id, record in after.items():
        old = before[item_id].payload
        assert record.payload == {
            **old, "provenance": {**old["provenance"], "fingerprint": WIDER.fingerprint}
        }  # fmt: skip
    for store in copied:
        assert store.search([Query(text="7")])[0][0].id == "sku-7"


def test_a_code_in_a_field_of_numbers_scores_as_before(shop, tmp_path):
    file = tmp_path / "shoes.jsonl"
    shoes = [{"id": "a", "title": "shoe", "model": 40}, {"id": "b", "title": "boot", "model": "574"}]
    for count in (1, 2):  # the first batch makes it a field of numbers; "574" is kept as 574.0
        file.write_text("\n".join(map(json.dumps, shoes[:count])))
        shop.ingest(file)
    beside = open_store(str(shop.folder), shop.settings, WIDER, beside=True)
    with shop.open() as (source, _), closing(beside) as target:
        resegment(source, target, {"behaviour": LOOKUP})
        (before,), (after,) = (store.search([Query(text="574 boot")]) for store in (source, target))
    assert [(hit.id, hit.score) for hit in after] == [(hit.id, hit.score) for hit in before]


def test_done_again_it_ends_the_same_and_what_is_gone_goes(copied):
    source, target = copied
    first = {item_id: (r.payload, r.vector.tolist()) for item_id, r in records(target).items()}
    source.delete(["sku-5"])
    assert resegment(source, target, {"behaviour": LOOKUP}) == 11
    del first["sku-5"]
    assert {item_id: (r.payload, r.vector.tolist()) for item_id, r in records(target).items()} == first


def test_the_same_catalogue_is_unchanged_there(shop, catalogue, copied):
    source, target = copied
    target.close()
    source.close()
    promote(str(shop.folder), shop.settings, WIDER.fingerprint)
    embedder = replace(FakeEmbedder(), info=WIDER)
    with (
        closing(open_store(str(shop.folder), shop.settings, WIDER)) as store,
        closing(Ledger(shop.folder / FILE)) as ledger,
    ):
        destination = Destination(store, ledger, WIDER, lambda: embedder)
        report = ingest(IngestPlan(catalogue), destination, shop.settings)
    assert (report.unchanged, report.embedded) == (12, 0)
