"""The laws of the Redis history alone: keys that expire, a full memory, a server that is down."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest
from redis import Redis

from tests.contract.redis_server import redis_server
from vlclip.ranking.errors import HistoryError
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.history import Added
from vlclip.ranking.history.redis import RedisHistory
from vlclip.ranking.settings import DAY_S


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with redis_server(tmp_path_factory.mktemp("redis"), "--requirepass", "hush") as url:
        yield url.replace("//", "//:hush@")


@pytest.fixture
def keys(server):
    with closing(Redis.from_url(server, decode_responses=True)) as client:
        client.config_set("maxmemory", 0)
        client.flushall()
        yield client


def event(id, user="ann", time=1.0, **fields):
    return Event(id=str(id), kind="view", item="shoe", time=time, user=user, **fields)


def test_with_a_retention_every_key_of_an_event_ends_with_it(server, keys):
    now = time.time()
    with closing(RedisHistory(server, "shop:", retention_days=10)) as history:
        history.add([event(1, time=now - 3 * DAY_S, request_id="r"), event(2, time=now - DAY_S)])
        # an event that comes late does not shorten the lifetime of a key
        history.add([event(3, time=now - 5 * DAY_S)])
    left = {key: keys.ttl(key) for key in keys.keys("*")}
    lasting = {key for key, seconds in left.items() if seconds == -1}
    assert lasting == {"shop:units", "shop:seq", "shop:clock"}
    days = {key: round(seconds / DAY_S) for key, seconds in left.items() if key not in lasting}
    assert sorted(days[key] for key in days if key.startswith("shop:event:")) == [5, 7, 9]
    assert (days["shop:unit:user:ann"], days["shop:request:r"]) == (9, 7)


def test_an_event_that_has_ended_is_nowhere_although_its_name_is_left_in_a_set(server, keys):
    now = [time.time()]
    with closing(RedisHistory(server, "shop:", retention_days=10, clock=lambda: now[0])) as history:
        history.add([event(n, time=now[0] - n * DAY_S, request_id="r") for n in (1, 9)])
        oldest = keys.zrange("shop:unit:user:ann", 0, 0)[0]
        for _ in range(2):
            now[0] += DAY_S
            assert history.clock_warning == ""
        keys.delete(f"shop:event:{oldest[13:]}")  # as the server does when it expires
        assert keys.zcard("shop:unit:user:ann") == 2
        assert [stored.id for stored in history.recent("user:ann", 5)] == ["1"]
        assert [stored.id for stored in history.clicked(["r"])["r"]] == ["1"]
        assert history.popular({"view": 1.0}, 5) == {"shoe": 1.0}
        assert history.count() == 1
        assert history.forget("user:ann") == 1


def test_a_unit_whose_events_have_all_ended_is_no_longer_named(server, keys):
    now = [time.time()]
    with closing(RedisHistory(server, "shop:", retention_days=10, clock=lambda: now[0])) as history:
        history.add([event(1, "bob", now[0])])
        for _ in range(11):
            now[0] += DAY_S
            assert history.clock_warning == ""
        history.add([event(2, "ann", now[0])])
    assert keys.zrange("shop:units", 0, -1) == ["user:ann"]


def test_without_a_retention_nothing_ends(server, keys):
    with closing(RedisHistory(server, "shop:")) as history:
        history.add([event(1, request_id="r")])
    assert {keys.ttl(key) for key in keys.keys("*")} == {-1}


def test_nothing_but_the_counter_is_left_of_units_that_were_forgotten_or_expired(server, keys):
    with closing(RedisHistory(server, "shop:")) as history:
        history.add([event(1, request_id="r"), event(2), event(3, "bob", request_id="r")])
        history.forget("user:ann")
        history.expire(2.0)
    assert sorted(keys.keys("*")) == ["shop:clock", "shop:seq"]


def test_histories_of_two_prefixes_do_not_meet(server, keys):
    with closing(RedisHistory(server, "a:")) as first, closing(RedisHistory(server, "b:")) as second:
        assert first.add([event(1)]) == second.add([event(1)]) == 1
        first.forget("user:ann")
        assert second.recent("user:ann", 5) == [event(1)]


def test_a_script_the_server_has_lost_is_sent_again(server, keys):
    with closing(RedisHistory(server, "shop:")) as history:
        history.add([event(1)])
        keys.script_flush()
        assert history.add([event(1), event(2)]) == 1
        keys.script_flush()
        assert history.expire(9.0) == 2


def test_a_full_memory_takes_nothing_of_a_batch_and_goes_on_when_there_is_room(server, keys):
    with closing(RedisHistory(server, "shop:")) as history:
        history.add([event(1)])
        keys.config_set("maxmemory", 1)
        with pytest.raises(HistoryError, match=r"no memory left.*maxmemory"):
            history.add([event(2), event(3, "bob")])
        keys.config_set("maxmemory", 0)
        assert history.count() == 1
        assert history.add([event(2), event(3, "bob")]) == 2


def test_keys_of_something_else_under_the_prefix_are_named(server, keys):
    keys.set("shop:unit:user:ann", "something else")
    with (
        closing(RedisHistory(server, "shop:")) as history,
        pytest.raises(HistoryError, match=r"history\.prefix"),
    ):
        history.recent("user:ann", 5)


def test_a_wrong_password_is_not_shown(server):
    with pytest.raises(HistoryError, match="refuses the name or password") as caught:
        RedisHistory(server.replace("hush", "mumble"))
    assert "mumble" not in str(caught.value)


def test_a_server_that_goes_away_is_a_history_error_and_comes_back(tmp_path):
    with redis_server(tmp_path) as url, closing(RedisHistory(url, timeout_s=3.0)) as history:
        with closing(Redis.from_url(url)) as client:
            client.client_pause(600_000, all=False)
            with pytest.raises(HistoryError, match="does not answer"):
                history.add([event(1)])
            client.client_unpause()
        history.add([event(1)])
        assert history.recent("user:ann", 5) == [event(1)]
    with pytest.raises(HistoryError, match=r"does not answer.*history\.url"):
        history.recent("user:ann", 5)
    with pytest.raises(HistoryError, match="does not answer"):
        RedisHistory(url)


@pytest.mark.parametrize("url", ["http://localhost:1", "redis://localhost:port", "nonsense://x"])
def test_an_address_that_is_none_is_named(url):
    with pytest.raises(HistoryError, match="name redis://host:6379/0"):
        RedisHistory(url)


def test_events_of_version_1_are_read_and_known_again(server, keys):
    for n, (unit, form) in enumerate([
        ("user:ann", ["view", "shoe", 5.0, "ann", "", "r", None]),
        ("session:s", ["cart", "hat", 6.0, "", "s", "", None]),
    ]):  # fmt: skip
        keys.set(f"shop:event:order-{n}", json.dumps(form))
        member = f"{n:013x}order-{n}"
        for name in (f"unit:{unit}", *(["request:r"] if n == 0 else [])):
            keys.zadd(f"shop:{name}", {member: form[2]})
        keys.zadd("shop:units", {unit: form[2]})
    keys.set("shop:seq", 2)
    first = Event(id="order-0", kind="view", item="shoe", time=5.0, user="ann", request_id="r")
    second = Event(id="order-1", kind="cart", item="hat", time=6.0, session="s")
    with closing(RedisHistory(server, "shop:")) as history:
        assert history.recent("user:ann", 5) == [first]
        assert history.clicked(["r"]) == {"r": [first]}
        other = event("order-0", "eve", 7.0)
        outcomes = history.add_groups([[first, second], [other]])
        assert outcomes == [Added(repeated=2), Added(new=1)]
        assert dict(history.sequences()) == {
            "user:ann": [first], "session:s": [second], "user:eve": [other]
        }  # fmt: skip
        assert history.forget("user:ann") == 1
        assert history.clicked(["r"]) == {}


def test_what_the_server_would_remove_at_once_is_refused(server, keys):
    now = time.time() - 100 * DAY_S  # this machine's clock is behind
    with closing(RedisHistory(server, "shop:", retention_days=10, clock=lambda: now)) as history:
        with pytest.raises(HistoryError, match="a day ahead of this machine's"):
            history.add([event(1, time=now)])
        assert history.count() == 0
