"""Lists for a shopper: by their events, the events of others, and their arm."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ranking.planted import COUNT, SPACE, PlantedEmbedder
from vlclip.engine.errors import SpaceError
from vlclip.engine.filters import parse_json
from vlclip.ranking.errors import BadPage
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.arm import arm_of
from vlclip.ranking.lists.popularity import Popularity
from vlclip.ranking.lists.profile import PLACES, factors, interests, places
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search

NOW = 1_700_000_000.0
ANNA = "user:anna"


@pytest.fixture
def history():
    events = SqliteHistory(None)
    yield events
    events.close()


@pytest.fixture
def shop(store, history):
    return Recommender(
        store, PlantedEmbedder, Search(lexical_weight=0.5, history_weight=0.4), history, lambda: NOW
    )


def did(history, *events, user="anna"):
    """Events `("view", "i1")`, the newest first, a minute apart."""
    count = history.count()
    history.add(
        [
            Event(id=f"{user}{count + n}", kind=kind, item=item, time=NOW - 60 * (n + 1), user=user)
            for n, (kind, item) in enumerate(events)
        ]
    )


def ids(answer):
    return [result.id for result in answer]


def number(item_id):
    return int(item_id[1:])


@pytest.mark.parametrize("ask", ["similar", "search", "a photo"])
def test_nobody_and_somebody_without_events_get_the_same(shop, history, ask):
    def answer(**more):
        if ask == "similar":
            return shop.similar("i1", **more)
        return shop.search("red", **more) if ask == "search" else shop.search(photo=object(), **more)

    plain = answer()
    assert answer(shopper=ANNA).results == plain.results
    did(history, ("view", "i9"))
    assert answer(shopper=ANNA, weights={"history": 0}).results == plain.results
    assert answer(shopper="user:bob").results == plain.results
    blended = answer(shopper=ANNA)
    assert blended.strategy == "history"
    assert ids(blended) != ids(plain)
    assert blended.tastes[0].items == ("i9",)


def test_the_profile_is_blended_into_the_same_search_at_its_weight(shop, history, vectors):
    did(history, ("view", "i9"))
    answer = shop.similar("i1", shopper=ANNA, weights={"image": 1, "text": 0.5}, page=Page(limit=30))
    weights = {"image": 1.0, "text": 0.5}
    content = SPACE.query_vector(SPACE.split(vectors[1]), weights)
    profile = 0.4 * SPACE.query_vector(SPACE.split(vectors[9]), weights)
    scores = vectors @ (content + profile)
    assert ids(answer) == [f"i{n}" for n in np.argsort(-scores) if n != 1][:30]
    for result in answer:
        assert sum(result.parts.values()) == pytest.approx(result.score, abs=1e-6)
        assert result.score == pytest.approx(scores[number(result.id)], abs=1e-5)
        assert result.parts["history"] == pytest.approx(vectors[number(result.id)] @ profile, abs=1e-5)


def test_recommendations_are_nearest_to_what_was_liked_without_repeating_it(shop, history, vectors):
    did(history, ("view", "i9"))
    answer = shop.recommend(ANNA, page=Page(limit=20))
    scores = vectors @ vectors[9]
    assert ids(answer) == [f"i{n}" for n in np.argsort(-scores) if n != 9][:20]
    assert answer.strategy == "history"
    repeated = shop.recommend(ANNA, arm=arm_of({"rules": {"hide_history": False}}, "test"))
    assert repeated[0].id == "i9"


def liked(history, vectors, profile):
    """The weights of Anna's interests, and their scores of every item, scaled as in her list: `(k, n)`."""
    by_id = {f"i{n}": vector for n, vector in enumerate(vectors)}
    events = history.recent(ANNA, 100)
    directions = interests(events, by_id, SPACE, profile)
    weights = [interest.weight for interest in directions]
    scores = np.array([vectors @ interest.vector for interest in directions])
    rows_done = {number(event.item) for event in events if event.item in by_id}
    new = [n for n in range(COUNT) if n not in rows_done]
    scaled = scores * np.array(factors(scores[:, new], weights))[:, None]
    scaled[:, list(rows_done)] = -np.inf
    return weights, scaled


def test_an_items_score_is_its_best_over_the_interests_which_share_the_first_places(shop, history, vectors):
    did(history, ("view", "i9"), ("purchase", "i20"), ("view", "i33"), ("view", "gone"))
    answer = shop.recommend(ANNA, page=Page(limit=30))
    weights, scaled = liked(history, vectors, answer.arm.profile)
    assert len(weights) == 3
    best, nearest = scaled.max(axis=0), scaled.argmax(axis=0)
    # the last items with a place are lifted to the same level, so they tie except for the last digits
    np.testing.assert_allclose(
        [best[number(item_id)] for item_id in ids(answer)], np.sort(best)[:-31:-1], atol=1e-5
    )
    for result in answer:
        assert sum(result.parts.values()) == pytest.approx(best[number(result.id)], abs=1e-5)
    assert [taste.weight for taste in answer.tastes] == pytest.approx(weights)
    first = Counter(nearest[number(item_id)] for item_id in ids(answer)[:PLACES])
    assert sorted(first.values(), reverse=True) == places(weights)


steps = st.tuples(st.sampled_from(["view", "cart", "purchase"]), st.integers(0, COUNT - 1))


@settings(max_examples=30)
@given(st.lists(steps, min_size=1, max_size=8), st.integers(1, 5), st.sampled_from([-1.0, 0.2, 0.5]))
def test_every_interest_has_its_best_items_among_the_first_places(store, vectors, steps_taken, most, apart):
    history = SqliteHistory(None)
    did(history, *[(kind, f"i{n}") for kind, n in steps_taken])
    arm = arm_of({"profile": {"interests": most, "apart": apart}}, "test")
    shop = Recommender(store, PlantedEmbedder, Search(), history, lambda: NOW)
    first = {number(item_id) for item_id in ids(shop.recommend(ANNA, arm=arm))}
    weights, scaled = liked(history, vectors, arm.profile)
    history.close()
    assert len(first) == PLACES
    for scores, count in zip(scaled, places(weights), strict=True):
        best = set(np.argsort(-scores)[:count].tolist())
        assert len(best - first) <= 1  # two items on the same level may swap the last place


def test_somebody_new_gets_what_others_do_most_with_then_what_is_like_it(shop, history):
    did(history, ("view", "i3"), ("purchase", "i4"), ("cart", "i8"), ("view", "sold out"), user="bob")
    did(history, ("view", "i4"), ("dislike", "i12"), user="eve")
    answer = shop.recommend(ANNA, page=Page(limit=20))
    assert ids(answer)[:3] == ["i4", "i8", "i3"]
    assert answer.strategy == "popular"
    assert [result.parts for result in answer[:3]] == [
        {"popular": 1.0}, {"popular": 0.5}, {"popular": 0.25}
    ]  # fmt: skip
    assert all(set(result.parts) == {"image", "text"} for result in answer[3:])
    scores = [result.score for result in answer]
    assert scores == sorted(scores, reverse=True)
    assert len(set(ids(answer))) == 20
    reds = shop.recommend(ANNA, page=Page(limit=20, filter=parse_json({"colour": "red"})))
    assert reds[0].id == "i3"
    assert {number(item_id) % 3 for item_id in ids(reds)} == {0}


@pytest.mark.parametrize("missing", [0, 4, 5, 100])
def test_what_the_store_does_not_hold_takes_no_place_among_the_popular(store, history, monkeypatch, missing):
    monkeypatch.setattr("vlclip.ranking.lists.popularity.MOST", 5)
    did(history, *[("purchase", f"gone {n}") for n in range(missing)], user="bob")
    did(history, *[("view", f"i{n}") for n in (3, 3, 3, 8, 8, *range(10, 20))], user="eve")
    shares = {"i3": 1, "i8": 2 / 3, "i10": 1 / 3, "i11": 1 / 3, "i12": 1 / 3}
    assert Popularity(store, history, lambda: NOW).get().shares == pytest.approx(shares)


def test_before_anybody_did_anything_the_items_own_popularity_decides(shop):
    answer = shop.recommend(ANNA, page=Page(limit=40))
    shares = [number(item_id) % 17 / 16 for item_id in ids(answer)]
    assert [result.parts["popular"] for result in answer] == pytest.approx(shares)
    assert shares == sorted(shares, reverse=True)
    assert answer.strategy == "popular"


@pytest.mark.parametrize("events", [0, 3])
def test_pages_of_recommendations_continue_each_other(shop, history, events):
    did(history, *[("view", f"i{n}") for n in range(events)])

    def page(offset, limit):
        return ids(shop.recommend(ANNA, page=Page(limit=limit, offset=offset)))

    assert page(0, 5) + page(5, 5) + page(10, 5) == page(0, 15)


ARM = {
    "weights": {"text": 0.5, "history": 0.2, "behaviour": 3.0},
    "rules": {
        "boosts": [{"field": "popularity", "weight": 0.3, "half": 5}],
        "include": ["price<280"],
        "exclude": ["colour=green"],
    },
    "diversity": {"amount": 0.4, "at_most": {"colour": 6}},
    "exploration": {"temperature": 0.05, "depth": 20},
}


@pytest.mark.parametrize("ask", ["similar", "search", "recommend"])
def test_whatever_an_arm_does_parts_add_up_rules_hold_and_pages_continue(shop, history, ask):
    did(history, ("view", "i9"), ("purchase", "i21"), ("dislike", "i30"))
    arm = arm_of(ARM, "test")

    def answer(**page):
        arguments = {"shopper": ANNA, "arm": arm, "page": Page(**page)}
        if ask == "recommend":
            return shop.recommend(arguments.pop("shopper"), **arguments)
        return (
            shop.similar("i1", **arguments) if ask == "similar" else shop.search("red number7", **arguments)
        )

    results = answer(limit=12)
    assert len(results) == 12
    for result in results:
        assert sum(result.parts.values()) == pytest.approx(result.score, abs=1e-9)
        assert {"image", "text", "boost.popularity", "diversity"} <= set(result.parts)
        assert 0 < result.propensity <= 1
        assert number(result.id) < 280
    assert set(Counter(number(item_id) % 3 for item_id in ids(results)).values()) == {6}
    assert not [item_id for item_id in ids(results) if number(item_id) % 3 == 1]
    assert ids(answer(limit=5)) + ids(answer(limit=7, offset=5)) == ids(results)
    assert [item_id for item_id, _ in results.explored] != ids(results)
    assert results.arm is arm


def test_chance_falls_alike_for_one_shopper_and_differently_for_another(shop):
    arm = arm_of({"exploration": {"temperature": 1.0}}, "test")
    first = shop.similar("i1", shopper=ANNA, arm=arm)
    assert shop.similar("i1", shopper=ANNA, arm=arm) == first
    assert ids(shop.similar("i1", shopper="user:bob", arm=arm)) != ids(first)


def test_what_was_bought_or_seen_often_is_hidden_where_the_arm_says_so(shop, history):
    plain = ids(shop.similar("i1", shopper=ANNA, weights={"history": 0}, page=Page(limit=5)))
    did(history, ("purchase", plain[0]), ("view", plain[1]), ("click", plain[1]), ("view", plain[2]))
    arm = arm_of({"weights": {"history": 0}, "rules": {"hide_bought": True, "hide_seen": 2}}, "test")
    item_ids = ids(shop.similar("i1", shopper=ANNA, arm=arm))
    assert item_ids[:3] == plain[2:]
    assert not set(item_ids) & set(plain[:2])


def test_pins_come_first_where_the_filter_lets_them(shop):
    arm = arm_of({"rules": {"pins": ["i50", "nobody", "i51", "i1"]}}, "test")
    plain = ids(shop.similar("i1", page=Page(limit=20)))
    item_ids = ids(shop.similar("i1", arm=arm, page=Page(limit=20)))
    below = [item_id for item_id in plain if item_id not in ("i50", "i51")]
    assert item_ids == ["i50", "i51", *below][:20]
    odd = Page(limit=3, filter=parse_json({"available": False}))
    assert ids(shop.similar("i1", arm=arm, page=odd))[0] == "i51"
    second = shop.similar("i1", arm=arm, page=Page(limit=5, offset=1))
    assert ids(second) == item_ids[1:6]
    assert all(sum(result.parts.values()) == pytest.approx(result.score) for result in second)


def test_a_pin_counts_for_itself_only_and_for_no_cap(shop):
    capped = {"diversity": {"at_most": {"colour": 1}}}
    below = ids(shop.similar("i1", arm=arm_of(capped, "test")))
    assert sorted(number(item_id) % 3 for item_id in below) == [0, 1, 2]
    pinned = arm_of(capped | {"rules": {"pins": ["i50", "i53"]}}, "test")  # both are blue
    assert ids(shop.similar("i1", arm=pinned)) == ["i50", "i53", *below]


def test_a_requests_weights_and_diversity_go_before_the_arms(shop):
    arm = arm_of({"weights": {"text": 0.0}, "diversity": {"amount": 1.0}}, "test")
    relevant = Page(diversity=0.0)
    assert ids(shop.similar("i1", arm=arm, page=relevant)) == ids(shop.similar("i1", weights={"text": 0}))
    assert ids(shop.similar("i1", arm=arm, weights={"text": 1}, page=relevant)) == ids(shop.similar("i1"))


def test_what_cannot_be_asked_says_why(shop):
    with pytest.raises(BadPage, match=r"diversity is 1\.5"):
        shop.recommend(ANNA, page=Page(diversity=1.5))
    with pytest.raises(SpaceError, match="'behaviour'"):
        shop.recommend(ANNA, weights={"behaviour": 1})
    with pytest.raises(SpaceError, match="'sound'"):
        shop.recommend(ANNA, arm=arm_of({"weights": {"sound": 1}}, "test"))


asks = st.sampled_from(["similar", "search", "recommend"])
arms = st.fixed_dictionaries({}, optional={
    "rules": st.just({"boosts": [{"field": "popularity", "weight": 0.2}], "pins": ["i7", "i100"]}),
    "diversity": st.just({"amount": 0.5}),
    "exploration": st.just({"temperature": 0.1}),
})  # fmt: skip
clauses = st.lists(
    st.sampled_from(
        [{"colour": "red"}, {"colour": {"not": "blue"}}, {"price": {"lt": 150}}, {"available": True}]
    ),
    max_size=2,
)  # fmt: skip


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arms, clauses, st.lists(st.integers(0, COUNT - 1), max_size=30), asks)
def test_excluded_items_never_appear_and_every_other_that_fits_does(shop, knobs, conditions, excluded, ask):
    form = {name: condition for clause in conditions for name, condition in clause.items()}
    page = Page(limit=200, filter=parse_json(form), exclude=[f"i{n}" for n in excluded])
    arguments = {"arm": arm_of(knobs, "test"), "page": page}
    if ask == "recommend":
        answer = shop.recommend(ANNA, **arguments)
    else:
        answer = shop.similar("i1", **arguments) if ask == "similar" else shop.search("red", **arguments)
    left = set(range(COUNT)) - set(excluded) - ({1} if ask == "similar" else set())
    fits = {n for n in left if fitting(form, n)}
    numbers = [number(item_id) for item_id in ids(answer)]
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= fits
    assert len(numbers) == min(200, len(fits))


def fitting(form, n):
    """The filter in plain code."""
    colour = ("red", "green", "blue")[n % 3]
    return (
        (form.get("colour") != "red" or colour == "red")
        and (form.get("colour") != {"not": "blue"} or colour != "blue")
        and ("price" not in form or n < 150)
        and ("available" not in form or n % 2 == 0)
    )
