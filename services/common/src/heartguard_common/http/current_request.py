"""What is asked of the request that Flask answers now."""

from collections.abc import Mapping
from typing import cast

from flask import request

from heartguard_common.core.network import is_inner


def headers() -> Mapping[str, str]:
    """Its header fields; Werkzeug's Headers is a mapping in all but its base class."""
    return cast("Mapping[str, str]", request.headers)


def from_inner_network() -> bool:
    """Whether the peer itself is on loopback or a private network, with no proxy before it."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    # Without an address it came through a Unix socket, from this machine.
    return not request.remote_addr or is_inner(request.remote_addr)
