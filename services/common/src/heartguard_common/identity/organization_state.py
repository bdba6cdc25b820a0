"""The state of an organization that each request needs: mode, share of requests, limits that are nearly used.

PostgreSQL has it in `organization_states`; Redis has a copy, which is read together with that of the revocations and
trusted like it: while the ready mark exists, an organization without a copied state is active and has no own share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from heartguard_common.identity.modes import ACTIVE, NAMES
from heartguard_common.messages import Mode

REQUESTS = "requests_per_minute"
"""The name of the limit that is an organization's share of requests."""
_NOTHING = "-"


def key(org_id: int | None) -> str:
    """The Redis key of an organization's state; the hash tag keeps keys of one organization on one node."""
    return f"hg:org:{{{org_id}}}"


def bucket(org_id: int | None) -> str:
    """The Redis key of the token bucket of an organization's requests."""
    return f"hg:rl:org:{{{org_id}}}"


@dataclass(frozen=True, slots=True)
class OrganizationState:
    """The mode; `requests` a minute, None for no own share; `near` is the text of the header that warns of limits."""

    mode: Mode = ACTIVE
    requests: int | None = None
    near: str = ""

    @classmethod
    def parse(cls, value: object) -> Self:
        """The state of a value in Redis. One that can't be read counts as read-only: nothing is lost by that."""
        if value is None:
            return cls()
        return cls(*_parse(value if isinstance(value, bytes) else str(value).encode()))

    def text(self) -> str:
        """The value to store in Redis."""
        return f"{self.mode} {_NOTHING if self.requests is None else self.requests} {self.near or _NOTHING}"


@lru_cache(maxsize=4096)
def _parse(value: bytes) -> tuple[Mode, int | None, str]:
    mode, _, rest = value.decode("utf-8", "replace").partition(" ")
    requests, _, near = rest.partition(" ")
    known: Mode = next((name for name in NAMES if name == mode), "read_only")
    return known, int(requests) if requests.isdecimal() else None, "" if near == _NOTHING else near


UNCHANGED = OrganizationState()
"""The state of an organization of which nothing was ever changed."""


@dataclass(frozen=True, slots=True)
class CopiedState:
    """A row of `organization_states` on its way to the copy."""

    org_id: int
    state: OrganizationState


READ = f"""
SELECT s.org_id, s.mode, l.value AS requests, s.near
FROM heartguard_core.organization_states AS s
LEFT JOIN heartguard_core.organization_limits AS l ON l.org_id = s.org_id AND l.name = '{REQUESTS}'
"""  # noqa: S608


def states(rows: Sequence[object]) -> list[CopiedState]:
    """The states of rows that `READ` gives."""
    return [CopiedState(row.org_id, OrganizationState(row.mode, row.requests, row.near)) for row in rows]  # type: ignore[attr-defined]
