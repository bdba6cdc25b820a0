"""Confirmation of e-mail addresses."""

from heartguard_auth.confirmation.usecases import ConfirmationUseCases
from heartguard_auth.errors import CONFIRMATION_REFUSED
from heartguard_common.http.routing import Answer, Call, NoQuery, Route
from heartguard_common.messages import EmailCodeRequest, EmailConfirmation


def request_email_code(confirmation: ConfirmationUseCases, call: Call[EmailCodeRequest, NoQuery]) -> Answer[None]:
    """Request a code by e-mail that confirms the address.

    The answer is the same where no account has the address, or it is confirmed. Codes are sent only where SMTP is set
    up; where `EMAIL_CONFIRMATION` is not `optional` one is sent after the registration, too.
    """
    confirmation.request(call.document["email"])
    return Answer(None)


def confirm_email(confirmation: ConfirmationUseCases, call: Call[EmailConfirmation, NoQuery]) -> Answer[None]:
    """Confirm an e-mail address with the code that was sent to it.

    The reset of a forgotten password by an e-mail confirms the address, too.
    """
    confirmation.confirm(call.document["code"])
    return Answer(None)


ROUTES = (
    Route("POST", "/auth/email/code", request_email_code, status=202),
    Route("POST", "/auth/email/confirm", confirm_email, status=204, raises=(CONFIRMATION_REFUSED,)),
)
