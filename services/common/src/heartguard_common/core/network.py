"""IP addresses: reading them, and which belong to the inner network."""

import ipaddress
from functools import lru_cache

# Not `is_private`: Python counts documentation ranges among the private ones, and 3.11 every mapped IPv4 address.
_INNER = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),  # RFC 1122, 1918, 3927
        *("::1/128", "fc00::/7", "fe80::/10"),  # RFC 4291, 4193
    )
)


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address, or None; IPv4 that came over an IPv6 socket is IPv4, and a zone is left away."""
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, ipaddress.IPv6Address) else parsed


@lru_cache(maxsize=4096)
def bucket_address(address: str) -> str:
    """The address that a client is counted by; of an IPv6 address the /64 network, all of which is one client's."""
    parsed = parse_address(address)
    if not isinstance(parsed, ipaddress.IPv6Address):
        return address if parsed is None else str(parsed)
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False).network_address)


@lru_cache(maxsize=4096)
def is_inner(address: str) -> bool:
    """Whether an IP address is a loopback, link-local or private one; a text that is no address is not."""
    parsed = parse_address(address)
    return parsed is not None and any(parsed in network for network in _INNER)
