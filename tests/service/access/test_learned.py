"""What a caller learns of shoppers: every field of every answer, for each scope and without a key.

Two shops differ only in who did what: in one anna bought the one item and ben the other, in the other shop it
is the other way round. All that is counted over everybody is the same in both. So whoever may know nothing of
shoppers gets the same answers from both, whatever they ask.
"""

from __future__ import annotations

import re
import shutil
from contextlib import ExitStack

import pytest
from fastapi.testclient import TestClient

from vlclip.service.access.auth import Caller, check_knows
from vlclip.service.access.keys import Key, Scope, add_key
from vlclip.service.api.app import create_app
from vlclip.service.http.errors import Forbidden
from vlclip.service.page.views import VIEWS
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

NOW = 1_790_000_000
FIRST, SECOND = "drawn-00003", "drawn-00011"
SHOPPERS = {
    "EventsShape.events", "EventShape.id", "EventShape.kind", "EventShape.item", "EventShape.time",
    "EventShape.request_id", "ExplanationShape.tastes", "TasteShape.weight", "TasteShape.items",
    "ForgottenShape.events", "ForgottenShape.lists", "ForgottenShape.sessions", "AcceptedShape.repeated",
}  # fmt: skip
"""Fields that say what one shopper did; only a caller with `users` or `write` gets one that is filled."""
OF_A_LIST = {
    f"{shape}.{field}"
    for shape, fields in {
        "ListShape": "results took_ms request_id strategy arm explanation",
        "ResultShape": "id score parts item duplicates variants",
        "ExplanationShape": "weights",
    }.items()
    for field in fields.split()
}
"""Fields that a history has changed where a list was made for somebody; that needs the scope as a whole."""
OF_THE_SHOP = {
    f"{shape}.{field}"
    for shape, fields in {
        "VariantsShape": "group title count available ids values more prices is_part",
        "PriceRangeShape": "low high currency",
        "WrittenShape": "id status reason drops passing",
        "BatchShape": "results embedded updated unchanged failed",
        "PatchedShape": "id status reason stale",
        "PatchBatchShape": "results patched unchanged unknown failed",
        "UnchangedShape": "unchanged",
        "DeletedShape": "deleted",
        "IdsShape": "ids next",
        "ItemShape": "id item provenance",
        "AcceptedShape": "accepted old",
        "Problem": "type title status detail code request_id fields",
    }.items()
    for field in fields.split()
}
"""Fields that say nothing of a shopper, whoever asks."""
CALLERS = {
    "none": (), "read": ("read",), "metrics": ("metrics",), "read+metrics": ("read", "metrics"),
    "users": ("users",), "read+users": ("read", "users"), "write": ("write",),
    "read+write": ("read", "write"),
}  # fmt: skip
MAY_KNOW = {name for name, scopes in CALLERS.items() if {"users", "write"} & set(scopes)}
QUESTIONS = [
    ("GET", "/v1/items/drawn-00001/similar", {}),
    ("GET", "/v1/items/drawn-00001/similar?explain=true", {}),
    ("GET", "/v1/items/drawn-00001/similar?user=anna&weights=history=2", {}),
    ("GET", "/v1/items/drawn-00001/similar?user=anna&explain=true", {}),
    ("GET", "/v1/items/drawn-00001/similar?session=anna&explain=true", {}),
    ("GET", "/v1/items/drawn-00001/similar?session=user:anna", {}),
    ("GET", "/v1/users/anna/recommendations", {}),
    ("GET", "/v1/users/anna/recommendations?explain=true", {}),
    ("GET", "/v1/users/anna/recommendations?filter=nonsense", {}),
    ("GET", "/v1/sessions/visit-1/recommendations?explain=true", {}),
    ("GET", "/v1/sessions/user:anna/recommendations", {}),
    ("POST", "/v1/search", {"json": {"text": "red shoe"}}),
    ("POST", "/v1/search", {"json": {"text": "red shoe", "user": "anna"}}),
    ("POST", "/v1/search", {"json": {"text": "red shoe", "user": "anna", "explain": True}}),
    ("POST", "/v1/search", {"json": {"text": "red shoe", "session": "visit-1", "explain": True}}),
    ("POST", "/v1/search", {"files": {"text": (None, "red shoe"), "user": (None, "anna")}}),
    ("GET", "/v1/users/anna/events", {}),
    ("GET", "/v1/users/ben/events", {}),
    ("GET", "/v1/users/nobody/events", {}),
    ("GET", "/v1/items", {}),
    ("GET", "/v1/items/drawn-00003", {}),
    ("GET", "/v1/items/gone", {}),
    ("POST", "/v1/items:compare", {"json": {"hashes": {"drawn-00003": "x"}}}),
    ("POST", "/v1/items:delete", {"json": {"ids": ["gone"]}}),
    ("POST", "/v1/items:batch", {"json": []}),
    ("PATCH", "/v1/items", {"json": []}),
    ("PATCH", "/v1/items/gone", {"json": {"price": 1}}),
    ("PUT", "/v1/items/gone", {"json": {}}),
    ("DELETE", "/v1/items/gone", {}),
    ("DELETE", "/v1/users/nobody", {}),
    ("POST", "/v1/events", {"json": {"events": [{"kind": "view", "item": "gone", "user": "zoe"}]}}),
    ("GET", "/metrics", {}),
    ("GET", "/healthz", {}),
    ("GET", "/readyz", {}),
    ("GET", "/docs", {}),
    ("GET", "/", {}),
    ("GET", "/?text=red+shoe", {}),
    ("GET", "/page/item?id=drawn-00001", {}),
    ("GET", "/page/you", {}),
    ("GET", "/page/experiments", {}),
    ("GET", "/page/photo?id=drawn-00003", {}),
    ("GET", "/openapi.json", {}),
]  # fmt: skip
CHANGING = re.compile(
    r'[0-9a-f]{32}|"took_ms":[0-9.e-]+|(?<=\} )[0-9.e+-]+$|'
    r"^(vlclip|process|python)_\w+ [0-9.e+-]+$|\d\d:\d\d",
    re.MULTILINE,
)
"""What differs between any two answers: ids, times, and the values of metrics."""


def shopping(user, *items):
    return [
        {
            "kind": "purchase",
            "item": item,
            "user": user,
            "time": NOW + place,
            "id": f"order {place} of {item}",
        }
        for place, item in enumerate(items)
    ]


@pytest.fixture(scope="module")
def worlds(filled, tmp_path_factory):
    """Two services, the key of each caller, and the same questions to both."""
    folder = tmp_path_factory.mktemp("learned")
    keys = folder / "keys.json"
    secrets = {name: add_key(keys, scopes)[0] if scopes else "" for name, scopes in CALLERS.items()}
    clients = []
    with ExitStack() as stack:
        for name, (of_anna, of_ben) in {"one": (FIRST, SECOND), "other": (SECOND, FIRST)}.items():
            shutil.copytree(filled, folder / name)
            shop = Shop(Settings.load(store=str(folder / name), device="cpu", api={"keys": str(keys)}))
            client = stack.enter_context(TestClient(create_app(shop), raise_server_exceptions=False))
            shop.warm()
            sent = [*shopping("anna", of_anna), *shopping("ben", of_ben)]
            answer = client.post("/v1/events", json={"events": sent}, headers={"X-API-Key": secrets["write"]})
            assert answer.status_code == 202
            assert shop.shoppers.flush()
            clients.append(client)
        yield clients, secrets


def answers(client, key, method, path, sent):
    """The answers to a program and to a browser under anna's name, without what changes by itself."""
    client.cookies.clear()
    cookies = {"Cookie": f"vlclip_user=anna; vlclip_key={key}"}
    for headers in ({"X-API-Key": key, **cookies} if key else cookies, {**cookies, "HX-Request": "true"}):
        answer = client.request(method, path, headers=headers, follow_redirects=False, **sent)
        headers_kept = {
            name: value for name, value in answer.headers.items() if name in ("location", "www-authenticate")
        }
        yield answer.status_code, headers_kept, CHANGING.sub("", answer.text)


@pytest.mark.parametrize("caller", sorted(CALLERS.keys() - MAY_KNOW))
@pytest.mark.parametrize(("method", "path", "sent"), QUESTIONS)
def test_who_may_not_know_gets_the_same_whoever_bought_what(worlds, caller, method, path, sent):
    (first, second), secrets = worlds
    here = list(answers(first, secrets[caller], method, path, sent))
    assert here == list(answers(second, secrets[caller], method, path, sent))
    assert "order 0" not in str(here)


@pytest.mark.parametrize("caller", sorted(MAY_KNOW))
def test_who_may_know_gets_different_answers(worlds, caller):
    """So the test above compares what can differ."""
    (first, second), secrets = worlds
    different = [
        path for method, path, sent in QUESTIONS
        if list(answers(first, secrets[caller], method, path, sent))
        != list(answers(second, secrets[caller], method, path, sent))
    ]  # fmt: skip
    expected = {"/v1/users/anna/events", "/v1/users/ben/events", "/page/you"}
    if "read" in CALLERS[caller]:
        expected |= {
            "/v1/users/anna/recommendations", "/v1/users/anna/recommendations?explain=true", "/",
            "/v1/search",
            "/v1/items/drawn-00001/similar?user=anna&explain=true",
        }  # fmt: skip
    assert expected <= set(different)


def test_every_field_of_an_answer_was_judged(worlds):
    (first, _), _ = worlds
    schemas = first.get("/openapi.json").json()["components"]["schemas"]
    described = first.get("/openapi.json").json()["paths"]
    fields_answered: set[str] = set()

    def walk(node):
        if isinstance(node, dict):
            for name, value in node.items():
                if name == "$ref" and isinstance(value, str):
                    shape = value.rsplit("/", 1)[1]
                    fields = {f"{shape}.{field}" for field in schemas[shape].get("properties", {})}
                    if not fields <= fields_answered:
                        fields_answered.update(fields)
                        walk(schemas[shape])
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    for operations in described.values():
        for operation in operations.values():
            walk(operation["responses"])
    judged = SHOPPERS | OF_A_LIST | OF_THE_SHOP
    assert fields_answered - judged == set(), "say above what these fields tell of shoppers"
    assert judged - fields_answered == set(), "these fields are gone"


def test_every_route_is_asked(worlds):
    (first, _), _ = worlds
    questions = {(method, path.partition("?")[0]) for method, path, _ in QUESTIONS}
    shapes = [
        (method.upper(), re.compile(re.sub(r"\\\{[^}]*\\\}", ".+", re.escape(path))))
        for path, operations in first.get("/openapi.json").json()["paths"].items()
        for method in operations
    ]
    assert [
        shape for shape in shapes if not any(m == shape[0] and shape[1].fullmatch(p) for m, p in questions)
    ] == []
    assert {view.path for view in VIEWS} <= {path for _, path in questions}


def test_a_list_for_somebody_needs_the_scope_and_one_for_nobody_does_not(worlds):
    (first, _), secrets = worlds

    def status(path, caller):
        return first.get(path, headers={"X-API-Key": secrets[caller]}).status_code

    for path in ("/v1/users/anna/recommendations", "/v1/items/drawn-00001/similar?user=anna"):
        assert [status(path, caller) for caller in ("read", "users", "write")] == [403] * 3
        assert [status(path, caller) for caller in ("read+users", "read+write")] == [200] * 2
    for path in ("/v1/sessions/visit-1/recommendations", "/v1/items/drawn-00001/similar?explain=true"):
        assert status(path, "read") == 200


def test_the_page_under_a_name_says_which_scope_is_missing(worlds):
    (first, _), secrets = worlds
    first.cookies.clear()
    page = first.get("/", headers={"Cookie": f"vlclip_user=anna; vlclip_key={secrets['read']}"})
    assert page.status_code == 403
    assert "scope &#39;users&#39;" in page.text
    assert first.get("/", headers={"Cookie": f"vlclip_key={secrets['read']}"}).status_code == 200


def test_the_rule_knows_every_scope():

    for scope in Scope:
        caller = Caller(Key("k", "", (scope,), 0, "", ""))
        check_knows(caller, "", explain=True)
        check_knows(caller, "session:a")
        for unit, explain in (("user:a", False), ("user:a", True), ("session:a", True)):
            if scope in (Scope.USERS, Scope.WRITE):
                check_knows(caller, unit, explain=explain)
            else:
                with pytest.raises(Forbidden, match="'users'"):
                    check_knows(caller, unit, explain=explain)


def test_an_event_sent_again_does_not_tell_whether_it_was_known(worlds):
    """The last test here, since it changes what is stored."""
    (first, second), secrets = worlds
    event = {"kind": "purchase", "item": "gone", "user": "anna", "id": f"order 0 of {FIRST}", "time": NOW}
    here, there = (
        client.post("/v1/events", json={"events": [event]}, headers={"X-API-Key": secrets["read"]})
        for client in (first, second)
    )
    assert (here.status_code, here.json()) == (there.status_code, there.json())
