import socket
import time
from unittest import mock

import httpcore2
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.ingestion.fakes import photo_bytes
from vlclip.ingestion.errors import FetchError
from vlclip.ingestion.photos.fetch import Fetcher
from vlclip.ingestion.photos.guard import Deadline, GuardedBackend, allowed_addresses
from vlclip.ingestion.photos.public_addresses import is_public
from vlclip.ingestion.settings import Fetch

PHOTO = photo_bytes()


@pytest.fixture
def fetcher():
    fetchers = []

    def make(**limits):
        fetchers.append(Fetcher(Fetch(**{"allow_private": True, "timeout_s": 5, **limits}), backoff_s=0.01))
        return fetchers[-1]

    yield make
    for opened in fetchers:
        opened.close()


def test_a_photo_comes_as_its_bytes_whatever_its_content_type(server, fetcher):
    url = server.serve("/a.jpg", PHOTO, Content_Type="text/html")
    assert fetcher().fetch(url) == PHOTO


def test_loopback_is_refused_unless_it_is_allowed(server, fetcher):
    url = server.serve("/a.jpg", PHOTO)
    with pytest.raises(FetchError, match="no address of the public internet"):
        fetcher(allow_private=False).fetch(url)
    assert server.requested == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "127.0.0.1.",
    ],
)
def test_other_ways_to_write_loopback_are_refused_too(server, fetcher, host):
    server.serve("/a.jpg", PHOTO)
    port = server.address.rsplit(":", 1)[1]
    with pytest.raises(FetchError):
        fetcher(allow_private=False).fetch(f"http://{host}:{port}/a.jpg")
    assert server.requested == []


def test_a_redirect_to_loopback_is_refused(server, fetcher, monkeypatch):
    """The first name leads to the test server, seemingly public; the redirect names 127.0.0.1 itself."""
    port = server.address.rsplit(":", 1)[1]
    server.serve("/secret", b"secret")
    server.serve("/a.jpg", b"", status=302, Location=f"http://127.0.0.1:{port}/secret")
    monkeypatch.setattr(
        "vlclip.ingestion.photos.guard.is_public", lambda address: address == "::1" or address == "shop"
    )
    real = socket.getaddrinfo

    def resolve(host, *args, **options):
        if host == "shop.example":  # a name whose address the guard lets pass
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("shop", int(port)))]
        return real(host, *args, **options)

    def connect(self, host, port, *args, **options):
        return original(self, "127.0.0.1" if host == "shop" else host, port, *args, **options)

    original = httpcore2.SyncBackend.connect_tcp
    monkeypatch.setattr("vlclip.ingestion.photos.guard.socket.getaddrinfo", resolve)
    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    with pytest.raises(FetchError, match="no address of the public internet"):
        fetcher(allow_private=False).fetch(f"http://shop.example:{port}/a.jpg")
    assert server.requested == ["/a.jpg"]


@given(st.ip_addresses())
def test_a_refusal_does_not_say_which_private_address_a_name_has(address):
    assume(not is_public(str(address)))
    entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (str(address), 80))]
    with (
        mock.patch("vlclip.ingestion.photos.guard.socket.getaddrinfo", return_value=entries),
        pytest.raises(FetchError) as refused,
    ):
        allowed_addresses("files.internal.example", 80, allow_private=False)
    assert str(refused.value) == (
        "files.internal.example has no address of the public internet; "
        "set fetch.allow_private if photos may come from private networks"
    )


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    """A name that is public when it is checked and private when it is asked again gains nothing."""
    resolved, connected = [], []

    def resolve(host, *args, **options):
        resolved.append(host)
        address = "93.184.216.34" if len(resolved) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]

    monkeypatch.setattr("vlclip.ingestion.photos.guard.socket.getaddrinfo", resolve)
    monkeypatch.setattr(
        httpcore2.SyncBackend, "connect_tcp", lambda self, host, *args, **options: connected.append(host)
    )
    deadline = Deadline()
    deadline.at = time.monotonic() + 5
    GuardedBackend(deadline, allow_private=False).connect_tcp("rebinding.example", 80)
    assert (resolved, connected) == (["rebinding.example"], ["93.184.216.34"])


def test_of_several_addresses_only_public_ones_are_tried(monkeypatch):
    connected = []

    def resolve(host, *args, **options):
        addresses = ("10.0.0.1", "2606:4700::1111", "93.184.216.34")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]

    def connect(self, host, *args, **options):
        connected.append(host)
        if ":" in host:
            raise httpcore2.ConnectError("no route over IPv6")

    monkeypatch.setattr("vlclip.ingestion.photos.guard.socket.getaddrinfo", resolve)
    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    deadline = Deadline()
    deadline.at = time.monotonic() + 5
    GuardedBackend(deadline, allow_private=False).connect_tcp("cdn.example", 80)
    assert connected == ["2606:4700::1111", "93.184.216.34"]


def test_redirects_are_followed_up_to_the_limit(server, fetcher):
    server.serve("/c", PHOTO)
    server.serve("/b", b"", status=301, Location="c")
    url = server.serve("/a", b"", status=307, Location="/b")
    assert fetcher(max_redirects=2).fetch(url) == PHOTO
    with pytest.raises(FetchError, match="more than 1 redirects"):
        fetcher(max_redirects=1).fetch(url)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x/a", "gopher://x"])
def test_a_redirect_cannot_leave_http(server, fetcher, target):
    url = server.serve("/a", b"", status=302, Location=target)
    with pytest.raises(FetchError, match=r"not an http\(s\) URL"):
        fetcher().fetch(url)


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_refusal_is_not_asked_again(server, fetcher, status):
    url = server.serve("/a", b"", status=status)
    with pytest.raises(FetchError, match=f"the server answered {status}"):
        fetcher().fetch(url)
    assert len(server.requested) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_overload_is_asked_again_and_passes(server, fetcher, status):
    def answer(request):
        first = len(server.requested) == 1
        request.send_response(status if first else 200)
        request.send_header("Content-Length", "0" if first else str(len(PHOTO)))
        request.end_headers()
        request.wfile.write(b"" if first else PHOTO)

    server.answers["/a"] = answer
    assert fetcher().fetch(server.url("/a")) == PHOTO


def test_overload_that_stays_gives_up(server, fetcher):
    url = server.serve("/a", b"", status=503)
    with pytest.raises(FetchError, match="the server answered 503, 3 times in a row"):
        fetcher().fetch(url)
    assert len(server.requested) == 3


@pytest.mark.parametrize(
    "wait",
    ["Mon, 01 Jan 99999999999 00:00:00 GMT", "Mon, 01 Jan 99999 00:00:00 GMT", "\xb2", "soon",
     f"Mon, 01 Jan 2020 {'9' * 400}:00:00 GMT"],
)  # fmt: skip
def test_overload_that_asks_for_a_wait_nobody_can_read_is_overload(server, fetcher, wait):
    url = server.serve("/a", b"", status=503, Retry_After=wait)
    with pytest.raises(FetchError, match="the server answered 503, 3 times in a row"):
        fetcher().fetch(url)
    assert len(server.requested) == 3


@pytest.mark.parametrize("announced", [True, False])
def test_no_more_than_the_limit_is_read(server, fetcher, announced):
    sent = []

    def answer(request):
        request.send_response(200)
        if announced:
            request.send_header("Content-Length", str(10**9))
        request.end_headers()
        for _ in range(1000):
            request.wfile.write(b"x" * 100_000)
            sent.append(1)

    server.answers["/big"] = answer
    with pytest.raises(FetchError, match="more than 200,000 bytes"):
        fetcher(max_bytes=200_000).fetch(server.url("/big"))
    assert len(sent) < 500


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_server_that_drips_is_cut_off(server, fetcher, part):
    def answer(request):
        request.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"" if part == "headers" else b"\r\n"))
        for _ in range(100):
            request.wfile.write(b"a")
            request.wfile.flush()
            time.sleep(0.05)

    server.answers["/drip"] = answer
    began = time.monotonic()
    with pytest.raises(FetchError, match=r"no photo within 0\.2 s, 3 times"):
        fetcher(timeout_s=0.2).fetch(server.url("/drip"))
    assert time.monotonic() - began < 2


def test_a_connection_cut_short_is_tried_again(server, fetcher):
    def answer(request):
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"half")

    server.answers["/cut"] = answer
    with pytest.raises(FetchError, match=r"connection failed.*3 times"):
        fetcher().fetch(server.url("/cut"))
    assert len(server.requested) == 3


@pytest.mark.parametrize(
    "url", ["http://", "http://[", "http://x:notaport/", "http://name.invalid/a", "https://\0"]
)
def test_what_is_no_url_says_so(fetcher, url):
    with pytest.raises(FetchError, match="URL"):
        fetcher().fetch(url)


def test_closing_ends_a_fetch_under_way(server, fetcher):
    closed = fetcher()
    server.answers["/slow"] = lambda request: (closed.close(), time.sleep(0.2))
    with pytest.raises(FetchError, match="stopped"):
        closed.fetch(server.url("/slow"))
