"""Where a request came from, if it came through proxies."""

from __future__ import annotations

import ipaddress
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from vlclip.engine.errors import SettingsError
from vlclip.service.access.hosts import Hosts
from vlclip.service.access.passage import Passage
from vlclip.service.access.proxies import CallerAddresses, Proxies, forwarded, x_forwarded
from vlclip.service.api.app import _add_middleware
from vlclip.service.http.addresses import read_address
from vlclip.service.settings import Settings

PROXIES = Proxies(("127.0.0.1", "10.0.0.0/8", "fd00::/8"))
addresses = st.ip_addresses().map(str)
junk = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30) | st.sampled_from(
    ['for=1.2.3.4;x="a', 'for=1.2.3.4;x="a\\"', '"', 'for="1.2.3.4']
)
trusted = st.ip_addresses(network="10.0.0.0/8").map(str)
strangers = addresses.filter(lambda address: not PROXIES.trust(address))


def caller_of(peer, headers, proxies=PROXIES, header="x-forwarded-for", hosts=Hosts((), None)):  # noqa: B008 - no state
    """Who a request seems to come from, behind the middleware."""
    app = FastAPI()
    app.add_middleware(Passage, rules=[CallerAddresses(proxies, header, hosts)])

    @app.get("/")
    async def answer(request: Request) -> list[str]:
        host = request.client.host if request.client else ""
        return [host, request.url.scheme, request.url.netloc]

    return TestClient(app, base_url="http://shop.example", client=(peer, 1)).get("/", headers=headers).json()


def hops(text):
    return list(x_forwarded(Headers({"x-forwarded-for": text})))


@given(peer=strangers, text=junk)
def test_a_caller_who_is_no_proxy_is_not_believed(peer, text):
    caller = PROXIES.caller(peer, [*hops(text), *hops("10.0.0.1")])
    assert caller.address == peer


def test_nobody_is_believed_by_default_not_even_this_machine():
    names = {"X-Forwarded-For": "8.8.8.8", "Forwarded": "for=8.8.8.8", "X-Forwarded-Proto": "https"}
    proxies = Proxies(Settings().api.proxies)
    assert caller_of("127.0.0.1", names, proxies) == ["127.0.0.1", "http", "shop.example"]


@given(invented=st.lists(junk, max_size=4), caller=strangers, chain=st.lists(trusted, max_size=3))
def test_what_a_caller_invents_changes_nothing(invented, caller, chain):
    text = ", ".join([*invented, caller, *chain])
    assert PROXIES.caller("127.0.0.1", hops(text)).address == str(read_address(caller))


@given(invented=st.lists(junk, max_size=4), caller=strangers, chain=st.lists(trusted, max_size=3))
def test_nor_in_the_header_of_rfc_7239(invented, caller, chain):
    quoted = [f'for="[{address}]:80"' if ":" in address else f"for={address}" for address in (caller, *chain)]
    text = ", ".join([*invented, *quoted])
    assert PROXIES.caller("127.0.0.1", list(forwarded(Headers({"forwarded": text})))).address == str(
        read_address(caller)
    )


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, unknown", "127.0.0.1"),
        ("203.0.113.9, ", "127.0.0.1"),
        ("unknown, 10.1.1.1", "10.1.1.1"),
        ("10.2.2.2, 10.1.1.1", "10.2.2.2"),
        ("", "127.0.0.1"),
    ],
)
def test_addresses_as_proxies_write_them(text, address):
    assert caller_of("127.0.0.1", {"X-Forwarded-For": text})[0] == address


def test_several_lines_of_a_header_are_one_list():
    lines = [
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-For", "10.0.0.1"),
    ]
    assert caller_of("127.0.0.1", lines)[0] == "203.0.113.9"


def test_scheme_and_host_follow_the_proxy_and_the_host_only_if_it_is_known():
    sent = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "www.example"}
    assert caller_of("10.1.1.1", sent) == ["203.0.113.9", "https", "www.example"]
    hosts = Hosts(("shop.example",), "127.0.0.1")
    assert caller_of("10.1.1.1", sent, hosts=hosts)[2] == "shop.example"
    assert caller_of("8.8.8.8", sent) == ["8.8.8.8", "http", "shop.example"]
    assert caller_of("10.1.1.1", {**sent, "X-Forwarded-Proto": "javascript"})[1] == "http"


def test_only_the_header_that_the_setting_names_is_read():
    sent = {"X-Forwarded-For": "203.0.113.9", "Forwarded": 'for="[2001:db8::1]";proto=https;host=www.example'}
    assert caller_of("10.1.1.1", sent)[0] == "203.0.113.9"
    assert caller_of("10.1.1.1", sent, header="forwarded") == ["2001:db8::1", "https", "www.example"]


def test_a_unix_socket_is_trusted_only_by_its_name():
    assert Proxies(("unix",)).caller("", hops("203.0.113.9")).address == "203.0.113.9"
    assert PROXIES.caller("", hops("203.0.113.9")).address == ""


def test_a_network_that_is_none_is_refused_by_name():
    for wrong in ("proxy", "10.0.0.1/8"):
        with pytest.raises(SettingsError, match=r"api\.proxies.*" + wrong):
            Settings.load(api={"proxies": (wrong,)})


def test_rate_limits_follow_the_caller_and_count_a_network_of_ipv6_as_one(tmp_path):
    app = FastAPI()
    api = {"requests_per_minute": 1, "proxies": ("127.0.0.1",)}
    _add_middleware(app, SimpleNamespace(settings=Settings(store=str(tmp_path), api=api)))

    @app.get("/v1/x")
    async def nothing() -> dict:
        return {}

    client = TestClient(app, client=("127.0.0.1", 1))

    def status(address):
        return client.get("/v1/x", headers={"X-Forwarded-For": address}).status_code

    assert [status("203.0.113.9"), status("203.0.113.9"), status("203.0.113.10")] == [200, 429, 200]
    assert status("9.9.9.9, 203.0.113.9") == 429
    assert [status("2001:db8::1"), status("2001:db8::2"), status("2001:db8:0:1::2")] == [200, 429, 200]


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_that_ipv6_carries_is_that_address(address):
    carried = str(ipaddress.IPv6Address(f"::ffff:{address}"))
    assert PROXIES.trust(carried) == PROXIES.trust(str(address))
