"""POST /auth/token/introspect."""

from urllib.parse import parse_qsl

from heartguard_auth.introspection.usecases import IntrospectionUseCases
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common.core.errors import MALFORMED, UNPROCESSABLE, ServiceError, Violation
from heartguard_common.http.routing import DOCUMENT_TYPES, Answer, Call, NoQuery, Read, Route
from heartguard_common.messages import Introspection, IntrospectRequest

FORM = "application/x-www-form-urlencoded"


def introspect_token(
    introspection: IntrospectionUseCases, call: Call[IntrospectRequest, NoQuery]
) -> Answer[Introspection]:
    """Check whether a token is active.

    Introspection (RFC 7662), of a token or of its id, `jti`.
    """
    request = call.document
    if ("token" in request) == ("jti" in request):
        raise ServiceError(UNPROCESSABLE, details=(Violation("/token", "either token or jti must be given"),))
    return Answer(introspection.introspect(request.get("token"), request.get("jti")), headers=NO_STORE)


def _read_form(body: bytes, _: NoQuery) -> Read:
    """The IntrospectionRequest that a form stands for (RFC 7662 section 2.1)."""
    try:
        pairs = parse_qsl(body.decode(), strict_parsing=True, max_num_fields=16)
    except ValueError as error:
        raise ServiceError(MALFORMED, "The form is not well-formed") from error
    if len(dict(pairs)) != len(pairs):
        raise ServiceError(MALFORMED, "A form field is repeated")
    return Read(dict(pairs), dict(pairs))


ROUTES = (
    Route(
        "POST",
        "/auth/token/introspect",
        introspect_token,
        accepts=(*DOCUMENT_TYPES, FORM),
        readers={FORM: _read_form},
    ),
)
