"""What is asked of the request that Flask answers now."""

from collections.abc import Mapping
from typing import Any, cast

from flask import Request, g, request

from heartguard_common.core.network import is_inner


def current() -> tuple[Request, Any]:
    """The request and Flask's `g` themselves: each look at one of Flask's proxies costs as much as a dictionary."""
    return request._get_current_object(), g._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001


def headers() -> Mapping[str, str]:
    """Its header fields; Werkzeug's Headers is a mapping in all but its base class."""
    return cast("Mapping[str, str]", request.headers)


def from_inner_network() -> bool:
    """Whether the peer itself is on loopback or a private network, with no proxy before it."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    # Without an address it came through a Unix socket, from this machine.
    return not request.remote_addr or is_inner(request.remote_addr)
