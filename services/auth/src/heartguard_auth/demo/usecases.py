"""A short token for everybody who asks, while the operator has a demo."""

from heartguard_auth.demo.ports import Visitors
from heartguard_auth.errors import NO_DEMO
from heartguard_auth.shared.ports import CommonPorts, Rules
from heartguard_auth.signing_keys.ports import Signer
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limit_table import SYSTEM

VISIT_SECONDS = 15 * 60


class DemoUseCases:
    """Visits of the demo. What a visitor may do is decided by the mode of the organization, as everywhere."""

    def __init__(self, rules: Rules, common: CommonPorts, *, visitors: Visitors, signer: Signer) -> None:
        self._rules = rules
        self._common = common
        self._visitors = visitors
        self._signer = signer

    def visit(self, address: str) -> tuple[str, int]:
        """An access token of the account that visitors share, and the seconds until it expires.

        It belongs to no stored session, and can't be refreshed. Raises AUTH_080 without a demo, GEN_429_LIMIT for an
        address that had as many tokens as it may have in a day.
        """
        account = self._visitors.account() if self._rules.demo else None
        if account is None:
            raise ServiceError(NO_DEMO)
        self._common.limits.take(SYSTEM, "demo_tokens_per_address_per_day", self._rules.pseudonym(address))
        issued_at = self._common.clock.now_ns() // NANOSECONDS
        token, _ = self._signer.sign(
            {
                "sub": str(account.id),
                "role": account.role,
                "org_id": account.org_id,
                "iat": issued_at,
                "exp": issued_at + VISIT_SECONDS,
                "jti": uuid7(self._common.clock),
                "iss": self._rules.issuer,
                "aud": self._rules.audience,
                "sid": uuid7(self._common.clock),
            }
        )
        return token, VISIT_SECONDS
