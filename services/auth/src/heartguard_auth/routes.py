"""The route table of auth: the routes of all subjects, each with the use cases of its subject."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar

from heartguard_auth.accounts.routes import ROUTES as ACCOUNTS
from heartguard_auth.api_keys.routes import ROUTES as API_KEYS
from heartguard_auth.confirmation.routes import ROUTES as CONFIRMATION
from heartguard_auth.demo.routes import ROUTES as DEMO
from heartguard_auth.identities.routes import ROUTES as IDENTITIES
from heartguard_auth.introspection.routes import ROUTES as INTROSPECTION
from heartguard_auth.invitations.routes import ACCEPTANCE_ROUTES as ACCEPTANCE
from heartguard_auth.invitations.routes import ROUTES as INVITATIONS
from heartguard_auth.login_attempts.routes import ROUTES as LOGIN_ATTEMPTS
from heartguard_auth.mail.routes import ROUTES as MAIL
from heartguard_auth.members.routes import ROUTES as MEMBERS
from heartguard_auth.operator.routes import ROUTES as OPERATOR
from heartguard_auth.passwords.routes import ROUTES as PASSWORDS
from heartguard_auth.registration.routes import ROUTES as REGISTRATION
from heartguard_auth.sessions.routes import ROUTES as SESSIONS
from heartguard_auth.signing_keys.routes import ROUTES as SIGNING_KEYS
from heartguard_auth.usecases import AuthUseCases
from heartguard_common.http.routing import AnyRoute, Reply, Route

SubjectT = TypeVar("SubjectT")


def _with(
    subject: Callable[[AuthUseCases], SubjectT], routes: Sequence[Route[SubjectT, Any]]
) -> list[Route[AuthUseCases, Any]]:
    """Routes whose handlers take the use cases of one subject, as routes whose handlers take those of all."""
    untyped: Sequence[AnyRoute] = routes  # `replace` can't say that the type of the use cases changes
    return [replace(route, handler=_handler(subject, route.handler)) for route in untyped]


def _handler(
    subject: Callable[[AuthUseCases], SubjectT], handler: Callable[[SubjectT, Any], Reply[object]]
) -> Callable[[AuthUseCases, Any], Reply[object]]:
    @wraps(handler)
    def call_subject(auth: AuthUseCases, call: Any) -> Reply[object]:
        return handler(subject(auth), call)

    return call_subject


ROUTES: tuple[Route[AuthUseCases, Any], ...] = (
    *_with(lambda auth: auth.registration, REGISTRATION),
    *_with(lambda auth: auth.sessions, SESSIONS),
    *_with(lambda auth: auth.passwords, PASSWORDS),
    *_with(lambda auth: auth.confirmation, CONFIRMATION),
    *_with(lambda auth: auth.invitations, INVITATIONS),
    *_with(lambda auth: auth.acceptance, ACCEPTANCE),
    *_with(lambda auth: auth.api_keys, API_KEYS),
    *_with(lambda auth: auth.login_limiter, LOGIN_ATTEMPTS),
    *_with(lambda auth: auth.accounts, ACCOUNTS),
    *_with(lambda auth: auth.introspection, INTROSPECTION),
    *_with(lambda auth: auth.signer, SIGNING_KEYS),
    *_with(lambda auth: auth.members, MEMBERS),
    *_with(lambda auth: auth.identities, IDENTITIES),
    *_with(lambda auth: auth.operator, OPERATOR),
    *_with(lambda auth: auth.demo, DEMO),
    *_with(lambda auth: auth.alarm_emails, MAIL),
)
