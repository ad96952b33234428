"""Who may ask the HTTP API what."""

from __future__ import annotations

import json
import os
import re
import stat

import pytest
import typer.main
from click.testing import CliRunner

from tests.service.mannered import mannered, problem
from vlclip.service.access.auth import OPEN, scopes_for
from vlclip.service.access.keys import (
    KeyRing,
    add_key,
    check_closed,
    keys_in_force,
    keys_path,
    read_keys,
    revoke_key,
)
from vlclip.service.cli import build
from vlclip.service.commands.serve import _who_may_ask, is_loopback
from vlclip.service.http.errors import KeyFileError, NoKeys, UnknownKey
from vlclip.service.settings import Settings


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records" / "keys.json"


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


def test_the_file_holds_no_key_and_is_for_its_owner_only(path):
    secret, key = add_key(path, ["write", "read", "read"], note="the shop's own site")
    assert re.fullmatch(r"vlclip_[A-Za-z0-9_-]{43}", secret)
    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_keys(path) == (key,)
    assert (key.scopes, key.note) == (("read", "write"), "the shop's own site")
    assert [file.name for file in path.parent.iterdir()] == ["keys.json"]


def test_a_key_is_found_until_it_is_revoked(path):
    (first, first_key), (second, second_key) = add_key(path, ["read"]), add_key(path, ["write"])
    ring = KeyRing(path)
    assert (ring.find(first), ring.find(second)) == (first_key, second_key)
    assert ring.find(first[:-1]) is None
    assert ring.find("") is None
    assert revoke_key(path, first_key.id) == 1
    assert read_keys(path) == (second_key,)
    with pytest.raises(UnknownKey, match="keys list"):
        revoke_key(path, first_key.id)


def test_a_change_is_noticed_when_the_file_is_looked_at_again(path):
    now = [0.0]
    ring = KeyRing(path, clock=lambda: now[0])
    assert ring.is_open
    secret, key = add_key(path, ["read"])
    now[0] = 0.9
    assert ring.is_open  # looked at less than a second ago
    now[0] = 1.0
    assert not ring.is_open
    assert ring.find(secret) == key


@pytest.mark.parametrize("becomes", ["gone", "empty", "broken"])
def test_a_process_that_has_seen_a_key_is_never_open_again(path, becomes, caplog):
    now = [0.0]
    secret, key = add_key(path, ["read"])
    ring = KeyRing(path, clock=lambda: now[0])
    if becomes == "gone":
        path.unlink()
    else:
        path.write_text("[]" if becomes == "empty" else "[")
    now[0] = 1.0
    assert not ring.is_open
    # a file that cannot be read takes nobody's key away; one that says so does
    assert ring.find(secret) == (key if becomes == "broken" else None)
    assert ("stay in force" in caplog.text) == (becomes == "broken")


def test_a_file_that_is_not_one_of_keys_is_refused_with_a_way_out(path):
    path.parent.mkdir()
    path.write_text('[{"id": "a"}]')
    for use in (KeyRing, read_keys, lambda path: add_key(path, ["read"])):
        with pytest.raises(KeyFileError, match=r"keys\.json cannot be read .* vlclip keys add"):
            use(path)
    path.write_text("[]")
    path.with_name("keys.json.new").write_text("")
    with pytest.raises(KeyFileError, match="delete it"):
        add_key(path, ["read"])


def test_a_process_that_was_killed_keeps_nobody_from_adding_keys(path):
    add_key(path, ["read"])
    path.with_name("keys.json.new").write_text("half of")
    os.utime(path.with_name("keys.json.new"), (0, 0))
    add_key(path, ["write"])
    assert [key.scopes for key in read_keys(path)] == [("read",), ("write",)]
    assert [file.name for file in path.parent.iterdir()] == ["keys.json"]


def test_keys_lie_beside_the_store_unless_a_setting_names_another_place():
    assert str(keys_path(Settings(store="a/b"))) == "a/b/records/keys.json"
    assert str(keys_path(Settings(store="a/b", api={"keys": "c.json"}))) == "c.json"


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "/v1/items/1/similar", {"read"}),
        ("GET", "/v1/users/1/recommendations", {"read"}),
        ("POST", "/v1/search", {"read"}),
        ("PUT", "/v1/items/1", {"write"}),
        ("DELETE", "/v1/items/1", {"write"}),
        ("POST", "/v1/items:batch", {"write"}),
        ("PATCH", "/v1/items/1", {"write"}),
        ("PATCH", "/v1/items", {"write"}),
        ("POST", "/v1/events", {"read", "write"}),
        ("GET", "/what-will-be-added", {"read"}),
        ("GET", "/healthz/", {"read"}),
        ("GET", "/healthz", set()),
        ("GET", "/metrics", {"metrics", "write"}),
        ("GET", "/openapi.json", set()),
        ("GET", "/v1/users/1/events", {"users", "write"}),
        ("GET", "/v1/users/1/events\n", {"users", "write"}),
        ("GET", "/metrics\n", {"metrics", "write"}),
        ("GET", "/", {"read"}),
        ("GET", "/page/item", {"read"}),
        ("GET", "/page/you", {"users", "write"}),
        ("GET", "/page/experiments", {"metrics", "write"}),
    ],
)
def test_each_route_needs_its_scope_and_an_unknown_one_needs_a_key(method, path, scopes):
    assert scopes_for(method, path) == scopes


def test_without_any_key_the_api_is_open(tmp_path):
    client = mannered(tmp_path)
    assert client.get("/v1/items/1").status_code == 200
    assert client.put("/v1/items/1", headers=bearer("whatever")).status_code == 200


def test_with_a_key_in_the_file_only_callers_with_a_key_get_answers(tmp_path, path):
    reader, writer = add_key(path, ["read"])[0], add_key(path, ["write"])[0]
    client = mannered(tmp_path)
    for headers in (bearer(reader), {"X-API-Key": reader}, {"Authorization": f"bearer  {reader}"}):
        assert client.get("/v1/items/1", headers=headers).status_code == 200
        assert client.post("/v1/search", headers=headers).status_code == 200
    assert client.put("/v1/items/1", headers=bearer(writer)).status_code == 200
    for secret in (reader, writer):
        assert client.post("/v1/events", headers=bearer(secret)).status_code == 200

    none = client.get("/v1/items/1")
    assert "X-API-Key" in problem(none, 401, "no-key")["detail"]
    assert none.headers["www-authenticate"] == 'Bearer realm="vlclip"'
    for headers in (bearer("vlclip_wrong"), {"X-API-Key": "é".encode("latin-1")}):
        wrong = client.get("/v1/items/1", headers=headers)
        problem(wrong, 401, "bad-key")
        assert "invalid_token" in wrong.headers["www-authenticate"]
    problem(client.get("/v1/items/1", headers={"Authorization": "Basic dTpw"}), 401, "no-key")
    problem(client.get("/nowhere"), 401, "no-key")

    few = client.delete("/v1/items/1", headers=bearer(reader))
    assert "'write'" in problem(few, 403, "forbidden")["detail"]
    assert 'scope="write"' in few.headers["www-authenticate"]
    problem(client.get("/v1/items/1", headers=bearer(writer)), 403, "forbidden")


def test_a_line_break_behind_a_path_opens_nothing(tmp_path, path):
    reader = add_key(path, ["read"])[0]
    client = mannered(tmp_path)
    for closed_path in ("/v1/users/anna/events%0A", "/metrics%0A"):
        problem(client.get(closed_path, headers=bearer(reader)), 403, "forbidden")


def test_health_and_the_description_need_no_key(tmp_path, path):
    add_key(path, ["read"])
    client = mannered(tmp_path)
    assert {"/healthz", "/readyz", "/openapi.json", "/docs"} <= OPEN
    for open_path in ("/healthz", "/openapi.json", "/docs"):
        assert client.get(open_path).status_code == 200


def keys(*words, store):
    command = typer.main.get_command(build())
    return CliRunner().invoke(command, ["keys", *words, "--store", str(store)])


def test_keys_are_made_listed_and_revoked_by_command(tmp_path):
    new_key = json.loads(
        keys("add", "--scope", "read", "--scope", "write", "--rate", "5", "--json", store=tmp_path).stdout
    )
    assert KeyRing(tmp_path / "records" / "keys.json").find(new_key["key"]).requests_per_minute == 5
    listed = keys("list", "--json", store=tmp_path).stdout
    assert new_key["key"] not in listed
    assert json.loads(listed)["keys"] == [{name: new_key[name] for name in new_key if name != "key"}]
    # the key alone on stdout: KEY=$(vlclip keys add)
    plain = keys("add", "--note", "[red]site", store=tmp_path)
    assert re.fullmatch(r"vlclip_\S{43}\n", plain.stdout)
    assert "[red]site" in keys("list", store=tmp_path).stdout
    for key in read_keys(tmp_path / "records" / "keys.json"):
        revocation = keys("revoke", key.id, store=tmp_path)
        assert revocation.exit_code == 0
    assert "no key is left" in revocation.stderr
    assert "everyone who reaches" in keys("list", store=tmp_path).stdout
    again = keys("revoke", new_key["id"], "--json", store=tmp_path)
    assert again.exit_code == 1
    assert json.loads(again.stdout)["error"]["code"] == "unknown-key"


SERVER = "http://localhost:6333"


def test_with_a_store_on_a_server_only_the_setting_names_the_file_of_keys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert keys_in_force(Settings(store=SERVER)) is None
    for api in ({}, {"keys": "keys.json"}):
        with pytest.raises(KeyFileError, match=r"api\.keys .* whole path"):
            keys_path(Settings(store=SERVER, api=api))
    named = Settings(store=SERVER, api={"keys": str(tmp_path / "k.json")})
    assert keys_path(named) == keys_in_force(named) == tmp_path / "k.json"
    # keys that were made in this folder before are not forgotten in silence
    add_key(tmp_path / ".vlclip" / "vlclip" / "keys.json", ["read"])
    with pytest.raises(KeyFileError, match=r"\.vlclip/vlclip/keys\.json holds keys"):
        keys_in_force(Settings(store=SERVER))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.2", False), ("shop.example", False), ("", False)],
)  # fmt: skip
def test_without_keys_only_this_machine_is_served_unless_open_says_so(tmp_path, path, host, loopback):
    settings = Settings(store=str(tmp_path))
    assert is_loopback(host) == loopback
    if loopback:
        assert check_closed(settings, host, is_open=False) == 0
    else:
        with pytest.raises(NoKeys, match=r"vlclip keys add .* --open"):
            check_closed(settings, host, is_open=False)
    assert check_closed(settings, host, is_open=True) == 0
    assert ("warning" in _who_may_ask(0, host)) != loopback
    add_key(path, ["read"])
    assert check_closed(settings, host, is_open=False) == 1
    assert "warning" not in _who_may_ask(1, host)


@pytest.mark.parametrize("api", [{"proxies": ("10.0.0.1",)}, {"keys": "/nowhere/keys.json"}])
def test_nor_this_machine_where_settings_say_that_keys_or_others_are_expected(tmp_path, api):
    settings = Settings(store=str(tmp_path), api=api)
    with pytest.raises(NoKeys, match="--open"):
        check_closed(settings, "127.0.0.1", is_open=False)
    assert check_closed(settings, "127.0.0.1", is_open=True) == 0


def test_where_keys_are_required_nothing_starts_without_and_nothing_opens(tmp_path, path):
    settings = Settings(store=str(tmp_path), api={"require_keys": True})
    for is_open in (False, True):
        with pytest.raises(NoKeys, match="require_keys"):
            check_closed(settings, "127.0.0.1", is_open=is_open)
    with pytest.raises(NoKeys):
        mannered(tmp_path, require_keys=True)
    secret = add_key(path, ["read"])[0]
    now = [0.0]
    ring = KeyRing(path, clock=lambda: now[0], required=True)
    path.unlink()
    now[0] = 1.0
    assert not ring.is_open
    assert ring.find(secret) is None


def test_serve_says_in_one_sentence_why_it_does_not_start(tmp_path):
    ended = CliRunner().invoke(
        typer.main.get_command(build()), ["serve", "--store", str(tmp_path), "--host", "0.0.0.0"]
    )
    assert ended.exit_code == 1
    assert "Traceback" not in ended.output
    assert "vlclip keys add" in " ".join(ended.output.split())
