"""Confirmation of an address by a code that was sent to it."""

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.ports import Accounts
from heartguard_auth.accounts.usecases import record_refusal
from heartguard_auth.confirmation.ports import Confirmations
from heartguard_auth.errors import CONFIRMATION_REFUSED
from heartguard_auth.mail.domain import Email, render_email
from heartguard_auth.mail.ports import Outbox
from heartguard_auth.shared.domain import code_digest, new_code
from heartguard_auth.shared.ports import CommonPorts, Rules
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import ServiceError

CODE_HOURS = 24


class ConfirmationUseCases:
    """A code that is sent to an address, and the confirmation by it."""

    def __init__(
        self, rules: Rules, common: CommonPorts, *, accounts: Accounts, confirmations: Confirmations, outbox: Outbox
    ) -> None:
        self._rules = rules
        self._common = common
        self._accounts = accounts
        self._confirmations = confirmations
        self._outbox = outbox

    def request(self, email: str) -> None:
        """Have a code sent to an address that waits for it; the answer is the same for every other address."""
        self._outbox.request_confirmation(email)

    def code_email(self, account: Account) -> Email | None:
        """An e-mail with a new code; None where the address is confirmed, or the account has changed."""
        if account.email_confirmed:
            return None
        code = new_code()
        expires_at = self._common.clock.now_ns() + CODE_HOURS * 3600 * NANOSECONDS
        with self._common.transactions.transaction():
            if not self._accounts.lock_if_unchanged(account):
                return None
            self._confirmations.issue(account, code_digest(code), expires_at)
        template = self._rules.email_templates["email_confirmation"]
        return render_email(template, account.email, code=code, hours=CODE_HOURS)

    def confirm(self, code: str) -> None:
        """Confirm the address that a code was sent to; each organization gets an event. Raises AUTH_074."""
        with self._common.transactions.transaction():
            user_ids = self._confirmations.spend(code_digest(code))
            for user_id in user_ids:
                account = self._accounts.by_id(user_id)
                if account is not None:
                    self._common.audit.changed(None, "auth.email_confirmed", f"user:{user_id}", org_id=account.org_id)
        if not user_ids:
            record_refusal(self._common.audit, "auth.email_confirmed", None, CONFIRMATION_REFUSED.code)
            raise ServiceError(CONFIRMATION_REFUSED)
