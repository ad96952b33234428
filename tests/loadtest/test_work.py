"""What is learnt of a shop before it is loaded, and what is said where that fails."""

from __future__ import annotations

import json

import httpx2
import pytest

from vlclip.loadtest.errors import BadPlan, NotReached
from vlclip.loadtest.work import learn

RESULTS = [{"id": f"i{n}", "item": {"title": f"chair {n}"}} for n in range(40)]


def ask(plan, exact=200, status=200, body=None):
    """Learn of a shop that answers exact searches, and others, with these statuses."""

    def shop(request):
        code = exact if json.loads(request.content).get("exact") else status
        return httpx2.Response(code, json={"results": RESULTS} if body is None else body)

    with httpx2.Client(transport=httpx2.MockTransport(shop), base_url="http://shop") as http:
        return learn(plan, http)


def test_ids_and_titles_are_those_that_searches_find(read):
    shop = ask(read())
    assert len(shop.ids) == 30
    assert set(shop.ids) < {result["id"] for result in RESULTS}
    assert set(shop.queries["titles"]) == {f"chair {n}" for n in range(40)}


def test_a_key_that_may_not_search_exactly_is_found_before_the_run_unless_nothing_is_probed(read):
    says = r"an exact search: status 403; set VLCLIP_API_KEY .* for the probe metrics"
    with pytest.raises(NotReached, match=says):
        ask(read(), exact=403)
    assert ask(read(more="[probe]\nshare = 0"), exact=403).ids


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, {}, r"http://shop does not answer a search: status 401; set VLCLIP_API_KEY"),
        (500, {"error": "why"}, r'a search: status 500: \{"error":"why"\}$'),
        (200, {"hello": 1}, "a search: what came is no list of results"),
        (200, {"results": []}, "the service knows no items; ingest a catalogue first"),
    ],
)
def test_a_service_that_does_not_answer_says_what_to_do(read, status, body, says):
    with pytest.raises(NotReached, match=says):
        ask(read(), status=status, body=body)


def test_ids_are_those_of_the_file_that_a_plan_names(read, tmp_path):
    (tmp_path / "ids.txt").write_text("a\nb\n")
    assert sorted(ask(read("items = 30", 'ids = "ids.txt"')).ids) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.txt", None, "ids: cannot read .*none.txt .*No such file"),
        ("photo.txt", b"\xff\xd8", "ids: cannot read .*photo.txt"),
        ("empty.txt", b"", "ids: .*empty.txt is empty"),
    ],
)
def test_a_file_of_ids_that_cannot_be_read_is_named(read, tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadPlan, match=says):
        ask(read("items = 30", f'ids = "{name}"'))
