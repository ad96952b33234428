"""A fast wrong answer is a wrong answer."""

from __future__ import annotations

import json

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.loadtest.conftest import record
from vlclip.loadtest.errors import NotReached
from vlclip.loadtest.probe import probe, recall

SCORED = st.lists(st.floats(0, 1), min_size=1, max_size=30).map(
    lambda scores: [(f"i{n}", score) for n, score in enumerate(sorted(scores, reverse=True))]
)


@given(SCORED)
def test_the_exact_answer_has_a_recall_of_one_and_one_that_shares_nothing_of_nought(exact):
    assert recall([item for item, _ in exact[:10]], exact) == 1
    assert recall([f"other{n}" for n in range(10)], exact) == 0


def test_of_items_with_equal_scores_any_will_do_and_of_others_not():
    exact = [("a", 0.9), ("b", 0.8), ("c", 0.7), ("d", 0.7), ("e", 0.6)]
    assert recall(["a", "b", "d"], exact, k=3) == 1  # d scores what c does
    assert recall(["a", "b", "e"], exact, k=3) == pytest.approx(2 / 3)
    assert recall(["c", "d", "e"], exact, k=3) == pytest.approx(2 / 3)
    assert recall(["a", "c", "d"], exact, k=2) == pytest.approx(1 / 2)  # served below the k-th


def test_a_short_shop_is_not_missing_what_it_has_not():
    assert recall(["a", "b"], [("b", 0.5), ("a", 0.4)]) == 1
    assert recall([], []) == 1


def served(*ids, body="", path="/v1/items/x/similar", **details):
    probe = {"method": "POST" if body else "GET", "path": path, "body": body, "ids": list(ids)}
    return record(probe=probe, **details)


def shop(request: httpx2.Request) -> httpx2.Response:
    """Its exact answer is a, b; words are answered with c."""
    parameters = json.loads(request.content) if request.content else dict(request.url.params)
    assert str(parameters["exact"]).lower() == "true"
    assert int(parameters["limit"]) > 10
    ids = ["c"] if "text" in parameters else ["a", "b"]
    return httpx2.Response(
        200, json={"results": [{"id": item, "score": 1 / n} for n, item in enumerate(ids, 1)]}
    )


def ask(records, handler=shop, most=100):
    with httpx2.Client(transport=httpx2.MockTransport(handler), base_url="http://shop") as http:
        return probe(records, http, most=most, rate_per_s=2, sleep=lambda _: None)


def test_kept_answers_are_asked_again_exactly_and_averaged():
    words = json.dumps({"text": "red"})
    records = [
        served("a", "b", path="/v1/items/x/similar"), served("a", "z", path="/v1/items/y/similar"), record(),
        served("c", body=words, path="/v1/search", endpoint="search"),
    ]  # fmt: skip
    assert ask(records).recall == {"similar": pytest.approx(0.75), "search": 1.0}


def test_a_popular_question_counts_once():
    popular = [served("z", path="/v1/items/popular/similar")] * 8
    others = [served("a", "b", path=f"/v1/items/i{n}/similar") for n in range(3)]
    assert ask(popular + others).recall == {"similar": pytest.approx(3 / 4)}


def test_at_most_so_many_are_asked_and_slowly():
    slept = []
    with httpx2.Client(transport=httpx2.MockTransport(shop), base_url="http://shop") as http:
        some = [served("a", path=f"/v1/items/i{n}/similar") for n in range(25)]
        probe(some, http, most=10, rate_per_s=4, sleep=slept.append)
    assert slept == [0.25] * 9  # every third of 25


def test_an_item_that_was_deleted_since_is_left_out_and_counted():
    def one_gone(request):
        return httpx2.Response(404) if "/gone/" in request.url.path else shop(request)

    records = [served("a", "b", path=f"/v1/items/{item}/similar") for item in ("x", "gone", "y")]
    probed = ask(records, one_gone)
    assert probed.recall == {"similar": 1.0}
    assert probed.left_out == {"similar: asked exactly: status 404": 1}
    assert ask(records).left_out == {}


def test_a_service_that_hangs_is_not_waited_for_again():
    paths = []

    def hangs(request):
        paths.append(request.url.path)
        raise httpx2.ReadTimeout("timed out")

    probed = ask([served("a", path=f"/v1/items/i{n}/similar") for n in range(5)], hangs)
    assert len(paths) == 1
    assert probed.recall == {}
    assert probed.left_out == {"not asked exactly: ReadTimeout('timed out')": 5}


@pytest.mark.parametrize("answer", [httpx2.Response(400), httpx2.Response(200, json=[])])
def test_a_service_that_cannot_answer_exactly_is_told(answer):
    with pytest.raises(NotReached, match="/v1/items/y/similar exactly"):
        ask([served("a"), served("a", path="/v1/items/y/similar")], lambda _: answer)
