"""Recall of the index, measured on what is asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.errors import StoreUnavailable
from vlclip.engine.store.store import Hit, Query
from vlclip.service.observing.recall import probe, recall

QUESTION = Query(vector=np.ones(4, dtype=np.float32), limit=3, offset=5, with_vector=True)


class Shelf:
    """A store of scores by id that finds only some of them unless it is asked exactly."""

    def __init__(self, scores, indexed):
        self.scores, self.found = scores, indexed

    def search(self, queries):
        assert {(query.limit, query.offset, query.with_vector) for query in queries} == {(10, 0, False)}
        lists = []
        for query in queries:
            candidates = [i for i in self.scores if query.exact or i in self.found]
            best = sorted(candidates, key=lambda i: -self.scores[i])[: query.limit]
            lists.append([Hit(i, self.scores[i], {}) for i in best])
        return lists


def test_recall_worked_by_hand():
    scores = {str(i): 1 - i / 100 for i in range(30)}
    assert recall(Shelf(scores, scores), QUESTION) == 1
    # of the ten best, 0 to 9, the index does not know 3 and 7; it gives 10 and 11 in their places
    assert recall(Shelf(scores, scores.keys() - {"3", "7"}), QUESTION) == 0.8


def test_after_an_exact_search_the_index_is_measured_all_the_same():
    scores = {str(i): 1 - i / 100 for i in range(30)}
    question = replace(QUESTION, exact=True)
    assert recall(Shelf(scores, scores.keys() - {"3", "7"}), question) == 0.8


def test_items_that_score_the_same_are_as_good():
    scores = {str(i): 0.5 for i in range(30)}
    assert recall(Shelf(scores, {str(i) for i in range(20, 30)}), QUESTION) == 1


def test_where_nothing_fits_there_is_no_recall():
    assert recall(Shelf({}, {}), QUESTION) is None


@given(scores=st.lists(st.floats(0, 1), min_size=1, max_size=40), data=st.data())
def test_recall_is_a_share_and_1_for_an_index_that_knows_all(scores, data):
    scores_by_id = dict(enumerate(scores))
    indexed = data.draw(st.sets(st.sampled_from(sorted(scores_by_id))))
    assert 0 <= recall(Shelf(scores_by_id, indexed), QUESTION) <= 1
    assert recall(Shelf(scores_by_id, set(scores_by_id)), QUESTION) == 1


@pytest.mark.parametrize("error", [StoreUnavailable("away"), RuntimeError("away")])
def test_each_question_is_probed_once_and_an_error_ends_nothing(monkeypatch, caplog, error):
    questions = iter([None, QUESTION, QUESTION, Query(vector=np.zeros(4), limit=1), QUESTION])
    shares, tries = [], []

    def measured(_, query):
        tries.append(query)
        if len(tries) == 2:
            raise error
        return 0.9

    monkeypatch.setattr("vlclip.service.observing.recall.recall", measured)

    async def run():
        task = None

        def recent():
            try:
                return next(questions)
            except StopIteration:
                task.cancel()

        task = asyncio.create_task(probe(SimpleNamespace(), recent, shares.append, 0.0))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert len(tries) == 3
    assert shares == [0.9, 0.9]
    assert "away" in caplog.text
