"""Refuse what gateway and service could read differently: ambiguous targets and paths, a missing Host."""

import re

from heartguard_common.core.errors import ServiceError
from heartguard_gateway.domain import Exchange, origin_form, split_path
from heartguard_gateway.errors import BAD_HOST, BAD_TARGET
from heartguard_gateway.pipeline.stage import stage
from heartguard_gateway.ports import Ports

_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::[0-9]{0,5})?", re.ASCII)


@stage(adds=("segments",))
def refuse_malformed(exchange: Exchange, _: Ports) -> None:
    """Set the path's decoded segments; a target in absolute-form becomes one in origin-form. Raises GW_001, GW_002."""
    request = exchange.request
    host = request.headers.get("host")
    if (host is None and request.protocol != "HTTP/1.0") or (host is not None and not _HOST.fullmatch(host)):
        raise ServiceError(BAD_HOST)
    if "#" in request.target:
        raise ServiceError(BAD_TARGET, "The request target has a fragment")
    absolute = origin_form(request.method, request.target)
    if absolute is not None:
        authority, request.target = absolute
        if not _HOST.fullmatch(authority):
            raise ServiceError(BAD_TARGET, "The request target has an authority that is no host and port")
        request.headers = {**request.headers, "host": authority}  # it counts in place of the field
    if request.target == "*" and request.method == "OPTIONS":
        return
    try:
        exchange.segments = split_path(request.path)
    except UnicodeDecodeError as error:
        raise ServiceError(BAD_TARGET, "The path of the request is not UTF-8") from error
    except ValueError as error:
        raise ServiceError(BAD_TARGET, f"The path of the request {error}") from error
