"""The settings that every service with a database reads; loaded by commands too, so it loads no framework."""

from collections.abc import Mapping
from dataclasses import dataclass

from heartguard_common.core.limits import limit_values
from heartguard_common.core.settings import CommonSettings, choice, variable, whole
from heartguard_common.stores.database import driver_url

MEBIBYTE = 1024 * 1024


def database_url(text: str) -> str:
    """A cast for the URL of a PostgreSQL."""
    driver_url(text)
    return text


@dataclass(frozen=True, kw_only=True)
class ServiceSettings(CommonSettings):
    """The settings that every service with a database reads."""

    database_url: str = variable("DATABASE_URL", database_url)
    environment: str = variable("HEARTGUARD_ENV", choice("production", "test"), default="production")
    limits: tuple[tuple[str, int], ...] = variable("LIMITS", limit_values, default=())
    media_quota_mb: int = variable("MEDIA_QUOTA_MB", whole(1, 1_000_000_000), default=10_240)

    @property
    def limit_defaults(self) -> Mapping[str, int]:
        """The values of limits that were set, which hold for every organization without a value of its own."""
        return {"media_bytes": self.media_quota_mb * MEBIBYTE, **dict(self.limits)}
