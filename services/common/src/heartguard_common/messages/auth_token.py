"""Registration, tokens and roles.

Made by schemas/build.py from schemas/auth_token.schema.json: change that, not this file.
"""

from typing import Literal, NotRequired, TypedDict

from heartguard_common.messages.common import Role


class RoleEntryDocument(TypedDict):
    """A role and the ids of the routes it may call."""

    name: str
    permissions: list[str]


class JwkDocument(TypedDict):
    """A public key (RFC 7517)."""

    kty: Literal["EC"]
    crv: NotRequired[Literal["P-256"]]
    x: NotRequired[str]
    y: NotRequired[str]
    kid: str
    use: NotRequired[Literal["sig"]]
    alg: NotRequired[Literal["ES256"]]


class RegisterRequest(TypedDict):
    """Founds an organization, or joins one by invitation or by an administrator's hand."""

    email: str
    password: str
    role: NotRequired[Role]
    full_name: NotRequired[str]
    organization_name: NotRequired[str]
    invitation: NotRequired[str]


class RegisterResponse(TypedDict):
    """The account that came into being."""

    user_id: int
    email: str
    role: NotRequired[Role]
    org_id: NotRequired[int]


class LoginRequest(TypedDict):
    """Credentials of a person."""

    email: str
    password: str


class LoginQuery(TypedDict):
    """`cookie=1` sends the refresh token as a cookie too."""

    cookie: NotRequired[Literal["0", "1"]]


class LoginResponse(TypedDict):
    """A pair of tokens."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: Literal["Bearer"]


class RefreshRequest(TypedDict):
    """Exchanges a refresh token for the next pair."""

    refresh_token: str


class LogoutRequest(TypedDict):
    """Ends this session, or all of the caller's."""

    scope: NotRequired[Literal["this", "all"]]


class SessionDocument(TypedDict):
    """A login on one device."""

    id: str
    created_at: str
    last_used_at: str
    address: str
    user_agent: str
    current: bool


class SessionList(TypedDict):
    """The caller's sessions, last used first."""

    items: list[SessionDocument]


class PasswordChange(TypedDict):
    """A new password for whoever knows the current one."""

    current_password: str
    new_password: str


class ForgotRequest(TypedDict):
    """Asks for a code by mail, for the account of that address."""

    email: str


class ResetCodeRequest(TypedDict):
    """Asks for a code to hand to a member who has forgotten the password."""

    user_id: int


class ResetCode(TypedDict):
    """A code that is good for one new password."""

    code: str
    expires_at: str


class ResetRequest(TypedDict):
    """A new password for whoever has a code."""

    code: str
    new_password: str


class InvitationRequest(TypedDict):
    """Invites the owner of an address into the caller's organization."""

    email: str
    role: Role


class Invitation(TypedDict):
    """An invitation; its code is shown once, when it is made."""

    id: str
    code: NotRequired[str]
    email: str
    role: Role
    expires_at: str


class InvitationList(TypedDict):
    """The invitations that wait, oldest first."""

    items: list[Invitation]
    next_cursor: str | None


class InvitationListQuery(TypedDict):
    """A page of the invitations."""

    limit: NotRequired[int]
    cursor: NotRequired[str]


class IntrospectRequest(TypedDict):
    """Asks for a token, or for the id of one; a service says one of the two (RFC 7662)."""

    token: NotRequired[str]
    token_type_hint: NotRequired[str]
    jti: NotRequired[str]


class Introspection(TypedDict):
    """Whether the token is valid; nothing else is said of one that is not."""

    active: bool
    sub: NotRequired[str]
    role: NotRequired[Role]
    org_id: NotRequired[int]
    exp: NotRequired[int]
    iat: NotRequired[int]
    jti: NotRequired[str]


class RoleList(TypedDict):
    """The roles and what each may do."""

    items: list[RoleEntryDocument]


class JwkSet(TypedDict):
    """The public keys that verify access tokens (RFC 7517); empty when a shared secret signs."""

    keys: list[JwkDocument]


class MembershipChange(TypedDict):
    """Between services: the role a member shall have and whether they are active, if they still are as they were
    seen and whoever changes them still is who their token said.
    """

    org_id: int
    user_id: int
    actor_id: int
    actor_role: Role
    actor_session: NotRequired[str]
    actor_token: NotRequired[str]
    seen_role: Role
    seen_active: bool
    role: Role
    active: bool


class MembershipResult(TypedDict):
    """How many sessions the change has ended."""

    sessions_ended: int
