"""Headers that every answer carries."""

from __future__ import annotations

import pytest

from tests.service.mannered import mannered
from vlclip.service.access.headers import CLOSED
from vlclip.service.access.keys import add_key
from vlclip.service.http.html import HEADERS


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/items/1", 200),
        ("GET", "/healthz", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/broken", 500),
        ("DELETE", "/healthz", 405),
    ],
)
def test_every_answer_is_closed(tmp_path, method, path, status):
    answer = mannered(tmp_path).request(method, path)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in CLOSED} == CLOSED


def test_refusals_are_closed_too_and_pages_keep_their_own(tmp_path):
    client = mannered(tmp_path, hosts=("shop.example",))
    refused = client.get("/v1/items", headers={"Host": "evil.example"})
    assert (refused.status_code, refused.headers["content-security-policy"]) == (
        421,
        CLOSED["Content-Security-Policy"],
    )
    for path in ("/docs", "/page/nowhere"):
        page = client.get(path, headers={"Host": "shop.example"})
        assert {name: page.headers[name] for name in CLOSED} == {name: HEADERS[name] for name in CLOSED}
    add_key(tmp_path / "records" / "keys.json", ["read"])
    sent_away = mannered(tmp_path).get("/", follow_redirects=False)
    assert sent_away.status_code == 303
    assert sent_away.headers["content-security-policy"] == CLOSED["Content-Security-Policy"]
