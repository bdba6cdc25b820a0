"""Errors for requests that gunicorn could not parse: JSON, because their Accept header is not known."""

import json
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypeAlias

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import UnsupportedTransferCoding

from heartguard_common.contract.error_documents import error_document
from heartguard_common.core.errors import INTERNAL, ErrorCode
from heartguard_common.core.ids import uuid7
from heartguard_common.core.trace import REQUEST_ID

ErrorMapping: TypeAlias = Sequence[tuple[type[Exception], ErrorCode]]
"""Exceptions of an HTTP parser, the narrower ones first, and what each is refused with."""


def error_code_of(error: BaseException, mapping: ErrorMapping, log: logging.Logger) -> ErrorCode:
    """The code of the first kind that `error` is; an error not caused by the client is logged and is GEN_500."""
    found = next((code for kind, code in mapping if isinstance(error, kind)), None)
    if found is None:
        log.error("a connection failed", exc_info=error)
    return found or INTERNAL


def require_known_coding(request: Any) -> None:
    """Raise gunicorn's UnsupportedTransferCoding where a body has another coding than chunked (RFC 9112 section 6.1).

    Gunicorn takes them when chunked is the last one, and decodes none.
    """
    if isinstance(request.body.reader, ChunkedReader):
        codings = [value.strip().lower() for name, value in request.headers if name == "TRANSFER-ENCODING"]
        if codings != ["chunked"]:
            raise UnsupportedTransferCoding(", ".join(codings))


def refuse(
    client: Any, method: str | None, error_code: ErrorCode, log: logging.Logger, *, gateway: bool = False
) -> None:
    """Answer on the bare socket; the caller closes it. `gateway`: the answer names the gateway's request too."""
    own = uuid7()
    REQUEST_ID.set(own)
    fields = {"method": method, "status": error_code.status, "code": error_code.code, "route": "unparsed"}
    log.info("request", extra={"fields": {**fields, **({"gateway_request_id": own} if gateway else {})}})
    body = json.dumps(error_document(error_code, own), separators=(",", ":")).encode()
    head = (
        f"HTTP/1.1 {error_code.status} {HTTPStatus(error_code.status).phrase}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Vary: Accept\r\n"
        f"X-Request-ID: {own}\r\n"
    )
    named = f"X-Gateway-Request-ID: {own}\r\n" if gateway else ""
    try:
        client.sendall(f"{head}{named}\r\n".encode("ascii") + body)
    except OSError:
        log.debug("the client did not wait for its refusal")
