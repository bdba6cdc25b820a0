"""Which addresses belong to the inner network."""

import ipaddress

# Not `is_private`: Python counts documentation ranges among the private ones, and 3.11 every mapped IPv4 address.
_INNER = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),  # RFC 1122, 1918, 3927
        *("::1/128", "fc00::/7", "fe80::/10"),  # RFC 4291, 4193
    )
)


def is_inner(address: str) -> bool:
    """Whether an IP address is a loopback, link-local or private one; a text that is no address is not."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in network for network in _INNER)
