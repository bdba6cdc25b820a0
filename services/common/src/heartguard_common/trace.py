"""What belongs to the request at hand, carried beside the call stack: its ids."""

import re
from contextvars import ContextVar

from heartguard_common.ids import uuid7

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
GATEWAY_REQUEST_ID: ContextVar[str | None] = ContextVar("gateway_request_id", default=None)
TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)

_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def accept_request_id(inbound: str | None) -> str:
    """A sane inbound `X-Request-ID` is kept, otherwise one is made."""
    return inbound if inbound and _SANE.fullmatch(inbound) else uuid7()


def onward_headers() -> dict[str, str]:
    """The headers that carry this request's ids to the next hop."""
    values = {
        "X-Request-ID": REQUEST_ID.get(),
        "X-Gateway-Request-ID": GATEWAY_REQUEST_ID.get(),
        "traceparent": TRACEPARENT.get(),
    }
    return {name: value for name, value in values.items() if value}
