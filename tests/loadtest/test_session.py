"""What shoppers ask."""

from __future__ import annotations

import json
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest

from vlclip.loadtest.session import Ask, Session, Shop, least_share, photo_form

SHOP = Shop([f"id/{n}" for n in range(30)], {"titles": ["red dress"], "typos": ["rde dress"]}, [b"JPEG"])
MIXED = "[mix]\nsimilar = 4\nsearch = 3\nphoto = 1\nforyou = 1\nevents = 1"


FOLLOW = ["follow = 0", "follow = 0.5", "follow = 1"]


def mixed(read, more=""):
    return read("[mix]\nsimilar = 1", MIXED, more)


def walk(plan, count=400, number=0, ids=("a", "b", "c")):
    """What a shopper asks, with a list answered to everything that asks for one."""
    session, requests = Session(plan, SHOP, "run", number), []
    for step in range(count):
        requests.append(session.ask())
        session.heard(requests[-1], ids, f"list-{step}")
    return requests


def events(requests):
    return [json.loads(request.body)["events"][0] for request in requests if request.endpoint == "events"]


def test_the_same_seed_and_answers_give_the_same_requests(read):
    plan = mixed(read)
    assert walk(plan) == walk(plan)
    assert walk(plan) != walk(plan, number=1)


def test_requests_come_by_their_weights_and_items_by_their_rank(read):
    alone = "[session]\nfollow = 0\nclick = 0\n[probe]\nshare = 0"
    requests = walk(mixed(read, alone), 4000)
    counts = Counter(request.endpoint for request in requests)
    for endpoint, weight in {"similar": 4, "search": 3, "photo": 1, "foryou": 1, "events": 1}.items():
        assert counts[endpoint] / 4000 == pytest.approx(weight / 10, abs=0.03)
    items = Counter(urlsplit(request.path).path for request in requests if request.endpoint == "similar")
    # Zipf, exponent 1: the first of 30 has 1 / (1 + 1/2 + … + 1/30) = 0.25 of it, twice the second's share
    assert items["/v1/items/id%2F0/similar"] / items.total() == pytest.approx(0.25, abs=0.03)
    assert items["/v1/items/id%2F1/similar"] / items.total() == pytest.approx(0.125, abs=0.03)


def test_who_follows_an_item_clicks_it_views_it_and_asks_for_similar_ones(read):
    first, click, view, similar, *_ = walk(read(more="[session]\nfollow = 1\n[probe]\nshare = 0"), 8)
    assert (first.endpoint, similar.endpoint) == ("similar", "similar")
    sent_events = events([click, view])
    assert [request["kind"] for request in sent_events] == ["click", "view"]
    assert sent_events[0]["item"] == sent_events[1]["item"]
    assert {request["request_id"] for request in sent_events} == {"list-0"}
    assert urlsplit(similar.path).path == f"/v1/items/{sent_events[0]['item']}/similar"
    assert click.event == (sent_events[0]["user"], sent_events[0]["id"])


def test_events_name_the_last_list_and_have_ids_of_their_own(read):
    requests = walk(mixed(read), 600)
    sent_events = events(requests)
    assert len({request["id"] for request in sent_events}) == len(sent_events)
    last = ""
    for step, request in enumerate(requests):
        if request.endpoint == "events":
            assert events([request])[0]["request_id"] in (last, "")
        else:
            last = f"list-{step}"
    assert any(request["request_id"] for request in sent_events)


@pytest.mark.parametrize("follow", FOLLOW)
def test_an_endpoint_gets_its_least_share_whatever_follows(read, follow):
    plan = mixed(read, f"[session]\n{follow}\nclick = 0.2")
    counts = Counter(request.endpoint for number in range(40) for request in walk(plan, 100, number))
    for endpoint in ("similar", "search", "photo", "foryou", "events"):
        assert counts[endpoint] / 4000 >= least_share(plan, endpoint) * 0.9


def test_where_lists_lead_to_nothing_the_least_share_is_the_weights(read):
    share = {
        follow: least_share(mixed(read, f"[session]\n{follow}\nclick = 0"), "similar") for follow in FOLLOW
    }
    # 3 of 4 requests follow where every other list is followed once: 1 + 0.5 * (3 + 0.5 * (3 + ...)) = 4
    assert share == pytest.approx({"follow = 0": 0.4, "follow = 0.5": 0.1, "follow = 1": 0})


def test_after_an_empty_list_an_event_names_no_list(read):
    plan = read("similar = 1", "events = 1")
    session = Session(plan, SHOP, "run", 0)
    session.heard(Ask("search", "POST", "/v1/search"), ["a"], "list-0")
    assert events([session.ask()])[0]["request_id"] == "list-0"
    session.heard(Ask("search", "POST", "/v1/search"), [], "list-1")
    assert events([session.ask()])[0]["request_id"] == ""


def test_kept_requests_are_nobodys_and_all_others_somebodys(read):
    requests = walk(mixed(read, "[probe]\nshare = 0.5"), 600)
    numbers = Counter()
    for request in requests:
        if request.endpoint not in ("similar", "search"):
            assert not request.is_probed
            continue
        sent = json.loads(request.body) if request.body else parse_qs(urlsplit(request.path).query)
        assert ("user" in sent) == (not request.is_probed)
        assert ("limit" in sent) == request.is_probed
        numbers[request.endpoint, request.is_probed] += 1
    assert min(numbers.values()) > 20
    assert len(numbers) == 4


def test_who_leaves_is_somebody_else_afterwards(read):
    def users(leave):
        more = f"[session]\nfollow = 0\nclick = 0\nleave = {leave}\n[probe]\nshare = 0"
        return [parse_qs(urlsplit(request.path).query)["user"][0] for request in walk(read(more=more), 5)]

    assert users(1) == [f"run-0-{n}" for n in range(5)]
    assert users(0) == ["run-0-0"] * 5


def test_think_times_are_log_normal_and_open_gaps_exponential(read):
    plan = read(more='[pace]\nkind = "open"\nthink_s = 3\nthink_sigma = 0.5\nper_user = 4')
    session = Session(plan, SHOP, "run", 0)
    waits = sorted(session.wait_s() for _ in range(2001))
    assert waits[1000] == pytest.approx(3, rel=0.1)
    assert waits[1683] / waits[1000] == pytest.approx(2.718**0.5, rel=0.1)  # one sigma up
    assert sum(session.gap_s() for _ in range(2000)) / 2000 == pytest.approx(1 / 4, rel=0.1)


def test_a_photo_goes_as_a_form():
    body, headers = photo_form(b"\xff\xd8 jpeg")
    boundary = headers["content-type"].partition("boundary=")[2].encode()
    head, tail = body.split(b"\xff\xd8 jpeg")
    assert head.startswith(b"--" + boundary + b"\r\n")
    assert b'name="photo"' in head
    assert tail == b"\r\n--" + boundary + b"--\r\n"
