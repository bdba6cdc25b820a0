"""Where the operator's view of the accounts is read."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_auth.operator.domain import AccountFilter, AccountState


class AccountStates(Protocol):
    """The accounts of all organizations, deleted ones excepted."""

    def page(self, wanted: AccountFilter, after_id: int, limit: int) -> Sequence[AccountState]:
        """Up to `limit` accounts with an id above `after_id`, by id."""

    def find(self, user_id: int) -> AccountState | None:
        """One account."""
