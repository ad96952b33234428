"""Addresses: those that a service listens on, and those of the names by which it is called."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
NEIGHBOURS = 64
"""Bits of an IPv6 address that one network has in common; whoever has one address there has all of them."""
LONGEST = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
"""Letters of the longest address."""
REMEMBERED = 4096
"""Addresses whose meaning is remembered; to read one takes as long as three rules."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address to listen on."""
    ip = read_address(host)
    return host.lower() == "localhost" if ip is None else ip.is_loopback


def read_address(text: str) -> IpAddress | None:
    """The IP address that `text` writes, IPv4 where IPv6 only carries it; None if it writes none."""
    text = text.partition("%")[0]
    return _read(text) if len(text) <= LONGEST else None


@lru_cache(REMEMBERED)
def _read(text: str) -> IpAddress | None:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    inner = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return inner or ip


def name_of(host: str) -> str:
    """The name or address in a `Host` header, in small letters, without port and brackets."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).removesuffix(".")


def network_of(address: str) -> str:
    """What requests from an address are counted under: itself, for IPv6 its network of 64 bits."""
    return _network(address) if len(address) <= 2 * LONGEST else address


@lru_cache(REMEMBERED)
def _network(address: str) -> str:
    ip = read_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, NEIGHBOURS), strict=False))
    return address if ip is None else str(ip)
