"""A shopper's events become interests, and dislikes push them away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vlclip.engine.space import FusedSpace, Segment, unit
from vlclip.ranking.history.event_kinds import EVENT_KINDS
from vlclip.ranking.history.events import Event
from vlclip.ranking.lists.arm import Profile
from vlclip.ranking.lists.profile import factors, interests, item_weights, places

SPACE = FusedSpace((Segment("image", 4), Segment("text", 3)))
SPANS = SPACE.slices()
PLAIN = Profile(half_life=2.0, interests=3, apart=0.7)
JOINED = PLAIN.model_copy(update={"apart": -1.0})
ITEMS = tuple(f"i{n}" for n in range(12))
EAST, NORTH = np.eye(4, dtype=np.float32)[:2]
NO_TEXT = np.zeros(3, dtype=np.float32)


def fused(image, text=NO_TEXT):
    segments = {"image": np.float32([image]), "text": np.float32([text])}
    return SPACE.item_vectors(segments, 1)[0]


def did(*items, kind="view"):
    """Events of one kind, newest first."""
    return [Event(id=f"e{n}", kind=kind, item=item, time=1e6 - n, user="u") for n, item in enumerate(items)]


def catalogue(seed):
    rng = np.random.default_rng(seed)
    segments = {name: rng.normal(size=(len(ITEMS), span.stop - span.start)) for name, span in SPANS.items()}
    segments["text"][0] = 0  # one item has no words
    rows = SPACE.item_vectors({name: rows.astype(np.float32) for name, rows in segments.items()}, len(ITEMS))
    return dict(zip(ITEMS, rows, strict=True))


def segmented(rows):
    """Every segment of unit length, or zeros."""
    return np.concatenate([unit(rows[:, span]) for span in SPANS.values()], axis=1)


catalogues = st.integers(0, 200).map(catalogue)
histories = st.lists(
    st.tuples(st.sampled_from(sorted(EVENT_KINDS)), st.sampled_from(ITEMS)), max_size=25
).map(
    lambda steps: [
        Event(id=f"e{n}", kind=kind, item=item, time=1e6 - n, user="u")
        for n, (kind, item) in enumerate(steps)
    ]
)
profiles = st.builds(
    Profile,
    half_life=st.sampled_from([0.5, 2.0, 20.0]),
    interests=st.integers(1, 4),
    apart=st.sampled_from([-0.5, 0.3, 0.7, 1.0]),
)
laws = settings(max_examples=60)


@laws
@given(histories, catalogues, profiles)
def test_interests_are_queries_like_any_other_and_share_the_history(events, vectors, profile):
    shopper_interests = interests(events, vectors, SPACE, profile)
    assert len(shopper_interests) <= profile.interests
    for interest in shopper_interests:
        for span in SPANS.values():
            length = np.linalg.norm(interest.vector[span])
            assert length == 0 or length == pytest.approx(1, abs=1e-6)
    if shopper_interests:
        assert sum(interest.weight for interest in shopper_interests) == pytest.approx(1)
        assert [interest.weight for interest in shopper_interests] == sorted(
            (interest.weight for interest in shopper_interests), reverse=True
        )
    items = [item for interest in shopper_interests for item in interest.items]
    assert len(items) == len(set(items))


@laws
@given(histories, catalogues, profiles)
def test_the_same_history_has_the_same_interests(events, vectors, profile):
    once, again = (interests(events, vectors, SPACE, profile) for _ in range(2))
    for interest, same_interest in zip(once, again, strict=True):
        assert np.array_equal(interest.vector, same_interest.vector)
        assert (interest.weight, interest.items) == (same_interest.weight, same_interest.items)


@given(catalogues, st.sampled_from(ITEMS), st.sampled_from(["view", "purchase"]), profiles)
def test_one_event_is_an_interest_equal_to_its_item(vectors, item, kind, profile):
    (interest,) = interests(did(item, kind=kind), vectors, SPACE, profile)
    assert np.array_equal(interest.vector, vectors[item])
    assert (interest.weight, interest.items) == (1.0, (item,))


def test_who_did_nothing_or_only_disliked_has_no_interests():
    vectors = {"a": fused(EAST)}
    assert interests([], vectors, SPACE, PLAIN) == []
    assert interests(did("a", kind="dislike"), vectors, SPACE, PLAIN) == []
    assert interests(did("gone"), vectors, SPACE, PLAIN) == []


@laws
@given(histories, catalogues, profiles, st.sampled_from(ITEMS), st.integers(0, 25))
def test_events_of_items_that_are_gone_change_nothing(events, vectors, profile, missing, place):
    others = {item: vector for item, vector in vectors.items() if item != missing}
    without = [event for event in events if event.item != missing]
    more = Event(id="more", kind="view", item=missing, time=0, user="u")
    with_event = interests([*events[:place], more, *events[place:]], others, SPACE, profile)
    without_event = interests(without, others, SPACE, profile)
    assert [(a.weight, a.items, a.vector.tolist()) for a in with_event] == [
        (b.weight, b.items, b.vector.tolist()) for b in without_event
    ]


def test_an_event_counts_half_after_a_half_life_and_events_of_an_item_add_up():
    vectors = {"a": fused(EAST), "b": fused(NORTH)}
    # newest first: a 1, b 1/2 (half-life 1), a 1/4
    profile = Profile(half_life=1.0)
    assert item_weights(did("a", "b", "a"), vectors, profile) == {"a": 1.25, "b": 0.5}
    # a kind without a weight does not age other events; events beyond the newest do not count
    weighed = profile.model_copy(update={"kinds": {"view": 3.0}, "events": 3})
    events = [*did("b", kind="click"), *did("a", "b", "a")]
    assert item_weights(events, vectors, weighed) == {"a": 3.0, "b": 1.5}


def test_a_view_taken_back_by_a_dislike_is_a_dislike():
    vectors = {"a": fused(EAST), "b": fused(NORTH)}
    events = [*did("a", kind="dislike"), *did("a", "b")]
    # a: -2 and then 1/√2 of a view, b: 1/2
    (interest,) = interests(events, vectors, SPACE, PLAIN)
    assert interest.items == ("b",)


@laws
@given(histories, catalogues, st.floats(0.5, 20))
def test_with_nothing_apart_the_interest_is_the_weighted_mean_of_what_is_liked(events, vectors, half_life):
    profile = Profile(half_life=half_life, apart=-1.0)
    liked = [event for event in events if event.kind != "dislike"]
    assume(liked)
    weights = item_weights(liked, vectors, profile)
    mean = sum(weight * vectors[item] for item, weight in weights.items())
    (interest,) = interests(liked, vectors, SPACE, profile)
    assert interest.vector == pytest.approx(segmented(mean[None])[0], abs=1e-4)
    assert set(interest.items) == set(weights)


def cone(centre, count, seed, spread=0.2):
    """Unit vectors near a direction."""
    rows = centre + spread * np.random.default_rng(seed).normal(size=(count, 4)) / 2
    return [fused(row, NO_TEXT) for row in rows]


def test_two_tastes_are_two_interests_and_one_taste_is_one():
    east = {f"east{n}": row for n, row in enumerate(cone(EAST, 6, 1))}
    north = {f"north{n}": row for n, row in enumerate(cone(NORTH, 3, 2))}
    settled = PLAIN.model_copy(update={"half_life": 1e6})
    mixed = did("east0", "north0", "east1", "east2", "north1", "east3", "north2", "east4", "east5")
    first, second = interests(mixed, east | north, SPACE, settled)
    assert set(first.items) == set(east)
    assert set(second.items) == set(north)
    assert [first.weight, second.weight] == pytest.approx([6 / 9, 3 / 9], abs=1e-4)
    (only,) = interests(did(*east), east, SPACE, settled)
    assert set(only.items) == set(east)


def test_the_heaviest_tastes_are_kept_and_share_the_history():
    east = {f"east{n}": row for n, row in enumerate(cone(EAST, 3, 1))}
    north = {f"north{n}": row for n, row in enumerate(cone(NORTH, 2, 2))}
    vectors = east | north | {"stray": fused([0, 0, 1, 0])}
    settled = PLAIN.model_copy(update={"half_life": 1e6, "interests": 2})
    heaviest = interests(did("stray", "east0", "north0", "east1", "north1", "east2"), vectors, SPACE, settled)
    assert [set(interest.items) for interest in heaviest] == [set(east), set(north)]
    assert [interest.weight for interest in heaviest] == pytest.approx([3 / 5, 2 / 5], abs=1e-4)


def test_what_is_liked_most_comes_first_among_the_items_of_an_interest():
    vectors = {f"i{n}": row for n, row in enumerate(cone(EAST, 3, 3, spread=0.01))}
    events = [*did("i0"), *did("i1", kind="purchase"), *did("i2")]
    (interest,) = interests(events, vectors, SPACE, PLAIN)
    assert interest.items == ("i1", "i0", "i2")  # 1, 3/√2, 1/2


def scores(interest, rows):
    return {name: rows[:, span] @ interest.vector[span] for name, span in SPANS.items()}


likings = st.lists(st.sampled_from(ITEMS[1:8]), min_size=1, max_size=8)


def with_and_without(vectors, likes, disliked):
    """The interest without the newest event, which is a dislike, and with it; all events count alike."""
    ageless = JOINED.model_copy(update={"half_life": 1e9})
    liked = did(*likes)
    (before,) = interests(liked, vectors, SPACE, ageless)
    after = interests([*did(disliked, kind="dislike"), *liked], vectors, SPACE, ageless)
    return before, after


@laws
@given(catalogues, likings, st.sampled_from(ITEMS[8:]))
def test_a_dislike_lowers_its_item_but_never_below_zero(vectors, likes, disliked):
    before, after = with_and_without(vectors, likes, disliked)
    row = vectors[disliked][None]
    was = scores(before, row)
    now = scores(after[0], row) if after else {name: np.zeros(1) for name in SPANS}
    for name in SPANS:
        if was[name][0] <= 0:  # nothing in common, so it stays as it is
            assert now[name] == pytest.approx(was[name], abs=1e-6)
        else:
            assert -1e-6 <= now[name][0] < was[name][0] + 1e-6


@laws
@given(catalogues, likings, st.integers(0, 1000))
def test_of_two_items_liked_equally_the_one_more_like_the_dislike_falls_below(vectors, likes, seed):
    span = SPANS["image"]
    taste = sum(vectors[item][span] for item in likes)
    disliked = max(ITEMS[8:], key=lambda item: float(vectors[item][span] @ taste))
    before, after = with_and_without(vectors, likes, disliked)
    assume(after)
    direction, away = before.vector[span].astype(float), vectors[disliked][span].astype(float)
    assume(direction @ away > 0.05)
    # two items of equal score: one is the other mirrored at the direction of the interest
    drawn_item = np.random.default_rng(seed).normal(size=4)
    along = (drawn_item @ direction) * direction / (direction @ direction)
    mirrored = 2 * along - drawn_item
    more, less = (drawn_item, mirrored) if drawn_item @ away > mirrored @ away else (mirrored, drawn_item)
    assume((more - less) @ away > 0.05)
    now = after[0].vector[span]
    assert more @ direction == pytest.approx(less @ direction, abs=1e-5)
    assert more @ now < less @ now


def test_a_dislike_is_taken_from_the_interest_nearest_to_it_only():
    vectors = {"east": fused(EAST), "north": fused(NORTH), "north-east": fused(0.4 * EAST + NORTH)}
    likes = did("east", "east", "north", "north")
    events = [*did("north-east", kind="dislike"), *likes]
    ageless = PLAIN.model_copy(update={"half_life": 1e9})
    before = {interest.items: interest.vector for interest in interests(likes, vectors, SPACE, ageless)}
    after = {interest.items: interest.vector for interest in interests(events, vectors, SPACE, ageless)}
    assert np.array_equal(after["east",], before["east",])
    assert after["north",] @ vectors["north-east"] < before["north",] @ vectors["north-east"]


def test_a_dislike_as_strong_as_the_like_of_the_same_thing_leaves_no_interest():
    vectors = {"a": fused(EAST), "twin": fused(EAST)}
    events = [*did("twin", kind="dislike"), *did("a")]
    assert interests(events, vectors, SPACE, PLAIN) == []


def test_places_go_by_weight_and_everyone_has_one():
    assert places([1.0]) == [10]
    assert places([0.5, 0.5]) == [5, 5]
    # each has one. The other eight go by w / (2 · places + 1): 0.8/3, 0.8/5, 0.8/7, 0.8/9, 0.8/11 = 0.073,
    # then 0.2/3 = 0.067, 0.8/13, 0.8/15
    assert places([0.8, 0.2]) == [8, 2]
    assert places([1.0, 1e-9, 1e-9]) == [8, 1, 1]


def test_interests_are_scaled_to_the_level_of_the_heaviest_ones_last_place():
    # nine places and one: the ninth best of the first is 0.2, the best of the second 0.05
    first = np.arange(10, dtype=np.float32)[::-1] / 10 + 0.1
    second = np.array([0.05, 0.01, *[0.0] * 8], dtype=np.float32)
    assert places([0.97, 0.03]) == [9, 1]
    assert factors([first, second], [0.97, 0.03]) == pytest.approx([1.0, 4.0])


def test_scores_that_are_not_over_zero_are_left_as_they_are():
    assert factors(np.float32([[-0.1, -0.4], [-0.3, -0.2]]), [0.6, 0.4]) == [1.0, 1.0]
    assert factors([np.float32([]), np.float32([0.5])], [0.5, 0.5]) == [1.0, 1.0]


@given(catalogues, st.lists(st.floats(0.01, 1), min_size=1, max_size=4))
def test_the_heaviest_interest_is_not_scaled(vectors, weights):
    scores = np.abs(list(vectors.values()))[:, : len(weights)].T
    assert factors(scores, weights)[int(np.argmax(weights))] == pytest.approx(1)
