"""Which addresses are public: the list, its edges, and what other libraries get wrong."""

from __future__ import annotations

import ipaddress
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ingestion.photos.public_addresses import Block, is_public, special_blocks

BLOCKS = special_blocks()
BLOCKS4 = [block for block in BLOCKS if block.block.version == 4]
inner_addresses = st.integers(0, 2**32 - 1)
WITH_IPV4 = [block for block in BLOCKS if block.inner is not None]


def carrying(block: Block, inner: int) -> str:
    """The IPv6 address of a block that carries an IPv4 address."""
    assert block.inner is not None
    bits = inner ^ 0xFFFFFFFF if block.flip else inner
    return str(ipaddress.IPv6Address(int(block.block.network_address) | bits << (96 - block.inner)))


def by_hand(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """The answer of the rows themselves, worked out another way: the last fitting row, widest first."""
    public = isinstance(address, ipaddress.IPv4Address) or int(address) >> 125 == 0b001
    for block in sorted(BLOCKS, key=lambda block: block.block.prefixlen):
        network = block.block
        if network.version != address.version:
            continue
        if int(network.network_address) <= int(address) <= int(network.broadcast_address):
            if block.inner is None:
                public = block.public
            else:
                bits = f"{int(address):0128b}"[block.inner : block.inner + 32]
                inner = int(bits.translate({48: "1", 49: "0"}) if block.flip else bits, 2)
                public = by_hand(ipaddress.IPv4Address(inner))
    return public


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.block))
def test_both_ends_of_a_block_and_the_addresses_beyond(block):
    network = block.block
    kind = type(network.network_address)
    first, last = int(network.network_address), int(network.broadcast_address)
    numbers = (first, (first + last) // 2, last, first - 1, last + 1)
    for number in numbers:
        if not 0 <= number < 2**network.max_prefixlen:
            continue
        address = kind(number)
        assert is_public(str(address)) == by_hand(address), address
    if block.inner is None:
        for number in (first, last):
            narrower = [
                other for other in BLOCKS
                if other.block.version == network.version and other.block.prefixlen > network.prefixlen
                and kind(number) in other.block
            ]  # fmt: skip
            assert narrower or is_public(str(kind(number))) == block.public


@pytest.mark.parametrize("block", WITH_IPV4, ids=lambda block: str(block.block))
@given(inner=inner_addresses)
def test_an_address_that_carries_another_is_as_public_as_that(block, inner):
    assert is_public(carrying(block, inner)) == is_public(str(ipaddress.IPv4Address(inner)))


@pytest.mark.parametrize("block", BLOCKS4, ids=lambda block: str(block.block))
@pytest.mark.parametrize("around", WITH_IPV4, ids=lambda block: str(block.block))
def test_no_special_address_hides_in_another(around, block):
    for inner in (block.block.network_address, block.block.broadcast_address):
        assert is_public(carrying(around, int(inner))) == is_public(str(inner))


@given(st.ip_addresses())
def test_any_address_is_what_the_list_says(address):
    assert is_public(str(address)) == by_hand(address)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "127.0.0.1", "0.0.0.0", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "192.0.0.8",
        "64:ff9b:1::1", "198.18.0.1", "2001:2::1", "3fff::1", "5f00::1", "::8.8.8.8", "2001:db8::1",
        "4000::1", "2001::1", "", "localhost", "1.2.3", "0x7f.1", "127.0.0.1:80",
    ],
)  # fmt: skip
def test_these_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "192.0.0.9",
        "2001:20::1",
    ],
)
def test_these_are_public(address):
    assert is_public(address)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="older lists of the standard library have gaps")
@given(st.ip_addresses(v=4))
def test_a_new_python_agrees(address):
    assert is_public(str(address)) == (address.is_global and not address.is_multicast)


def test_the_list_has_no_block_twice_and_a_source_for_each():
    assert len({block.block for block in BLOCKS}) == len(BLOCKS)
    assert all(block.source for block in BLOCKS)
