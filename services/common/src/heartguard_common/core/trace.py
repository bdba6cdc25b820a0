"""The ids of the current request, in context variables."""

import re
import secrets
from contextvars import ContextVar

from heartguard_common.core.ids import uuid7

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
GATEWAY_REQUEST_ID: ContextVar[str | None] = ContextVar("gateway_request_id", default=None)
TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)

_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def accept_request_id(inbound: str | None) -> str:
    """A sane inbound `X-Request-ID` is kept, otherwise one is made."""
    return inbound if inbound and _SANE.fullmatch(inbound) else uuid7()


# W3C Trace Context, section 3.2.2: version ff is invalid, as are ids of zeros alone, and version 00 has four fields.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")


def continued(inbound: str | None) -> str | None:
    """The `traceparent` of this hop: the caller's trace and a new span; None where no trace comes in.

    W3C Trace Context, sections 3.2.2 to 3.2.4: a later version is read as 00, one that breaks the form is not passed
    on, and of the flags only `sampled` is known.
    """
    match = _TRACEPARENT.fullmatch(inbound or "")
    if not match or (match[1] == "00" and match[4]):
        return None
    # a span id of zeros is invalid: the last bit is one at the cost of one of 64
    span = secrets.randbits(64) | 1
    return f"00-{match[2]}-{span:016x}-{int(match[3], 16) & 1:02x}"


def trace_id() -> str | None:
    """The id of the trace that the current request belongs to; None without a trace."""
    current = TRACEPARENT.get()
    return current.split("-")[1] if current else None


def onward_headers() -> dict[str, str]:
    """The headers that carry this request's ids to the next hop."""
    values = {
        "X-Request-ID": REQUEST_ID.get(),
        "X-Gateway-Request-ID": GATEWAY_REQUEST_ID.get(),
        "traceparent": TRACEPARENT.get(),
    }
    return {name: value for name, value in values.items() if value}
