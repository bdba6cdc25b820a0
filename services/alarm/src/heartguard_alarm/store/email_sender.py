"""E-mails, which the auth service sends."""

from heartguard_alarm.domain.notifications import Text
from heartguard_common.messages import AlarmEmailState
from heartguard_common.stores.service_client import ServiceClient


class AuthEmailSender:
    """Has e-mails sent by the outbox of the auth service."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    def send(
        self, message_id: str, org_id: int, to: int | str, text: Text, *, verifies: bool = False
    ) -> AlarmEmailState:
        """Have an e-mail sent to a member or an address; the same id again asks what has become of it.

        Raises `ServiceCallError`.
        """
        whom = {"user_id": to} if isinstance(to, int) else {"address": to}
        document = {"id": message_id, "org_id": org_id, **whom, "subject": text.subject, "text": text.text}
        if verifies:
            document["verifies"] = True
        return self._client.post("/auth/alarm-emails", document, AlarmEmailState)
