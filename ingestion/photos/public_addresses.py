"""Which addresses are of the public internet, by one list of our own: special_addresses.toml.

The standard library's own list differs between patch releases of Python: 3.11.7 takes 192.0.0.8 for public.

Laws (tests/ingestion/photos/test_public_addresses.py):
- at both ends of every block of the list, and one address beyond, an address is what the list says;
- an IPv6 address that carries an IPv4 address is as public as that;
- what is no address is not public.
"""

from __future__ import annotations

import ipaddress
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("special_addresses.toml")
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
"""The only IPv6 addresses that are given out for use between networks (RFC 4291, 2.4)."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of special addresses; the fields are described at the top of the list."""

    block: ipaddress.IPv4Network | ipaddress.IPv6Network
    public: bool = False
    inner: int | None = None
    flip: bool = False
    source: str = ""


@cache
def special_blocks() -> tuple[Block, ...]:
    """The list, longest prefixes first."""
    rows = tomllib.loads(FILE.read_text())["address"]
    blocks = (Block(**{**row, "block": ipaddress.ip_network(row["block"])}) for row in rows)
    return tuple(sorted(blocks, key=lambda block: -block.block.prefixlen))


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet, also where IPv6 carries an IPv4 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    special = next((block for block in special_blocks() if ip in block.block), None)
    if special is None:
        return isinstance(ip, ipaddress.IPv4Address) or ip in _GIVEN_OUT
    if special.inner is None:
        return special.public
    inner = int(ip) >> (96 - special.inner) & 0xFFFFFFFF
    return is_public(str(ipaddress.IPv4Address(inner ^ 0xFFFFFFFF if special.flip else inner)))
