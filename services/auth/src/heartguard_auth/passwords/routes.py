"""Change and reset of passwords."""

from heartguard_auth.errors import CODE_REFUSED, LOCKED, WEAK_PASSWORD, WRONG_PASSWORD
from heartguard_auth.passwords.usecases import PasswordUseCases
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import NOT_FOUND
from heartguard_common.http.routing import Answer, Call, NoQuery, Route
from heartguard_common.messages import ForgotRequest, PasswordChange, ResetCode, ResetCodeRequest, ResetRequest


def change_password(passwords: PasswordUseCases, call: Call[PasswordChange, NoQuery]) -> Answer[None]:
    """Change the caller's password.

    The current password must be sent too. The caller's other sessions end.
    """
    change = call.document
    passwords.change(call.person, change["current_password"], change["new_password"], call.address)
    return Answer(None)


def request_password_code(passwords: PasswordUseCases, call: Call[ForgotRequest, NoQuery]) -> Answer[None]:
    """Request a code by e-mail for a forgotten password.

    The answer is the same where no account has the address. Codes are sent only where SMTP is set up.
    """
    passwords.forgot(call.document["email"])
    return Answer(None)


def reset_password(passwords: PasswordUseCases, call: Call[ResetRequest, NoQuery]) -> Answer[None]:
    """Set a new password with a code.

    All sessions of the account end.
    """
    passwords.reset(call.document["code"], call.document["new_password"])
    return Answer(None)


def issue_password_code(passwords: PasswordUseCases, call: Call[ResetCodeRequest, NoQuery]) -> Answer[ResetCode]:
    """Issue a code for a member who forgot the password.

    An admin hands the code to the member, for example where no e-mail can be sent.
    """
    code, expires_at = passwords.code(call.person, call.document["user_id"])
    return Answer({"code": code, "expires_at": rfc3339(expires_at)}, headers=NO_STORE)


ROUTES = (
    Route("POST", "/auth/password", change_password, status=204, raises=(WEAK_PASSWORD, LOCKED, WRONG_PASSWORD)),
    Route("POST", "/auth/password/forgot", request_password_code, status=202),
    Route("POST", "/auth/password/reset", reset_password, status=204, raises=(WEAK_PASSWORD, CODE_REFUSED)),
    Route("POST", "/auth/password/code", issue_password_code, raises=(NOT_FOUND,)),
)
