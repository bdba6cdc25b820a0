"""What auth refuses, one row each."""

from heartguard_common.errors import ErrorRow

BAD_CREDENTIALS = ErrorRow("AUTH_001", 401, "Invalid credentials")
EMAIL_TAKEN = ErrorRow("AUTH_002", 409, "This e-mail address is already registered")
REFRESH_REFUSED = ErrorRow("AUTH_003", 401, "The refresh token is not valid")
WEAK_PASSWORD = ErrorRow("AUTH_004", 422, "The password is too easy to guess")
ROLE_REFUSED = ErrorRow("AUTH_005", 403, "This role can't be given by this registration")
REGISTRATION_CLOSED = ErrorRow("AUTH_006", 403, "Registration needs an invitation")
INVITATION_REFUSED = ErrorRow("AUTH_007", 403, "This invitation is not valid")
ORIGIN_REFUSED = ErrorRow("AUTH_008", 403, "A refresh cookie counts only with an allowed Origin")
LOCKED = ErrorRow("AUTH_009", 429, "Too many failed attempts, try again later")
WRONG_PASSWORD = ErrorRow("AUTH_010", 403, "The current password is not right")
CODE_REFUSED = ErrorRow("AUTH_011", 403, "This code is not valid")
LAST_ADMIN = ErrorRow("AUTH_030", 409, "The organization's last admin must stay while it has other members")
MEMBER_CHANGED = ErrorRow("AUTH_031", 412, "The member is not as it was seen")
ACTOR_CHANGED = ErrorRow("AUTH_032", 409, "Whoever asks for this is not who they were any more")
INVITATIONS_FULL = ErrorRow("AUTH_040", 409, "Too many invitations are waiting: withdraw some")

ROWS = (
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
)
