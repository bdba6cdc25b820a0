"""The configuration of the alarm service."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from heartguard_common.core.registry import SERVICES
from heartguard_common.core.settings import http_url, read, variable
from heartguard_common.runtime.service_settings import ServiceSettings


def heartbeat_url(text: str) -> str:
    """The parser of `HEARTBEAT_URL`: http or https, with a host. Its path may be a secret, so no error quotes it."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must look like https://monitor.example/ping/name")
    return text


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """The settings of every service, the URL of the service that has the points, and whom to tell that all is well."""

    timeseries_url: str = variable("INFLUX_SERVICE_URL", http_url, default=SERVICES["influx"].local_url)
    heartbeat_url: str | None = variable("HEARTBEAT_URL", heartbeat_url, default=None)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings of the environment. Raises `SettingsError` with every problem found."""
        return read(cls, environ)
