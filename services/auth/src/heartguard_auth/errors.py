"""The error codes of auth."""

from heartguard_common.core.errors import ErrorCode

BAD_CREDENTIALS = ErrorCode(
    "AUTH_001",
    401,
    "Invalid credentials",
    "Check the e-mail address and the password; several failures lock the account for a time.",
)
EMAIL_TAKEN = ErrorCode(
    "AUTH_002",
    409,
    "This e-mail address is already registered",
    "Log in; `POST /auth/invitations/accept` accepts an invitation. Or register another address.",
)
REFRESH_REFUSED = ErrorCode(
    "AUTH_003",
    401,
    "The refresh token is not valid",
    "Log in again.",
)
WEAK_PASSWORD = ErrorCode(
    "AUTH_004",
    422,
    "The password is too easy to guess",
    "Choose a longer or less common password.",
)
ROLE_REFUSED = ErrorCode(
    "AUTH_005",
    403,
    "This role can't be given by this registration",
    "Have an admin or a manager give the role.",
)
REGISTRATION_CLOSED = ErrorCode(
    "AUTH_006",
    403,
    "Registration needs an invitation",
    "Get an invitation from an admin or a manager.",
)
INVITATION_REFUSED = ErrorCode(
    "AUTH_007",
    403,
    "This invitation is not valid",
    "Ask for a new invitation.",
)
ORIGIN_REFUSED = ErrorCode(
    "AUTH_008",
    403,
    "A refresh cookie counts only with an allowed Origin",
    "Call from the portal, or from an origin of `ALLOWED_ORIGINS`.",
)
LOCKED = ErrorCode(
    "AUTH_009",
    429,
    "Too many failed attempts, try again later",
    "Wait as long as `Retry-After` says; an admin can end it by `DELETE /auth/locks/{user_id}`.",
)
WRONG_PASSWORD = ErrorCode(
    "AUTH_010",
    403,
    "The current password is wrong",
    "Send the current password, or ask for a code by `POST /auth/password/forgot`.",
)
CODE_REFUSED = ErrorCode(
    "AUTH_011",
    403,
    "This code is not valid",
    "Ask for a new code by `POST /auth/password/forgot`.",
)
LAST_ADMIN = ErrorCode(
    "AUTH_030",
    409,
    "The organization's last admin must stay while it has other members",
    "Make another member an admin first.",
)
MEMBER_CHANGED = ErrorCode(
    "AUTH_031",
    412,
    "The member has changed since it was read",
    "Read the member again, and repeat the change if it still applies.",
)
ACTOR_CHANGED = ErrorCode(
    "AUTH_032",
    409,
    "The role or state of the person who asks for this has changed",
    "Log in again.",
)
INVITATIONS_FULL = ErrorCode(
    "AUTH_040",
    409,
    "Too many invitations are waiting: withdraw some",
    "Withdraw invitations by `DELETE /auth/invitations/{invitation_id}`, or wait until some expire.",
)
ROLE_WITHOUT_KEYS = ErrorCode(
    "AUTH_050",
    403,
    "Only admins and managers can be responsible for integration keys",
    "Make a device key, or ask an admin or a manager.",
)
NOT_FOR_DEVICES = ErrorCode(
    "AUTH_051",
    422,
    "A device key has no scopes",
    "Leave out `scopes`; `GET /auth/scopes` says what device keys may do.",
)
NOT_ADOPTABLE = ErrorCode(
    "AUTH_052",
    403,
    "Only an admin can adopt an API key, and only an integration key",
    "Ask an admin.",
)
MEMBERSHIP_LOCKED = ErrorCode(
    "AUTH_070",
    403,
    "This membership is locked",
    "Ask an admin of that organization.",
)
PASSWORD_ASSIGNED = ErrorCode(
    "AUTH_071",
    403,
    "Choose a password that nobody else knows first",
    "Change it by `POST /auth/password`, or ask for a code by `POST /auth/password/forgot`; then repeat the request.",
)
ALREADY_MEMBER = ErrorCode(
    "AUTH_072",
    409,
    "This person is a member of that organization already",
    "Log in with `org_id`, or switch by `POST /auth/switch`.",
)
EMAIL_UNCONFIRMED = ErrorCode(
    "AUTH_073",
    403,
    "The e-mail address is not confirmed",
    "Send the code of the e-mail by `POST /auth/email/confirm`; `POST /auth/email/code` sends another one.",
)
CONFIRMATION_REFUSED = ErrorCode(
    "AUTH_074",
    403,
    "This code does not confirm an address",
    "Ask for a new code by `POST /auth/email/code`.",
)

NO_DEMO = ErrorCode(
    "AUTH_080",
    404,
    "There is no demo here",
    "Ask the operator; DEMO_ENABLED in `.env` and `./heartguard demo run` turn it on.",
)
NO_RECIPIENT = ErrorCode(
    "AUTH_085",
    409,
    "The recipient is no active member of the organization, or the organization is being deleted",
    "Send nothing more to them.",
)

CODES = (
    BAD_CREDENTIALS,
    EMAIL_TAKEN,
    REFRESH_REFUSED,
    WEAK_PASSWORD,
    ROLE_REFUSED,
    REGISTRATION_CLOSED,
    INVITATION_REFUSED,
    ORIGIN_REFUSED,
    LOCKED,
    WRONG_PASSWORD,
    CODE_REFUSED,
    LAST_ADMIN,
    MEMBER_CHANGED,
    ACTOR_CHANGED,
    INVITATIONS_FULL,
    ROLE_WITHOUT_KEYS,
    NOT_FOR_DEVICES,
    NOT_ADOPTABLE,
    MEMBERSHIP_LOCKED,
    PASSWORD_ASSIGNED,
    ALREADY_MEMBER,
    EMAIL_UNCONFIRMED,
    CONFIRMATION_REFUSED,
    NO_DEMO,
    NO_RECIPIENT,
)
