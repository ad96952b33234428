"""The laws of `ranking/history/history.py`, for every store, each compared with a plain list of events."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.redis_server import redis_server
from vlclip.ranking.errors import HistoryError
from vlclip.ranking.history.batch import EventBatch
from vlclip.ranking.history.event_kinds import EVENT_KINDS
from vlclip.ranking.history.events import MAX_ID, Event
from vlclip.ranking.history.history import Added, BulkHistory
from vlclip.ranking.history.redis import RedisHistory
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.settings import DAY_S

lasting = pytest.mark.parametrize("place", ["sqlite", "redis"], indirect=True)
"""Stores that outlive their process."""
Open = Callable[..., BulkHistory]
"""Opens the same history at every call; arguments go to the store."""
FEW = settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["sqlite", "memory", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Open]]:
    """Each call gives a way to open a new, empty history."""
    numbers, opened = itertools.count(), []
    url = request.getfixturevalue("server") if request.param == "redis" else ""

    def new() -> Open:
        name = f"{tmp_path.name}-{next(numbers)}"

        def open_it(**options) -> BulkHistory:
            if request.param == "redis":
                history = RedisHistory(url, f"{name}:", **options)
            else:
                file = tmp_path / f"{name}.sqlite" if request.param == "sqlite" else None
                history = SqliteHistory(file, **options)
            opened.append(history)
            return history

        return open_it

    yield new
    for history in opened:
        history.close()


@pytest.fixture
def history(place: Callable[[], Open]) -> BulkHistory:
    return place()()


def event(id, user="ann", time=1.0, *, kind="view", item="shoe", **fields) -> Event:
    return Event(id=str(id), kind=kind, item=item, time=time, user=user, **fields)


def newest(events: list[Event]) -> list[Event]:
    """The rule in plain code: later times first, of equal times the one sent last."""
    order = sorted(enumerate(events), key=lambda entry: (entry[1].time, entry[0]), reverse=True)
    return [entry for _, entry in order]


def distinct(events: list[Event]) -> list[Event]:
    """The first event of each unit, kind and id, in the order they were sent."""
    first: dict[tuple[str, str, str], Event] = {}
    for event in events:
        first.setdefault((event.unit, event.kind, event.id), event)
    return list(first.values())


def contents(history: BulkHistory, **before) -> dict[str, list[Event]]:
    sequences = list(history.sequences(**before))
    assert len(dict(sequences)) == len(sequences), "a unit came twice"
    return dict(sequences)


texts = st.sampled_from(["a", "b", "ß", "鞋", "👟 x", "user:a", 'it\'s %s "{}"', "x" * MAX_ID])
times = st.sampled_from([0.0, 1.0, 1.5, 2.0, 1e9 + 1 / 3, 99_999_999_999.0])
events = st.builds(
    Event,
    id=st.integers(0, 30).map(str) | texts,
    kind=st.sampled_from(sorted(EVENT_KINDS)),
    item=texts,
    time=times,
    user=st.just("") | texts,
    session=texts,
    request_id=st.just("") | texts,
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
batches = st.lists(st.lists(events, max_size=12), max_size=5)


# adding


@given(batches)
@FEW
def test_an_event_is_kept_once_and_as_it_came_in_whatever_batches_it_is_sent(place, sent):
    history = place()()
    flat = list(itertools.chain(*sent))
    stored = distinct(flat)
    assert sum(history.add(batch) for batch in sent) == len(stored)
    assert history.add(flat) == 0
    assert history.count() == len(stored)
    by_unit: dict[str, list[Event]] = {}
    for event in reversed(newest(stored)):
        by_unit.setdefault(event.unit, []).append(event)
    assert contents(history) == by_unit


@FEW
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("uv"), st.integers(0, 9)), max_size=8))
def test_events_as_columns_are_added_as_events_are(place, forms):
    events = [event(name, user, time, request_id="r" * (time % 2), value=0.5) for name, user, time in forms]
    columns = {field.name: [getattr(each, field.name) for each in events] for field in fields(EventBatch)}
    one_by_one, at_once = place()(), place()()
    assert at_once.add_batch(EventBatch(**columns)) == one_by_one.add(events)
    assert contents(at_once) == contents(one_by_one)
    assert at_once.add_batch(EventBatch(**columns)) == 0
    assert at_once.largest_batch >= 1000


def test_nothing_is_a_batch_too(history):
    assert history.add([]) == 0
    assert history.count() == 0
    assert contents(history) == {}


def test_nobody_can_take_the_id_of_another_users_or_kinds_event(history):
    claimed = [event("order-1042", "eve", kind="purchase"), event("order-1042", kind="view")]
    bought = event("order-1042", kind="purchase", item="hat", time=2.0)
    assert history.add(claimed) == 2
    assert history.add_groups([[bought], [event("order-1042", kind="purchase", time=3.0)]]) == [
        Added(new=1), Added(repeated=1)
    ]  # fmt: skip
    assert contents(history) == {"user:eve": [claimed[0]], "user:ann": [claimed[1], bought]}


@given(batches)
@FEW
def test_of_each_group_it_is_said_what_was_new_and_what_was_repeated(place, groups):
    at_once, singly = place()(), place()()
    outcomes = at_once.add_groups(groups)
    assert [outcome.new for outcome in outcomes] == [singly.add(group) for group in groups]
    assert [outcome.new + outcome.repeated for outcome in outcomes] == [len(group) for group in groups]
    assert contents(at_once) == contents(singly)
    again = at_once.add_groups(groups)
    assert again == [Added(repeated=len(group)) for group in groups]


@given(batches, times)
@FEW
def test_what_is_removed_after_a_time_is_gone_and_the_rest_stays(place, sent, after):
    history = place()()
    for batch in sent:
        history.add(batch)
    late = [event for event in distinct([*itertools.chain(*sent)]) if event.time > after]
    before = contents(history, before=math.nextafter(after, math.inf))
    assert history.count_after(after) == history.remove_after(after) == len(late)
    assert history.count_after(after) == history.remove_after(after) == 0
    assert contents(history) == before


def test_a_batch_of_thousands_is_kept(history):
    sent = [event(n, f"user {n % 7}", float(n)) for n in range(6001)]
    assert history.add(sent) == 6001
    assert history.count() == 6001
    assert sorted(itertools.chain(*contents(history).values()), key=lambda stored: stored.time) == sent


def test_items_nobody_knows_and_long_unicode_ids_are_kept(history):
    name = "ÿ👟" * (MAX_ID // 2)
    odd = event(name, name, item=name, session=name, request_id=name)
    history.add([odd])
    assert history.recent(odd.unit, 10) == [odd]
    assert history.clicked([name]) == {name: [odd]}
    assert history.popular({"view": 1}, 10) == {name: 1.0}
    assert history.forget(odd.unit) == 1


def test_a_user_and_a_session_of_one_name_are_two_units(history):
    user, session = event(1, "ann"), event(2, "", session="ann")
    history.add([user, session])
    assert contents(history) == {"user:ann": [user], "session:ann": [session]}


def test_threads_that_add_the_same_events_at_once_keep_each_once(history):
    sent = [event(n, f"user {n % 3}", float(n % 10)) for n in range(300)]
    new = []

    def add(order: range) -> None:
        new.extend(history.add([sent[n] for n in order[i : i + 30]]) for i in range(0, 300, 30))

    threads = [threading.Thread(target=add, args=[order]) for order in (range(300), range(299, -1, -1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(new) == history.count() == 300
    assert sorted(stored.id for stored in itertools.chain(*contents(history).values())) == sorted(
        stored.id for stored in sent
    )


@lasting
def test_another_instance_sees_what_is_added_and_it_is_there_when_opened_again(place):
    open_it = place()
    first, second = open_it(), open_it()
    first.add([event(1)])
    assert second.recent("user:ann", 5) == [event(1)]
    assert second.add([event(1), event(2, time=2.0)]) == 1
    first.close()
    second.close()
    assert contents(open_it()) == {"user:ann": [event(1), event(2, time=2.0)]}


ANOTHER_PROCESS = """
import sys
from pathlib import Path
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.redis import RedisHistory
from vlclip.ranking.history.sqlite import SqliteHistory

where, prefix = sys.argv[1:]
history = RedisHistory(where, prefix) if prefix else SqliteHistory(Path(where))
assert [one.id for one in history.recent("user:ann", 5)] == ["1"]
history.add([Event(id="2", kind="view", item="hat", time=2.0, user="ann")])
"""


@lasting
def test_another_process_sees_and_adds_events(place, request, tmp_path):
    history = place()()
    history.add([event(1)])
    if "redis" in request.node.callspec.id:
        where = [request.getfixturevalue("server"), f"{tmp_path.name}-0:"]
    else:
        where = [str(tmp_path / f"{tmp_path.name}-0.sqlite"), ""]
    subprocess.run([sys.executable, "-c", ANOTHER_PROCESS, *where], check=True)
    assert history.recent("user:ann", 5) == [event(2, time=2.0, item="hat"), event(1)]


# reading


@given(
    st.lists(st.sampled_from([1.0, 2.0, 3.0]), max_size=20),
    st.integers(0, 21),
    st.sampled_from([None, 2.0, 9.0]),
)
@FEW
def test_recent_gives_the_newest_first_of_equal_times_the_one_sent_last(place, sent, limit, before):
    history = place()()
    mine = [event(n, time=moment) for n, moment in enumerate(sent)]
    history.add(mine)
    history.add([event("other", "bob", 2.5)])
    right = [late for late in newest(mine) if before is None or late.time < before][:limit]
    assert history.recent("user:ann", limit, before=before) == right


def test_of_a_unit_without_events_there_is_nothing(history):
    history.add([event(1)])
    assert history.recent("user:nobody", 10) == []
    assert history.recent("", 10) == []
    assert history.recent("user:ann", 0) == []


def test_popular_is_the_sum_of_the_weights_by_kind(history):
    history.add([
        event(1, item="shoe"), event(2, "bob", item="shoe"), event(3, item="hat", kind="purchase"),
        event(4, item="bag", kind="cart"), event(5, item="bag", kind="dislike"),
        event(6, item="tie", kind="dislike"), event(7, item="cap", kind="click"),
    ])  # fmt: skip
    weights = {"view": 1.5, "purchase": 3.0, "cart": 2.0, "dislike": -2.0}
    # hat 3; shoe 1.5 + 1.5; not over 0: bag 2 - 2, tie -2, and cap, whose kind has no weight
    assert list(history.popular(weights, 10).items()) == [("hat", 3.0), ("shoe", 3.0)]
    assert history.popular(weights, 1) == {"hat": 3.0}
    assert history.popular(weights, 0) == {}
    assert history.popular({}, 10) == {}


@given(
    batches,
    st.dictionaries(st.sampled_from(sorted(EVENT_KINDS)), st.sampled_from([-2.0, 0.1, 0.3, 1, 3])),
    st.integers(0, 6),
    st.sampled_from([0.0, 1.5]),
    st.sampled_from([None, 2.0]),
)
@FEW
def test_popular_is_a_plain_sum_over_the_events_of_that_time(place, sent, weights, limit, since, before):
    history = place()()
    for batch in sent:
        history.add(batch)
    sums: dict[str, float] = {}
    counted = [
        event
        for event in distinct([*itertools.chain(*sent)])
        if since <= event.time < (before or float("inf"))
    ]
    for item in {event.item for event in counted}:
        sums[item] = 0.0
        for kind, weight in weights.items():
            sums[item] += weight * sum(event.item == item and event.kind == kind for event in counted)
    ranked = sorted((item for item in sums if sums[item] > 0), key=lambda item: (-sums[item], item))
    popular = history.popular(weights, limit, since=since, before=before)
    assert list(popular.items()) == [(item, sums[item]) for item in ranked[:limit]]


def test_sequences_before_a_time_have_no_later_event_and_no_empty_unit(history):
    history.add([event(1, time=3.0), event(2, time=1.0), event(3, "bob", 2.0), event(4, "eve", 3.0)])
    # of equal times the one sent first comes first
    history.add([event(0, time=1.0)])
    assert contents(history, before=3.0) == {
        "user:ann": [event(2, time=1.0), event(0, time=1.0)],
        "user:bob": [event(3, "bob", 2.0)],
    }


def test_events_can_be_added_while_sequences_are_read(history):
    history.add([event(n, f"user {n}") for n in range(20)])
    for unit, sequence in history.sequences():
        history.add([event(f"{unit} again", unit.removeprefix("user:"), 2.0) for _ in sequence])
    assert history.count() == 40


def test_clicked_gives_the_events_that_came_of_these_lists(history):
    first = event(1, time=2.0, request_id="r1", kind="click")
    second = event(2, "bob", 1.0, request_id="r1", kind="purchase", value=9.5)
    third = event(3, request_id="r2", kind="click")
    history.add([first, second, third, event(4, time=2.0), event(5, request_id="r3")])
    assert history.clicked(["r2", "none", "", "r1"]) == {"r2": [third], "r1": [second, first]}
    assert history.clicked([]) == {}


def test_clicked_takes_thousands_of_lists(history):
    history.add([event(n, request_id=f"r{n}") for n in range(0, 3000, 7)])
    clicks = history.clicked([f"r{n}" for n in range(3000)])
    assert list(clicks) == [f"r{n}" for n in range(0, 3000, 7)]


# removing


@given(batches)
@FEW
def test_a_forgotten_unit_has_no_events_and_the_others_keep_theirs(place, sent):
    history = place()()
    for batch in sent:
        history.add(batch)
    before = contents(history)
    lists = sorted({event.request_id for event in itertools.chain(*before.values())})
    for unit in list(before)[::2]:
        assert history.forget(unit) == len(before.pop(unit))
        assert history.forget(unit) == 0
        assert history.recent(unit, 10) == []
    assert contents(history) == before
    assert history.count() == sum(map(len, before.values()))
    units = {event.unit for clicks in history.clicked(lists).values() for event in clicks}
    assert units <= set(before)


@lasting
def test_a_forgotten_unit_stays_forgotten_when_the_history_is_opened_again(place):
    open_it = place()
    history = open_it()
    history.add([event(1, request_id="r"), event(2, "bob")])
    assert history.forget("user:ann") == 1
    history.close()
    again = open_it()
    assert contents(again) == {"user:bob": [event(2, "bob")]}
    assert again.clicked(["r"]) == {}
    # a unit that comes back starts anew
    assert again.add([event(1)]) == 1


@given(batches, times)
@FEW
def test_what_is_expired_is_gone_and_the_rest_stays(place, sent, before):
    history = place()()
    for batch in sent:
        history.add(batch)
    stored = distinct([*itertools.chain(*sent)])
    late = [event for event in stored if event.time >= before]
    assert history.expire(before) == len(stored) - len(late)
    assert history.expire(before) == 0
    assert history.count() == len(late)
    assert sorted(event.id for event in itertools.chain(*contents(history).values())) == sorted(
        event.id for event in late
    )


def test_events_older_than_the_retention_are_not_kept(place):
    now = time.time()
    history = place()(retention_days=10)
    old, young = event(1, time=now - 11 * DAY_S), event(2, time=now - 9 * DAY_S, request_id="r")
    assert history.add([old, young]) == 1
    assert contents(history) == {"user:ann": [young]}
    assert history.clicked(["r"]) == {"r": [young]}
    assert history.popular({"view": 1.0}, 5) == {"shoe": 1.0}


def test_events_that_become_too_old_are_removed_when_others_come(place):
    start = time.time()
    now = [start]
    history = place()(retention_days=10, clock=lambda: now[0])
    history.add([event(1, time=start), event(2, "bob", time=start)])
    pass_days(history, now, 11)
    late = event(3, time=now[0])
    history.add([late])
    assert history.recent("user:ann", 5) == [late]
    assert history.count() == 1


def pass_days(history: BulkHistory, now: list[float], days: int) -> None:
    """Time goes by while the history is in use."""
    for _ in range(days):
        now[0] += DAY_S
        assert history.clock_warning == ""


@pytest.mark.parametrize("leap", [400 * DAY_S, 1.01 * DAY_S, -400 * DAY_S])
def test_a_clock_that_leaps_removes_nothing_until_it_is_right_again_or_confirmed(place, leap):
    start = time.time()
    now = [start]
    history = place()(retention_days=10, clock=lambda: now[0])
    border = event(1, time=start - 9.5 * DAY_S)
    history.add([border, event(2, "bob", time=start)])
    assert history.clock_warning == ""
    now[0] += leap
    before = history.oldest
    assert before <= start - 10 * DAY_S
    assert history.add([event(3, time=start)]) == 1
    assert history.recent("user:ann", 5)[-1] == border
    assert history.count() == 3
    assert "history-clock --confirm" in history.clock_warning
    now[0] -= leap
    assert history.clock_warning == ""
    assert history.count() == 3
    now[0] += leap
    assert history.clock_warning
    history.confirm_clock()
    assert history.clock_warning == ""
    assert history.oldest == now[0] - 10 * DAY_S
    if leap > 0:
        assert history.add([event(4, time=now[0])]) == 1
        assert border not in history.recent("user:ann", 5)


@lasting
def test_a_leap_while_the_history_was_closed_is_one_too(place):
    now = [time.time()]
    open_it = place()
    open_it(retention_days=10, clock=lambda: now[0]).add([event(1, time=now[0])])
    now[0] += 30 * DAY_S
    again = open_it(retention_days=10, clock=lambda: now[0])
    assert again.add([event(2, "bob", time=now[0])]) == 1
    assert again.count() == 2
    assert "30.0 days after" in again.clock_warning
    again.confirm_clock()
    third = open_it(retention_days=10, clock=lambda: now[0])
    assert third.clock_warning == ""
    assert third.oldest == now[0] - 10 * DAY_S


# closing


def test_closing_twice_is_as_once(history):
    history.close()
    history.close()


def test_ids_that_are_no_text_are_refused(history):
    with pytest.raises(HistoryError, match="not text"):
        history.recent("user:\ud800", 5)
    with pytest.raises(HistoryError, match="not text"):
        history.clicked(["\ud800"])
