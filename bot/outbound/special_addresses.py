"""Addresses that are no place in the public internet: where nobody outside of our network may send us.

IANA's special-purpose registries for IPv4 and IPv6 as they are (www.iana.org/assignments/iana-ipv4-special-registry and
iana-ipv6-special-registry), whole blocks without their exceptions, with multicast, and with what clouds tell their own
machines about themselves at addresses that are public by the book.
"""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_IPV4 = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
)  # fmt: skip
_CLOUDS = ("168.63.129.16/32",)
"""Azure's host; Alibaba's (100.100.100.200), Oracle's (192.0.0.192) and the usual 169.254.169.254 are above."""

_IPV6 = (
    "::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23",
    "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10",
    "ff00::/8",
)  # fmt: skip
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NETWORKS4 = tuple(ipaddress.IPv4Network(block) for block in (*_IPV4, *_CLOUDS))
_NETWORKS6 = tuple(ipaddress.IPv6Network(block) for block in _IPV6)


def is_special(address: Address) -> bool:
    """Every way to write an IPv4 address within an IPv6 one is special too, wherever it leads, but two: `::ffff:…` is
    the IPv4 address itself, and a network may reach the IPv4 world through NAT64 (64:ff9b::/96)."""
    if isinstance(address, ipaddress.IPv4Address):
        return any(address in network for network in _NETWORKS4)
    if address.ipv4_mapped is not None or address in _NAT64:
        return is_special(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address not in _GLOBAL_UNICAST or any(address in network for network in _NETWORKS6)
