"""Refusals of what never became a request: JSON, because its header was not readable and so no Accept was."""

import logging

from gunicorn.http import errors as parsing

from heartguard_common.core.errors import ErrorCode
from heartguard_common.runtime import parse_errors
from heartguard_gateway.errors import (
    BAD_REQUEST,
    EXPECTATION_FAILED,
    HEADERS_TOO_LARGE,
    TARGET_TOO_LONG,
    UNKNOWN_CODING,
)
from heartguard_gateway.sockets import discard_and_close

_PARSE_ERRORS: parse_errors.ErrorMapping = (
    (parsing.LimitRequestLine, TARGET_TOO_LONG),
    (parsing.LimitRequestHeaders, HEADERS_TOO_LARGE),
    (parsing.UnsupportedTransferCoding, UNKNOWN_CODING),
    (parsing.ExpectationFailed, EXPECTATION_FAILED),
    (parsing.ParseException, BAD_REQUEST),
)
log = logging.getLogger("heartguard.gateway")


def refuse_unparsed(client: object, method: str | None, error: Exception) -> None:
    """Answer what the parser raised, and close the connection. An error that is not the client's is GEN_500."""
    refuse(client, method, parse_errors.error_code_of(error, _PARSE_ERRORS, log))


def refuse(client: object, method: str | None, error_code: ErrorCode) -> None:
    """Answer on the bare socket, and close the connection."""
    parse_errors.refuse(client, method, error_code, log, gateway=True)
    discard_and_close(client)
