"""E-mails of the alarm service."""

from heartguard_auth.errors import NO_RECIPIENT
from heartguard_auth.mail.usecases import AlarmEmails
from heartguard_common.http.routing import Answer, Call, NoQuery, Route
from heartguard_common.messages import AlarmEmail, AlarmEmailState


def send_alarm_email(emails: AlarmEmails, call: Call[AlarmEmail, NoQuery]) -> Answer[AlarmEmailState]:
    """Have an e-mail about alarms sent, or say what has become of it.

    The first request with an id stores the e-mail; further ones within a day answer its state.
    """
    state = emails.send(call.document)
    document: AlarmEmailState = {"status": state.status, "attempts": state.attempts}
    if state.error is not None:
        document["error"] = state.error
    return Answer(document)


ROUTES = (Route("POST", "/auth/alarm-emails", send_alarm_email, raises=(NO_RECIPIENT,)),)
