"""Lists of cards, one for each group: equal to the ungrouped list folded, whatever the list is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ranking.planted import INFO, SPACE, PlantedEmbedder
from vlclip.engine.filters import parse_json
from vlclip.engine.opening.stores import open_on, open_store
from vlclip.engine.settings import Hnsw, Server
from vlclip.engine.store.server.shelf import ServerShelf, connect
from vlclip.engine.store.store import Point, Store
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.arm import arm_of
from vlclip.ranking.lists.grouping import best_of_groups
from vlclip.ranking.lists.profile import places
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search
from vlclip.service.settings import Settings

NOW = 1_700_000_000.0
ANNA = "user:anna"
SIZES = {
    "small groups": [1, 2, 3, 7] * 20 + [0] * 20,
    "one large group": [600, 150, 150] + [1] * 60 + [0] * 20,
    "groups of thirty": [30] * 12 + [0] * 5,
}
"""Sizes of the groups of each store; 0 is an item without a group."""
SERVER = "small groups on a server"
COLOURS, LETTERS = ("red", "green", "blue"), ("S", "M", "L")
SETTINGS = Search(lexical_weight=0.5, history_weight=0.4, max_limit=2000, pool=10)


def grouped_points(sizes: list[int]) -> list[Point]:
    """Variants like one another, in every other group with equal vectors and words."""
    rng = np.random.default_rng(sum(sizes))
    points = []
    for number, size in enumerate(sizes):
        count = max(1, size)
        noise = 0.5 * (number % 2) * rng.normal(size=(count, 24))
        values = (rng.normal(size=24) + noise).astype(np.float32)
        vectors = SPACE.item_vectors({"image": values[:, :16], "text": values[:, 16:]}, count)
        for n in range(count):
            colour = COLOURS[(number + n * (number % 2)) % 3]
            payload = {
                "colour": colour, "size": LETTERS[n % 3], "available": n % 4 > 0, "popularity": float(n % 5),
                "price": float(number + n),
            } | ({"group": f"g{number}"} if size else {})  # fmt: skip
            points.append(Point(f"p{number}-{n}", vectors[n], f"{colour} thing number{number}", payload))
    return points


@pytest.fixture(scope="module", params=[*SIZES, SERVER])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened: Store
    if request.param == SERVER:
        shelf = ServerShelf(connect(":memory:", Server()), Server(), Hnsw())
        opened = open_on(shelf, "here", INFO)
    else:
        opened = open_store(str(tmp_path_factory.mktemp("store")), Settings.load(), INFO)
    opened.upsert(grouped_points(SIZES.get(request.param, SIZES["small groups"])))
    opened.optimize()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def everything(store: Store) -> int:
    return store.count()


@pytest.fixture
def history():
    events = SqliteHistory(None)
    yield events
    events.close()


@pytest.fixture
def shop(store, history):
    return Recommender(store, PlantedEmbedder, SETTINGS, history, lambda: NOW)


def did(history, *events):
    history.add(
        [
            Event(id=f"e{n}", kind=kind, item=item, time=NOW - 60 * (n + 1), user="anna")
            for n, (kind, item) in enumerate(events)
        ]
    )


def ask(shop, kind, arm=None, **page):
    more = {"page": Page(**page)} | ({"arm": arm} if arm else {})
    match kind:
        case "similar":
            return shop.similar("p1-0", **more)
        case "words":
            return shop.search("red thing number3", **more)
        case "a photo":
            return shop.search(photo=object(), **more)
        case "for anna":
            return shop.recommend(ANNA, **more)
    return shop.recommend("user:nobody", **more)


def group(result):
    return result.item.get("group", result.id)


def cards_of(answer):
    """Groups and scores; of variants that tie, an engine's last digits decide which is first."""
    return [(group(result), pytest.approx(result.score, abs=1e-4)) for result in answer]


def folded(answer, hidden=()):
    """The rule in plain code."""
    best = {}
    for result in answer:
        if group(result) not in hidden:
            best.setdefault(group(result), result)
    return list(best.values())


KINDS = st.sampled_from(["similar", "words", "a photo", "for anna", "for nobody"])
FILTERS = st.sampled_from(
    [{}, {"size": "M"}, {"colour": "red"}, {"available": True}, {"price": {"lt": 40}}, {"size": ["S", "L"]}]
)
BOOSTS = [
    {"field": "popularity", "weight": 0.2, "half": 2},
    {"field": "available", "weight": 0.1, "shape": "flag"},
]
RULES = st.sampled_from([{}, {"rules": {"boosts": BOOSTS}}, {"rules": {"include": ["available=true"]}}])
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=12), st.integers(0, 12))
def test_the_best_of_each_group_is_kept_and_what_is_below_changes_nothing(groups, cut):
    payloads = [{"group": group} if group else {} for group in groups]
    rows = best_of_groups(payloads)
    assert rows == [n for n, group in enumerate(groups) if not group or group not in groups[:n]]
    assert [row for row in rows if row < cut] == best_of_groups(payloads[:cut])


@quick
@given(KINDS, FILTERS, RULES, st.integers(1, 30), st.integers(0, 40))
def test_a_page_of_cards_is_that_part_of_the_ungrouped_list_folded(
    shop, history, everything, kind, filter, rules, limit, offset
):
    did(history, ("view", "p3-0"))
    arm, where = arm_of(rules, "test"), parse_json(filter)
    whole = ask(shop, kind, arm, limit=everything, filter=where, group_by="none")
    hidden = {"similar": {"g1"}, "for anna": {"g3"}}.get(kind, ())
    cards = folded(whole, hidden)
    page = ask(shop, kind, arm, limit=limit, offset=offset, filter=where)
    assert cards_of(page) == cards_of(cards[offset : offset + limit])
    assert all(sum(result.parts.values()) == pytest.approx(result.score) for result in page)
    for result in page:  # the card shows a variant that fits
        assert filter.get("size", result.item["size"]) in (result.item["size"], ["S", "L"])
        assert filter.get("colour", result.item["colour"]) == result.item["colour"]


KNOBS = [
    {"diversity": {"amount": 0.4, "window": 12}},
    {"exploration": {"temperature": 0.2, "depth": 10}},
    {"diversity": {"at_most": {"colour": 9}}},
    {
        "diversity": {"amount": 0.3, "window": 10, "at_most": {"colour": 12}},
        "exploration": {"temperature": 0.1},
    },
    {"rules": {"boosts": BOOSTS, "pins": ["p2-1", "p4-0", "p9-0"]}},
]


@pytest.mark.parametrize("knobs", KNOBS)
@pytest.mark.parametrize("kind", ["similar", "words", "for nobody"])
def test_pages_repeat_and_skip_no_group_whatever_the_arm(shop, everything, knobs, kind):
    arm = arm_of(knobs, "test")
    whole = [result.id for result in ask(shop, kind, arm, limit=everything)]
    groups = [group(result) for result in ask(shop, kind, arm, limit=everything)]
    assert len(set(groups)) == len(groups)
    walked: list[str] = []
    for limit in (3, 8, 13, 20):
        walked += [result.id for result in ask(shop, kind, arm, limit=limit, offset=len(walked))]
    assert walked == whole[: len(walked)]
    assert len(walked) == min(44, len(whole))
    if "at_most" not in knobs.get("diversity", {}):
        every = folded(
            ask(shop, kind, limit=everything, group_by="none"), {"g1"} if kind == "similar" else ()
        )
        assert len(groups) == len(every)


def test_diversity_and_chance_choose_among_cards(shop):
    arm = arm_of({"exploration": {"temperature": 0.3, "depth": 10}}, "test")
    plain = ask(shop, "similar", limit=10)
    drawn = ask(shop, "similar", arm, limit=10)
    assert [item for item, _ in drawn.explored] == [result.id for result in plain]
    assert {result.id for result in drawn} == {result.id for result in plain}
    assert np.prod([result.propensity for result in drawn]) < 1
    varied = ask(shop, "similar", limit=10, diversity=0.5)
    assert len({group(result) for result in varied}) == 10


def test_the_request_overrules_the_arm_and_the_arm_the_settings(store):
    def is_grouped(setting, of_arm, of_request):
        shop = Recommender(store, PlantedEmbedder, SETTINGS.model_copy(update={"group_by": setting}))
        arm = arm_of({"rules": {"group_by": of_arm} if of_arm else {}}, "test")
        answer = shop.similar("p1-0", page=Page(limit=400, group_by=of_request), arm=arm)
        assert answer.has_groups
        groups = [group(result) for result in answer]
        return len(set(groups)) == len(groups)

    for setting in ("group", "none"):
        for of_arm in ("group", "none", None):
            for of_request in ("group", "none", None):
                assert is_grouped(setting, of_arm, of_request) == (
                    (of_request or of_arm or setting) == "group"
                )


def test_an_excluded_item_stands_for_nothing_and_its_group_is_shown_by_another(shop):
    first = ask(shop, "a photo", limit=50)
    card = next(result for result in first if result.variants and result.variants.count > 1)
    again = ask(shop, "a photo", limit=50, exclude=[card.id])
    assert card.id not in {result.id for result in again}
    other = next(result for result in again if group(result) == group(card))
    assert other.id in card.variants.ids
    assert ask(shop, "a photo", filter=parse_json({"group": {"not": group(card)}})).results
    assert group(card) not in map(
        group, ask(shop, "a photo", limit=50, filter=parse_json({"group": {"not": group(card)}}))
    )


@pytest.mark.parametrize(
    ("rules", "hidden"),
    [
        ({"hide_history": False}, set()),
        ({"hide_history": True}, {"g0", "g1", "g2"}),
        ({"hide_history": False, "hide_bought": True}, {"g1"}),
        ({"hide_history": False, "hide_seen": 2}, {"g2"}),
    ],
)
def test_what_a_shopper_did_hides_the_other_variants_as_the_rules_hide_the_item(
    shop, history, everything, rules, hidden
):
    did(
        history, ("purchase", "p1-0"), ("view", "p2-1"), ("click", "p2-1"), ("view", "p0-0"), ("view", "gone")
    )
    arm = arm_of({"rules": rules}, "test")
    groups = {group(result) for result in ask(shop, "for anna", arm, limit=everything)}
    assert {"g0", "g1", "g2"} - groups == hidden
    ungrouped = ask(shop, "for anna", arm, limit=everything, group_by="none")
    item_of = {"g0": "p0-0", "g1": "p1-0", "g2": "p2-1"}
    assert {item_of[name] for name in hidden}.isdisjoint(result.id for result in ungrouped)


def test_a_shoppers_interests_share_the_first_cards_by_their_weights(tmp_path, history):
    """One interest has products with many variants, the other has products without any."""
    rng = np.random.default_rng(5)
    points = []
    for number in range(32):
        size = 20 if number < 12 else 1
        values = np.zeros(24) + 0.3 * rng.normal(size=24)
        values[[0, 16] if size > 1 else [1, 17]] += 3
        vector = SPACE.item_vectors({"image": values[None, :16], "text": values[None, 16:]}, 1)[0]
        points += [Point(f"p{number}-{n}", vector, "", {"group": f"g{number}"}) for n in range(size)]
    did(history, ("view", "p0-0"), ("view", "p31-0"))
    opened = open_store(str(tmp_path), Settings.load(), INFO)
    try:
        opened.upsert(points)
        shop = Recommender(opened, PlantedEmbedder, SETTINGS, history, lambda: NOW)
        answer = shop.recommend(ANNA, page=Page(limit=10))
        shares = [sum(int(group(result)[1:]) < 12 for result in answer)]
        shares.append(10 - shares[0])
        assert len(answer.tastes) == 2
        assert shares == places([taste.weight for taste in answer.tastes])
    finally:
        opened.close()


def test_a_pin_stands_for_its_group(shop, everything):
    arm = arm_of({"rules": {"pins": ["p2-1", "p9-0"]}}, "test")
    answer = ask(shop, "a photo", arm, limit=everything)
    assert [result.id for result in answer[:2]] == ["p2-1", "p9-0"]
    assert len({group(result) for result in answer}) == len(answer)


def test_a_store_without_groups_is_ranked_as_ever(tmp_path):
    points = [Point(p.id, p.vector, p.lexical, {**p.payload}) for p in grouped_points([1, 3, 2, 4])]
    for point in points:
        point.payload.pop("group", None)
    opened = open_store(str(tmp_path), Settings.load(), INFO)
    try:
        opened.upsert(points)
        shop = Recommender(opened, PlantedEmbedder, SETTINGS)
        answer = shop.similar("p1-0", page=Page(limit=50, group_by="group"))
        assert len(answer) == len(points) - 1
        assert not answer.has_groups
        assert all(result.variants is None for result in answer)
    finally:
        opened.close()


def test_a_field_group_that_is_no_text_groups_nothing(tmp_path):
    points = [
        Point(p.id, p.vector, p.lexical, {**p.payload, "group": ["men", "all"]}) for p in grouped_points([4])
    ]
    opened = open_store(str(tmp_path), Settings.load(), INFO)
    try:
        opened.upsert(points)
        shop = Recommender(opened, PlantedEmbedder, SETTINGS)
        assert len(shop.similar("p0-0", page=Page(limit=50))) == len(points) - 1
    finally:
        opened.close()
