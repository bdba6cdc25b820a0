"""The one renderer of errors: a `ServiceError` becomes status, headers and bytes in the format asked for."""

from collections.abc import Mapping
from types import MappingProxyType

from heartguard_common.contract.contracts import Contracts
from heartguard_common.contract.error_documents import (
    INFLUXDB,
    INFLUXDB_1,
    error_document,
    influxdb_1_document,
    influxdb_document,
    problem_document,
)
from heartguard_common.contract.json_documents import dump_json
from heartguard_common.contract.representation import JSON, XML_TYPES, choose
from heartguard_common.core.errors import INTERNAL, UNAUTHENTICATED, ServiceError

CHALLENGE = 'Bearer realm="heartguard"'
PROBLEM_JSON, PROBLEM_XML = "application/problem+json", "application/problem+xml"
# The problem type of each document type, and the document type that each is encoded as.
PROBLEM_OF: Mapping[str, str] = MappingProxyType({JSON: PROBLEM_JSON, **dict.fromkeys(XML_TYPES, PROBLEM_XML)})
_ENCODING = {PROBLEM_JSON: JSON, PROBLEM_XML: XML_TYPES[0]}


def error_type(accept: str | None, document_type: str, *, forced: bool = False) -> str:
    """The media type of an error where documents are of `document_type`: that type, or problem details (RFC 9457).

    A problem type has to be named, since wildcards leave the choice to us, and has to be preferred to the other
    document types, or as good as those. `forced` says that the document type is not the header's (`?format=`): then the
    header only chooses between the two forms of an error.
    """
    if accept is None or "/problem+" not in accept.lower():
        return document_type
    named = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    own = PROBLEM_OF[document_type]
    offers = [kind for kind in dict.fromkeys((own, PROBLEM_JSON, PROBLEM_XML)) if kind in named]
    preferred = choose(accept, (*offers, JSON, *XML_TYPES))
    if preferred not in _ENCODING:
        return document_type
    return own if forced else preferred


def render(error: Exception, form: str, request_id: str, contracts: Contracts) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an error; `form` is a media type of `error_type` or a dialect of a route.

    Any other exception is an internal error and becomes GEN_500 without details.
    A 401 carries `WWW-Authenticate` (RFC 9110 section 11.6.1).
    """
    known = error if isinstance(error, ServiceError) else ServiceError(INTERNAL)
    headers = {"Content-Type": content_type(form), **known.headers}
    if form in _ENCODING:
        body = contracts["Problem"].encode(problem_document(known, request_id), _ENCODING[form])
    elif form == INFLUXDB:
        document = influxdb_document(known)
        headers |= {"Content-Type": f"{JSON}; charset=utf-8", "X-Platform-Error-Code": document["code"]}
        body = dump_json(document)
    elif form == INFLUXDB_1:
        headers["Content-Type"] = f"{JSON}; charset=utf-8"
        body = dump_json(influxdb_1_document(known))
    else:
        body = contracts["Error"].encode(
            error_document(known.error_code, request_id, known.message, known.details), form
        )
    if known.error_code.status == UNAUTHENTICATED.status:
        headers.setdefault("WWW-Authenticate", CHALLENGE)
    return known.error_code.status, headers, body


def content_type(media_type: str) -> str:
    """The Content-Type header of a media type: XML and text say their charset, JSON has none (RFC 8259)."""
    return media_type if media_type in (JSON, PROBLEM_JSON) else f"{media_type}; charset=utf-8"
