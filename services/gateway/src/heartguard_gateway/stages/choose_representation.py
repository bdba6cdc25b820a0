"""Settle early in which format a refusal would leave; what a route offers besides is its service's affair."""

import functools
from urllib.parse import parse_qsl

from heartguard_common.representation import choose
from heartguard_common.routing import DOCUMENT_TYPES, FORMATS
from heartguard_gateway.domain import Exchange
from heartguard_gateway.ports import Ports
from heartguard_gateway.stage import stage


@functools.lru_cache(maxsize=1024)
def negotiate(accept: str | None) -> str | None:
    """The document type that an Accept header prefers; clients repeat themselves, so it is remembered."""
    return choose(accept, DOCUMENT_TYPES)


@stage(adds=("media_type", "acceptable"))
def choose_representation(exchange: Exchange, _: Ports) -> None:
    """Set the media type of documents; without an acceptable one errors are JSON (RFC 9110 section 15.5.7)."""
    request = exchange.request
    accept = request.headers.get("accept")
    chosen = negotiate(accept) if accept is None or len(accept) <= 512 else choose(accept, DOCUMENT_TYPES)
    if "format=" in request.query:
        # of several the first counts, as the services read it
        pairs = parse_qsl(request.query, max_num_fields=None)
        wanted = next((value for name, value in pairs if name == "format"), "")
        chosen = FORMATS.get(wanted, chosen)
    exchange.acceptable = chosen is not None
    exchange.media_type = chosen or DOCUMENT_TYPES[0]
