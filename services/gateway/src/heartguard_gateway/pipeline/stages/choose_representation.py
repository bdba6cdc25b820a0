"""Choose the format of documents and refusals; other formats that a route offers are negotiated by its service."""

import functools
from urllib.parse import parse_qsl

from heartguard_common.contract.representation import choose
from heartguard_common.http.error_rendering import error_type
from heartguard_common.http.routing import DOCUMENT_TYPES, FORMATS
from heartguard_gateway.domain import Exchange
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports


@functools.lru_cache(maxsize=1024)
def negotiate(accept: str | None) -> tuple[str | None, str]:
    """The document type that an Accept header prefers, and the type of errors; clients repeat themselves."""
    chosen = choose(accept, DOCUMENT_TYPES)
    return chosen, error_type(accept, chosen or DOCUMENT_TYPES[0])


@stage(adds=("media_type", "error_type", "acceptable"))
def choose_representation(exchange: Exchange, _: Ports) -> None:
    """Set the media types of documents and errors; without an acceptable one both are JSON (RFC 9110, 15.5.7)."""
    request = exchange.request
    accept = request.headers.get("accept")
    # a long header is not cached: anonymous clients could fill the memory with them
    asked = negotiate if accept is None or len(accept) <= 512 else negotiate.__wrapped__
    chosen, exchange.error_type = asked(accept)
    if "format=" in request.query:
        # of several parameters the first counts, as in the services
        pairs = parse_qsl(request.query, max_num_fields=None)
        wanted = next((value for name, value in pairs if name == "format"), "")
        if wanted in FORMATS:
            chosen = FORMATS[wanted]
            exchange.error_type = error_type(accept, chosen, forced=True)
    exchange.acceptable = chosen is not None
    exchange.media_type = chosen or DOCUMENT_TYPES[0]
