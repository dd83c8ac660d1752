"""Every block of the special-purpose registries, its first and its last address, in every way to write them."""

import ipaddress

import pytest

from bot.outbound.webhook import ForbiddenAddressError, Guard, is_public

BLOCKS = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32", "::1/128",
    "::/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32", "2001:2::/48", "2001:20::/28",
    "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10",
    "ff00::/8", "4000::/3", "::ffff:0:0:0/96",
)  # fmt: skip


@pytest.mark.parametrize("block", BLOCKS)
def test_nobody_sends_us_into_a_special_block(block: str) -> None:
    network = ipaddress.ip_network(block)
    for address in (network[0], network[-1], network[network.num_addresses // 2]):
        assert not is_public(str(address)), address
        if isinstance(address, ipaddress.IPv4Address):
            number = int(address)
            for prefix in ("::ffff:0:0", "64:ff9b::", "64:ff9b:1::", "::", "::ffff:0:0:0"):
                assert not is_public(str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number))), prefix
            assert not is_public(str(ipaddress.IPv6Address(0x2002 << 112 | number << 80)))
            assert not is_public(str(ipaddress.IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF))))  # Teredo


@pytest.mark.parametrize("address", ["2002:808:808::1", "2001:0:808:808::1", "64:ff9b:1::808:808", "::808:808"])
def test_old_tunnels_are_refused_wherever_they_lead(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "168.63.129.15", "172.32.0.1",
     "192.0.1.1", "198.20.0.1", "223.255.255.255", "2a00:1450::1", "2001:200::1", "2003::1", "2620:4f:8001::1",
     "64:ff9b::808:808"],
)  # fmt: skip
def test_the_neighbours_of_special_blocks_are_the_world(address: str) -> None:
    assert is_public(address)


async def test_a_name_that_leads_inside_once_is_refused_and_what_was_checked_is_connected_to() -> None:
    answers = [["1.1.1.1"], ["1.1.1.1", "168.63.129.16"]]

    async def lookup(_host: str, _port: int) -> list[str]:
        return answers.pop(0)

    guard = Guard(lookup)
    assert [one["host"] for one in await guard.resolve("shop.example", 443)] == ["1.1.1.1"]
    with pytest.raises(ForbiddenAddressError):
        await guard.resolve("shop.example", 443)
