"""A request as a value gives the list that the recommender gives for the same question."""

from __future__ import annotations

import pytest

from tests.ranking.planted import PlantedEmbedder
from vlclip.engine.filters import parse_clauses
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.lists.request import ListRequest
from vlclip.ranking.settings import Search

WORDS = Arm(id="words", weights={"image": 0.2})
PAGE = Page(limit=7, offset=2, filter=parse_clauses(["price<200"]), exclude=("i3",))
SAME = {"weights": {"text": 0.7}, "page": PAGE, "arm": WORDS}


@pytest.fixture
def recommender(store):
    return Recommender(store, PlantedEmbedder, Search())


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("similar", lambda recommender: recommender.similar("i1", shopper="user:anna", **SAME)),
        ("search", lambda recommender: recommender.search("red", shopper="user:anna", **SAME)),
        ("recommendations", lambda recommender: recommender.recommend("user:anna", **SAME)),
    ],
)
def test_a_request_is_answered_as_the_recommender_answers_its_kind(recommender, kind, call):
    request = ListRequest(
        kind=kind, anchor="i1", text="red", unit="user:anna", weights=SAME["weights"], page=PAGE
    )
    answer = request.answer(recommender, WORDS)
    assert answer == call(recommender)
    assert len(answer) == 7


def test_without_more_a_request_asks_for_the_plain_list_of_nobody(recommender):
    assert ListRequest(kind="similar", anchor="i1").answer(recommender) == recommender.similar("i1")
