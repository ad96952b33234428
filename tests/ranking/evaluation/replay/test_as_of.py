"""A shop as it was: what was done later is not known, and what came later is not there."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.ranking.evaluation.replay.conftest import ANNA, NOW, PLAIN, Front, an_arm
from tests.ranking.planted import INFO, PlantedEmbedder, planted_points
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.errors import EvaluationError, HistoryError
from vlclip.ranking.evaluation.replay.as_of import PastHistory
from vlclip.ranking.evaluation.replay.logged_list import read_logged_list
from vlclip.service.settings import Settings

ASKS = {
    "recommendations": lambda front, arm: front.recommend(ANNA, arm),
    "to somebody new": lambda front, arm: front.recommend("user:new", arm),
    "similar": lambda front, arm: front.similar("i1", arm, unit=ANNA),
    "search": lambda front, arm: front.search("red", arm, unit=ANNA),
    "hiding": lambda front, arm: front.similar("i1", arm, unit=ANNA, weights={"history": 0}),
}
HIDING = an_arm(
    "hiding", exploration={"temperature": 0}, rules={"hide_bought": True, "hide_seen": 2, "boosts": [
        {"field": "added", "shape": "fresh", "weight": 0.2, "half": 3.0}
    ]},
)  # fmt: skip


@pytest.mark.parametrize("name", ASKS)
def test_a_moment_is_answered_as_it_was_whatever_was_done_since_and_in_any_order(front, name):
    front.did("click", "i9")
    front.did("purchase", "i20", user="bob")
    first = ASKS[name](front, HIDING)
    front.did("click", "i40")
    front.did("purchase", first[0].items[0].item)
    for n in range(50, 60):
        front.did("purchase", f"i{n}", user="bob")
    second = ASKS[name](front, HIDING)
    assert [item.item for item in first[0].items] != [item.item for item in second[0].items]
    past = front.past()
    # forth and back again: what is remembered of the later moment does not reach the earlier one
    for exposure, _ in (first, second, first, second):
        answer = past.answer(read_logged_list(exposure), HIDING)
        logged = [(item.item, item.score) for item in exposure.items]
        assert [(result.id, result.score) for result in answer] == logged


def test_what_happened_at_the_moment_itself_is_later(front):
    front.did("click", "i9", at=NOW)
    exposure, _ = front.recommend(ANNA, PLAIN)
    answer = front.past().answer(read_logged_list(replace(exposure, time=NOW)), PLAIN)
    assert answer.strategy != "history"
    answer = front.past().answer(read_logged_list(replace(exposure, time=NOW + 0.001)), PLAIN)
    assert answer.strategy == "history"


def test_a_history_as_of_a_moment_ends_there_and_is_only_read(front):
    front.did("click", "i1", at=NOW - 10)
    front.did("cart", "i2", at=NOW + 10)
    moment = NOW
    past = PastHistory(front.history, lambda: moment)
    assert [event.item for event in past.recent(ANNA, 9)] == ["i1"]
    assert [event.item for event in past.recent(ANNA, 9, before=NOW + 99)] == ["i1"]
    assert past.recent(ANNA, 9, before=NOW - 10) == []
    assert list(past.popular({"click": 1.0, "cart": 1.0}, 9)) == ["i1"]
    assert [(unit, len(events)) for unit, events in past.sequences()] == [(ANNA, 1)]
    assert past.count() == 1
    moment = NOW + 11
    assert list(past.popular({"click": 1.0, "cart": 1.0}, 9)) == ["i1", "i2"]
    assert past.count() == 2
    for change in (lambda: past.add([]), lambda: past.forget(ANNA), lambda: past.expire(NOW)):
        with pytest.raises(HistoryError, match="only read"):
            change()
    past.close()
    assert front.history.count() == 2


def test_the_events_that_came_of_a_list_are_those_by_then(front):
    front.did("click", "i1", at=NOW)
    event = front.history.recent(ANNA, 1)[0]
    front.history.add([replace(event, id="of r", request_id="r", time=NOW + 5)])
    moment = NOW
    past = PastHistory(front.history, lambda: moment)
    assert past.clicked(["r"]) == {}
    moment = NOW + 6
    assert [event.id for event in past.clicked(["r"])["r"]] == ["of r"]


@pytest.fixture(params=["seconds", "ISO 8601"])
def dated(request, tmp_path, vectors, history):
    """A shop whose items are offered one a day, the last on the first hundredth day from now."""

    def written(n):
        moment = NOW + 86_400 * (n - 50)
        if request.param == "seconds":
            return moment
        return datetime.fromtimestamp(moment, UTC).isoformat()

    with closing(open_store(str(tmp_path / "s"), Settings.load(), INFO)) as store:
        points = planted_points(vectors)[:100]
        # of i7 nothing is known, so it was always there
        store.upsert(
            [
                replace(point, payload={**point.payload, **({} if n == 7 else {"added": written(n)})})
                for n, point in enumerate(points)
            ]
        )
        yield Front(store, history)


def test_items_first_offered_later_are_in_no_list(dated):
    exposure, _ = dated.similar("i1", PLAIN, limit=99)
    logged = read_logged_list(exposure)
    assert len(logged.items) == 99
    # without candidates the log does not say that any item existed
    without = replace(logged, candidates=())
    answer = dated.past("added").answer(without, PLAIN)
    assert {result.id for result in answer} == {f"i{n}" for n in range(51) if n != 1}
    days = 20
    later = replace(without, exposure=replace(exposure, time=NOW + 86_400 * days))
    assert len(dated.past("added").answer(later, PLAIN)) == 50 + days
    # what was logged was there, whatever its fields say
    assert len(dated.past("added").answer(logged, PLAIN)) == 99


def test_a_field_without_times_is_refused(front):
    with pytest.raises(EvaluationError, match="no item has a time in the field 'colour'"):
        front.past("colour")


def test_words_are_embedded_once_for_all_arms(front):
    texts = []

    class Counting(PlantedEmbedder):
        def embed_query(self, *, text="", photo=None):
            texts.append(text)
            return super().embed_query(text=text, photo=photo)

    past = type(front.past())(front.store, Counting, front.past()._recommender._settings, front.history)
    logged = read_logged_list(front.search("red")[0])
    past.answer(logged, PLAIN)
    past.answer(logged, HIDING)
    assert texts == ["red"]
