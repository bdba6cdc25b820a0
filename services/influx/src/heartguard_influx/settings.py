"""The configuration of the time-series service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from heartguard_common.core.registry import SERVICES
from heartguard_common.core.settings import SettingsError, http_url, read, variable, whole
from heartguard_common.runtime.service_settings import ServiceSettings


def _server_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an http:// or https:// URL")
    return text.rstrip("/")


@dataclass(frozen=True, kw_only=True)
class InfluxSettings:
    """The InfluxDB that stores the points, if one is configured: the three variables are all set, or none."""

    influx_url: str = variable("INFLUX_URL", _server_url, default="")
    influx_token: str = variable("INFLUX_TOKEN", default="")
    influx_org: str = variable("INFLUX_ORG", default="")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings of the environment. Raises `SettingsError` with every problem found."""
        settings = read(cls, environ)
        _require_all_or_none(settings)
        return settings


@dataclass(frozen=True, kw_only=True)
class Settings(InfluxSettings, ServiceSettings):
    """The settings of every service with a database, those of the InfluxDB and of imports, and where media is."""

    media_url: str = variable("MEDIA_URL", http_url, default=SERVICES["media"].local_url)
    max_import_mb: int = variable("MAX_IMPORT_MB", whole(1, 10_240), default=2048)


def _require_all_or_none(settings: InfluxSettings) -> None:
    given = {
        "INFLUX_URL": settings.influx_url,
        "INFLUX_TOKEN": settings.influx_token,
        "INFLUX_ORG": settings.influx_org,
    }
    names = [name for name, value in given.items() if value]
    missing = [name for name, value in given.items() if not value]
    if names and missing:
        raise SettingsError(
            f"{' and '.join(names)} needs {' and '.join(missing)} beside it: set all three, or none of them"
        )
