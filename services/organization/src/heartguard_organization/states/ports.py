"""Where the states of organizations are stored."""

from typing import Protocol

from heartguard_common.messages import Mode


class States(Protocol):
    """The modes of organizations in PostgreSQL, and their copy in Redis."""

    def mode(self, org_id: int) -> Mode:
        """The mode, whose row is locked until the transaction ends."""

    def choose_mode(self, org_id: int, mode: Mode) -> None:
        """Store the mode that the operator chose."""

    def touch(self, org_id: int) -> None:
        """Note that the limit of requests changed, so that it is copied."""

    def publish(self, org_id: int) -> None:
        """Bring the committed state to the copy, now or within a second."""
