"""The ids of the current request, in context variables."""

import re
import secrets
from contextvars import ContextVar
from typing import TYPE_CHECKING

from heartguard_common.core.api_key_form import API_KEY
from heartguard_common.core.ids import uuid7

if TYPE_CHECKING:
    from heartguard_common.core.tracing import Tracing

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
GATEWAY_REQUEST_ID: ContextVar[str | None] = ContextVar("gateway_request_id", default=None)
TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)

SPANS: "Tracing | None" = None
"""What makes spans; None where `OTEL_EXPORTER_OTLP_ENDPOINT` is empty. `tracing.start` sets it, once a process."""

_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def accept_request_id(inbound: str | None) -> str:
    """The request id: a valid inbound `X-Request-ID`, otherwise a new UUIDv7. An API key is none: ids are logged."""
    valid = inbound and _VALID_ID.fullmatch(inbound) and not API_KEY.search(inbound)
    return inbound if inbound and valid else uuid7()


# W3C Trace Context, section 3.2.2: version ff is invalid, as are ids of zeros alone, and version 00 has four fields.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")


def continued(inbound: str | None) -> str | None:
    """The `traceparent` of this hop: the caller's trace id and a new span id; None without a valid inbound one.

    W3C Trace Context, sections 3.2.2 to 3.2.4: a later version is read as version 00, and only the flag `sampled` is
    passed on. Where spans are made, the current one's takes its place, with or without an inbound one.
    """
    if SPANS is not None:
        return SPANS.traceparent()
    match = _TRACEPARENT.fullmatch(inbound or "")
    if not match or (match[1] == "00" and match[4]):
        return None
    # A span id of zeros is invalid, so the last bit is always 1.
    span = secrets.randbits(64) | 1
    return f"00-{match[2]}-{span:016x}-{int(match[3], 16) & 1:02x}"


def trace_id() -> str | None:
    """The id of the trace that the current request belongs to; None without a trace."""
    current = TRACEPARENT.get()
    return current.split("-")[1] if current else None


def onward_headers() -> dict[str, str]:
    """The headers that pass this request's ids to the next service."""
    values = {
        "X-Request-ID": REQUEST_ID.get(),
        "X-Gateway-Request-ID": GATEWAY_REQUEST_ID.get(),
        "traceparent": TRACEPARENT.get() if SPANS is None else SPANS.traceparent(),
    }
    return {name: value for name, value in values.items() if value}
