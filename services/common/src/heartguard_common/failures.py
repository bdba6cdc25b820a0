"""The one renderer of errors: a `ServiceError` becomes status, headers and bytes in the format asked for."""

from collections.abc import Mapping

from heartguard_common.contracts import Contracts
from heartguard_common.errors import INTERNAL, UNAUTHENTICATED, ServiceError

CHALLENGE = 'Bearer realm="heartguard"'


def render(
    error: Exception, media_type: str, request_id: str, contracts: Contracts
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an error in `media_type`.

    Anything but a `ServiceError` is a fault of ours and becomes GEN_500 without a word of what it was.
    A 401 carries `WWW-Authenticate` (RFC 9110 section 11.6.1).
    """
    known = error if isinstance(error, ServiceError) else ServiceError(INTERNAL)
    body = contracts["Error"].encode(document(known, request_id), media_type)
    headers = {"Content-Type": content_type(media_type), **known.headers}
    if known.row.status == UNAUTHENTICATED.status:
        headers.setdefault("WWW-Authenticate", CHALLENGE)
    return known.row.status, headers, body


def document(error: ServiceError, request_id: str) -> Mapping[str, object]:
    """The `Error` message: code, message, request id, and details where there are some."""
    inner: dict[str, object] = {"code": error.row.code, "message": error.message, "request_id": request_id}
    if error.details:
        inner["details"] = [{"path": fault.path, "message": fault.message} for fault in error.details[:100]]
    return {"error": inner}


def content_type(media_type: str) -> str:
    """The Content-Type header of a media type: XML and text say their charset, JSON has none (RFC 8259)."""
    return media_type if media_type == "application/json" else f"{media_type}; charset=utf-8"
