"""From the query and the body of a request to the `Call` that a handler gets."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import TypeVar

from flask import request

from heartguard_common.contract.contracts import Contract, Violations
from heartguard_common.contract.json_documents import Document, Malformed
from heartguard_common.contract.xml_codec import pointer
from heartguard_common.core.errors import MALFORMED, UNPROCESSABLE, ServiceError, Violation
from heartguard_common.http import body as bodies
from heartguard_common.http.current_request import current, headers
from heartguard_common.http.idempotency import fingerprint
from heartguard_common.http.revocation_recheck import RevocationCheckedReader, RevocationRecheck
from heartguard_common.http.routing import AnyCall, AnyRoute, Call, StreamCall
from heartguard_common.http.web_dependencies import WebDependencies
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.policy import RouteRule

_LARGE = 1024 * 1024
T = TypeVar("T")


class CallDecoder:
    """Decodes the requests of one route; its contracts are looked up once."""

    def __init__(self, web: WebDependencies, route: AnyRoute, rule: RouteRule) -> None:
        self._route = route
        self._body = None if route.takes is None else web.contracts[route.takes]
        self._query = None if route.query is None else web.contracts[route.query]
        self._most = rule.max_body or 0
        self._one_large_body = web.decoding

    def decode(
        self, principal: Principal | None, params: Mapping[str, str], recheck: RevocationRecheck
    ) -> tuple[AnyCall, str]:
        """The call, and the hash of its request where that has an Idempotency-Key, else an empty text.

        The hash is made here, because the bytes of the body must not be kept while the handler runs. Raises GEN_400,
        GEN_413, GEN_415, GEN_422.
        """
        query = self._decode_query()
        document, body_type, raw = self._read_body(query)
        asked, state = current()
        keyed = "Idempotency-Key" in asked.headers
        request_hash = fingerprint(asked.full_path.encode(), state.media_type.encode(), raw) if keyed else ""
        call: AnyCall = Call(
            request_id=state.request_id,
            media_type=state.media_type,
            params=params,
            query=query,
            headers=headers(),
            principal=principal,
            document=document,
            body_type=body_type,
            content_length=asked.content_length,
            address=state.address,
            user_agent=asked.headers.get("User-Agent", "")[:300],
        )
        if self._route.body == "stream":
            call = StreamCall(**vars(call), stream=RevocationCheckedReader(asked.stream, recheck))
        return call, request_hash

    def _decode_query(self) -> Document:
        pairs = [(name, value) for name, value in request.args.items(multi=True) if name != "format"]
        if self._query is None:
            if pairs:
                violations = [Violation(pointer(((), name)), "is not a parameter of this route") for name, _ in pairs]
                raise ServiceError(UNPROCESSABLE, details=violations)
            return {}
        return require_valid(partial(self._query.decode_query, pairs))

    def _read_body(self, query: Document) -> tuple[object, str | None, bytes]:
        if self._body is None:
            media_type = None
            if self._route.body == "stream":
                bodies.require_identity(headers())
                media_type = bodies.media_type(headers(), self._route.accepts) if self._route.accepts else None
            return None, media_type, b""
        if self._route.body == "optional" and not (request.content_length or "Transfer-Encoding" in request.headers):
            return None, None, b""
        media_type = bodies.media_type(headers(), self._route.accepts)
        raw = bodies.read(request.stream, headers(), self._most)
        # A document takes many times the memory of its bytes, and two of them are not made faster at once than in turn.
        with self._one_large_body if len(raw) > _LARGE else nullcontext():
            return self._decode(self._body, raw, media_type, query), media_type, raw

    def _decode(self, contract: Contract, raw: bytes, media_type: str, query: Document) -> object:
        reader = self._route.readers.get(media_type)
        if reader is None:
            return require_valid(partial(contract.decode, raw, media_type))
        read = reader(raw, query)
        if read.document is not None:
            require_valid(partial(contract.check, read.document))
        return read.value


def require_valid(decode: Callable[[], T]) -> T:
    """What a decoder returns. Raises GEN_400 for what is not well-formed, GEN_422 for what breaks its contract."""
    try:
        return decode()
    except Malformed as error:
        refusal = ServiceError(MALFORMED, str(error))
    except Violations as error:
        refusal = ServiceError(UNPROCESSABLE, details=error.violations)
    raise refusal  # outside of `except`: the cause would keep its frames in memory, and with them the whole document
