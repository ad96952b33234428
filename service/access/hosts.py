"""By which names a service may be called, and from whose pages it may be changed.

A page of somebody else can make its own name lead to this machine (DNS rebinding), or send forms to it. Where
an API key protects an answer, neither gains anything: such a page has no key. Where none does, the name must
be one of ours, and a request that changes something must come from a page of ours or from no page at all.

Laws (tests/service/access/test_hosts.py):
- without keys no name is answered but the address listened on, this machine's own, and those of `api.hosts`;
- /healthz answers under every name: it says nothing but that the process lives;
- no page of another site changes anything, in browsers that send Sec-Fetch-Site and in those that do not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from starlette.responses import Response

from vlclip.service.access.visit import Visit
from vlclip.service.http.addresses import is_loopback, name_of, read_address
from vlclip.service.http.html import is_page
from vlclip.service.http.problems import problem

ANY = "*"
ALWAYS = "/healthz"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


class Hosts:
    """The names by which a service may be called.

    `names` are those of `api.hosts`; `*.shop.example` stands for all names below. `listens_on` is the address
    that the service listens on; None where it is not known, and then only `names` count.
    """

    def __init__(self, names: Collection[str], listens_on: str | None) -> None:
        self._names = {name_of(name) for name in names}
        self._listens_on = listens_on
        self.are_set = bool(names)
        own = name_of(listens_on or "")
        self._names |= {own} if own else set()
        ip = read_address(own)
        self._on_every_address = listens_on == "" or (ip is not None and ip.is_unspecified)

    @property
    def are_known(self) -> bool:
        """Whether anything is known of the names."""
        return self.are_set or self._listens_on is not None

    def accept(self, host: str) -> bool:
        """Whether the service may be called by this `Host` header; "" is a caller that is no browser."""
        name = name_of(host)
        if not self.are_known or not host or ANY in self._names or name in self._names:
            return True
        if is_loopback(name) or name.endswith(".localhost"):
            return True
        # an address was not looked up, so nobody can have turned it
        if self._on_every_address and read_address(name) is not None:
            return True
        return any(f"*{name[at:]}" in self._names for at, mark in enumerate(name) if mark == ".")


class KnownHosts:
    """Refuses with 421 what comes under a foreign name; `is_open(path)` says whether no key protects it."""

    def __init__(self, hosts: Hosts, is_open: Callable[[str], bool]) -> None:
        self._hosts, self._is_open = hosts, is_open

    def check(self, visit: Visit) -> Response | None:
        """The refusal of a request, if it is refused."""
        path, host = visit.scope["path"], visit.header(b"host")
        is_checked = path != ALWAYS and (self._hosts.are_set or self._is_open(path))
        if not is_checked or self._hosts.accept(host):
            return None
        detail = (
            f"this service does not answer to the name {name_of(host)[:200]!r}; if it should, "
            "add the name to the setting api.hosts (VLCLIP_API__HOSTS)"
        )
        return problem(visit.scope, 421, "unknown-host", detail)


class OwnPages:
    """Refuses with 403 changes that a page of another site makes a browser send.

    `origins` are the sites that may call the API. What a key in a header protects needs no such check, so it
    is made for pages, whose key is a cookie, and where `is_open(path)`.
    """

    def __init__(self, origins: Collection[str], is_open: Callable[[str], bool]) -> None:
        self._origins, self._is_open = origins, is_open

    def check(self, visit: Visit) -> Response | None:
        """The refusal of a request, if it is refused."""
        if visit.scope["method"] in SAFE or not self._is_foreign(visit):
            return None
        detail = (
            "this request came from another site; open the page itself, or name the site in the setting "
            "api.cors_origins if it may call the API"
        )
        return problem(visit.scope, 403, "foreign-site", detail)

    def _is_foreign(self, visit: Visit) -> bool:
        path = visit.scope["path"]
        if not is_page(path) and not self._is_open(path):
            return False
        origin, site = visit.header(b"origin"), visit.header(b"sec-fetch-site")
        if not is_page(path) and (origin in self._origins or ANY in self._origins):
            return False
        if site:
            return site not in ("same-origin", "none")
        # browsers leave Sec-Fetch-Site out over plain http, and old ones always
        return bool(origin) and urlsplit(origin).netloc.lower() != visit.header(b"host").lower()
