"""A limit of what an organization, member, recipient or address may have. They stand in `limit_table.py`."""

from dataclasses import dataclass
from typing import Literal

from heartguard_common.core.errors import LIMIT_FOR_NOW, LIMIT_REACHED

Scope = Literal["organization", "member", "recipient", "address"]


@dataclass(frozen=True)
class Limit:
    """One limit: `default` units for each `scope`; where `daily`, that many in each day of UTC.

    `about` says what is counted, `freed` who can make room and how, `code` which error code (or verdict) names it.
    """

    name: str
    scope: Scope
    unit: str
    default: int
    about: str
    freed: str
    code: str = LIMIT_REACHED.code
    daily: bool = False

    @property
    def adjustable(self) -> bool:
        """Whether it can be set for one organization; a limit that is counted over all of them can't."""
        return self.scope in ("organization", "member")


NEXT_DAY = "wait until the next day in UTC; the operator can raise it"
LATER = LIMIT_FOR_NOW.code
