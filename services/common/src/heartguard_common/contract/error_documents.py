"""Errors as documents: the `Error` message, problem details (RFC 9457), and the error forms of InfluxDB.

Independent of JSON and XML, and quick to import: the server uses it for parse errors before any service is loaded.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote

from heartguard_common.core.errors import ErrorCode, ServiceError, Violation
from heartguard_common.core.ids import is_uuid
from heartguard_common.messages import Error, ErrorBodyDocument, Problem

ERRORS_PAGE = "/docs/errors"
MOST_DETAILS = 100
INFLUXDB, INFLUXDB_1 = "influxdb", "influxdb_1"
DIALECTS = (INFLUXDB, INFLUXDB_1)  # what a rule of the policy can name as `errors`
# The error codes of InfluxDB 2 by status; its clients decide by them whether to retry.
INFLUXDB_CODES: Mapping[int, str] = MappingProxyType(
    {
        400: "invalid",
        401: "unauthorized",
        403: "forbidden",
        404: "not found",
        405: "method not allowed",
        409: "conflict",
        413: "request too large",
        415: "unsupported media type",
        422: "unprocessable entity",
        429: "too many requests",
        500: "internal error",
        501: "not implemented",
        502: "unavailable",
        503: "unavailable",
        504: "unavailable",
    }
)
_MOST_NAMED = 5  # how many details the message for InfluxDB's clients includes


def error_document(
    error_code: ErrorCode, request_id: str, message: str | None = None, details: Sequence[Violation] = ()
) -> Error:
    """The `Error` message: code, message, request id, and at most 100 details, if any."""
    text = message or error_code.title
    inner: ErrorBodyDocument = {"code": error_code.code, "message": text, "request_id": request_id}
    if details:
        inner["details"] = [
            {"path": violation.path, "message": violation.message} for violation in details[:MOST_DETAILS]
        ]
    return {"error": inner}


def problem_document(error: ServiceError, request_id: str) -> Problem:
    """The `Problem` message (RFC 9457 section 3.1).

    `type` links to the code on the page of errors. `detail` is present where it differs from `title`, `instance` where
    the request id is a UUID, as all generated ones are. `errors` has the form of the RFC's example.
    """
    error_code = error.error_code
    document: Problem = {
        "type": f"{ERRORS_PAGE}#{error_code.code}",
        "title": error_code.title,
        "status": error_code.status,
        "code": error_code.code,
        "request_id": request_id,
    }
    if error.message != error_code.title:
        document["detail"] = error.message
    if is_uuid(request_id):
        document["instance"] = f"urn:uuid:{request_id.lower()}"
    if error.details:
        document["errors"] = [
            # RFC 6901 section 6: a JSON Pointer as the fragment of a URI
            {"detail": violation.message, "pointer": "#" + quote(violation.path, safe="/~")}
            for violation in error.details[:MOST_DETAILS]
        ]
    return document


def influxdb_document(error: ServiceError) -> dict[str, str]:
    """The error document of InfluxDB 2: its code for the status, and a message that includes the first details."""
    other = "internal error" if error.error_code.status >= 500 else "invalid"
    return {"code": INFLUXDB_CODES.get(error.error_code.status, other), "message": _sentence(error)}


def influxdb_1_document(error: ServiceError) -> dict[str, str]:
    """The error document of InfluxDB 1: a message that includes the first details."""
    return {"error": _sentence(error)}


def _sentence(error: ServiceError) -> str:
    named = "; ".join(
        f"{violation.path or 'the document'} {violation.message}" for violation in error.details[:_MOST_NAMED]
    )
    return f"{error.message}: {named}" if named else error.message
