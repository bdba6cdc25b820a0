"""What a limit refuses, and who answers for the values of an organization. The limits are in `limit_table.py`.

A default can be replaced for all organizations by `LIMITS`, and for one by a row of `organization_limits`.
"""

import re
from typing import Protocol

from heartguard_common.core.errors import LIMIT_FOR_NOW, LIMIT_REACHED, ErrorCode, ServiceError
from heartguard_common.core.limit_table import BY_NAME, LARGEST


def limit_values(text: str) -> tuple[tuple[str, int], ...]:
    """A cast for `LIMITS`: `name=number,...`, defaults that replace those of the table. Raises ValueError."""
    found: dict[str, int] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = item.partition("=")
        if name not in BY_NAME:
            raise ValueError(f"knows no limit {name}; there are {', '.join(BY_NAME)}")
        if not re.fullmatch(r"[0-9]{1,16}", number) or int(number) > LARGEST:
            raise ValueError(f"must give {name} a whole number, as in {name}={BY_NAME[name].default}")
        found[name] = int(number)
    return tuple(found.items())


def sentence(name: str, value: int) -> str:
    """The message of a refusal: the limit, its value, and how to make room."""
    limit = BY_NAME[name]
    return f"The limit {name} of {value} {limit.unit} is used up; to free it: {limit.freed}"


class LimitError(ServiceError):
    """A refusal by the limit `name`: 429 with Retry-After where `wait_seconds` is given, otherwise 409."""

    def __init__(
        self,
        name: str,
        value: int,
        *,
        wait_seconds: int | None = None,
        error_code: ErrorCode | None = None,
        because: str = "",
    ) -> None:
        """`because` is appended to the message; `error_code` replaces the error code that all limits share."""
        headers = {} if wait_seconds is None else {"Retry-After": str(max(1, wait_seconds))}
        error_code = error_code or (LIMIT_REACHED if wait_seconds is None else LIMIT_FOR_NOW)
        super().__init__(error_code, sentence(name, value) + (f". {because}" if because else ""), headers=headers)
        self.limit = name


class Limits(Protocol):
    """The limits of organizations, and how much of the daily ones is used."""

    def value(self, org_id: int, name: str) -> int:
        """The value of a limit for an organization; `SYSTEM` for what is counted over all of them."""

    def lock(self, org_id: int, name: str) -> None:
        """Lock the limit until the surrounding transaction ends, so that the last unit is taken once."""

    def take(self, org_id: int, name: str, subject: str = "", amount: int = 1) -> None:
        """Use `amount` units of a daily limit; `subject` is the member, recipient or address that it is counted for.

        Part of the surrounding transaction. Raises `LimitError` when fewer units are left; then none are used.
        """

    def left(self, org_id: int, name: str, subject: str = "") -> int:
        """How many units of a daily limit are left."""

    def refused(self, name: str) -> None:
        """Count a refusal that is not raised as a `LimitError`."""


def require(limits: Limits, org_id: int, name: str, used: int, more: int = 1) -> None:
    """Raises `LimitError` where `used` + `more` units exceed the limit of an organization."""
    value = limits.value(org_id, name)
    if used + more > value:
        raise LimitError(name, value)
