"""Where the demo is found."""

from typing import Protocol

from heartguard_auth.accounts.domain import Account


class Visitors(Protocol):
    """The account that the visitors of the demo share."""

    def account(self) -> Account | None:
        """The manager, of those with the lowest number, of the newest organization in the mode `demo`."""
