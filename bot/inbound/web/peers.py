"""Who is at the other end of a request, as far as limits are concerned: the network, never what a body says of itself.

Behind a proxy that the shop named (`[web] trusted_proxies`) the peer is whoever that proxy saw: `each_request` reads
X-Forwarded-For from the right, through trusted peers only.
"""

import ipaddress

from starlette.requests import Request

_UNKNOWN = "unknown"


def network(request: Request) -> str:
    """The /24 of an IPv4 peer, the /64 of an IPv6 one: what one subscriber may have."""
    return network_of(request.client.host if request.client else "")


def network_of(host: str) -> str:
    """What is no address counts as one network, with all that are none."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return _UNKNOWN
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    size = 24 if address.version == 4 else 64
    return str(ipaddress.ip_network(f"{address}/{size}", strict=False))
