"""Where a request came from, if it came through proxies: only those that a setting names are believed.

A proxy appends the address of whoever asked it. So the list is read from its end: the first address that is
not a proxy's is the caller's, and whatever stands before it may be invented. One header is read, the one that
`api.forwarded_header` names: a proxy that writes one passes the other on as its caller sent it.

Laws (tests/service/access/test_proxies.py):
- a header of a caller who is no trusted proxy changes nothing;
- whatever a caller writes, the address is the one that the outermost trusted proxy saw.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import Headers

from vlclip.service.access.hosts import Hosts
from vlclip.service.access.visit import Visit
from vlclip.service.http.addresses import read_address

UNIX = "unix"
"""The name of whoever asks through a Unix socket."""
ForwardedHeader = Literal["x-forwarded-for", "forwarded"]


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy says of whoever asked it; "" for what it does not say."""

    address: str
    scheme: str = ""
    host: str = ""


class Proxies:
    """The trusted ones: addresses, networks, and `unix` for a Unix socket."""

    def __init__(self, names: Iterable[str]) -> None:
        names = tuple(names)
        self._unix = UNIX in names
        self._networks = [ipaddress.ip_network(name) for name in names if name != UNIX]

    def __bool__(self) -> bool:
        return self._unix or bool(self._networks)

    def trust(self, address: str) -> bool:
        """Whether an address is a proxy's; "" is that of a Unix socket."""
        ip = read_address(address)
        return self._unix and not address if ip is None else any(ip in network for network in self._networks)

    def caller(self, peer: str, hops: Sequence[Hop]) -> Hop:
        """The first of `hops`, read from its end, that is no proxy's.

        `peer` is who is connected to us. Where the chain breaks off, because an entry is no address, the last
        proxy that was read is the best that is known.
        """
        last = Hop(peer)
        for hop in reversed(hops):
            if not self.trust(last.address):
                break
            ip = read_address(hop.address)
            if ip is None:
                return Hop(last.address, hop.scheme or last.scheme, hop.host or last.host)
            last = Hop(str(ip), hop.scheme or last.scheme, hop.host or last.host)
        return last


class CallerAddresses:
    """Puts the caller's own address, scheme and host in place of the proxy's; it refuses nothing."""

    def __init__(self, proxies: Proxies, header: ForwardedHeader, hosts: Hosts) -> None:
        self._proxies, self._header, self._hosts = proxies, header, hosts

    def check(self, visit: Visit) -> None:
        """Make the request what its caller sent to the outermost proxy."""
        scope = visit.scope
        peer = (scope.get("client") or ("",))[0]
        if not self._proxies.trust(peer):
            return
        headers = Headers(scope=scope)
        read = forwarded if self._header == "forwarded" else x_forwarded
        caller = self._proxies.caller(peer, list(read(headers)))
        if caller.address and caller.address != peer:
            scope["client"] = (caller.address, 0)
        if caller.scheme in ("http", "https"):
            scope["scheme"] = caller.scheme
        if caller.host and self._hosts.accept(caller.host):
            visit.replace_host(caller.host)


def x_forwarded(headers: Headers) -> Iterator[Hop]:
    """The hops of X-Forwarded-For; the proxy next to us says scheme and host for the last of them."""
    addresses = ",".join(headers.getlist("x-forwarded-for")).split(",")
    scheme, host = (_last(headers, f"x-forwarded-{name}") for name in ("proto", "host"))
    for place, address in enumerate(addresses, 1):
        is_last = place == len(addresses)
        yield Hop(_address(address), scheme.lower() if is_last else "", host if is_last else "")


def forwarded(headers: Headers) -> Iterator[Hop]:
    """The hops of Forwarded (RFC 7239).

    A comma within quotes parts hops as well. No proxy writes one, and a caller who leaves a quote open could
    otherwise swallow what the proxy appends.
    """
    for element in ",".join(headers.getlist("forwarded")).split(","):
        pairs = {}
        for part in element.split(";"):
            name, _, value = part.partition("=")
            pairs[name.strip().lower()] = value.strip().strip('"')
        yield Hop(_address(pairs.get("for", "")), pairs.get("proto", "").lower(), pairs.get("host", ""))


def _address(text: str) -> str:
    """An address without port and brackets."""
    text = text.strip()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _last(headers: Headers, name: str) -> str:
    return ",".join(headers.getlist(name)).rpartition(",")[2].strip()
