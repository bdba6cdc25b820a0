"""The configuration of the organization service."""

from collections.abc import Mapping
from dataclasses import dataclass

from heartguard_common.core.registry import SERVICES
from heartguard_common.core.settings import http_url, read, variable
from heartguard_common.runtime.service_settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """The settings of every service, and the URLs of the services that store data of organizations.

    The URL of the influx service is `INFLUX_SERVICE_URL`, because `INFLUX_URL` is that of InfluxDB itself.
    """

    user_url: str = variable("USER_URL", http_url, default=SERVICES["user"].local_url)
    alarm_url: str = variable("ALARM_URL", http_url, default=SERVICES["alarm"].local_url)
    media_url: str = variable("MEDIA_URL", http_url, default=SERVICES["media"].local_url)
    timeseries_url: str = variable("INFLUX_SERVICE_URL", http_url, default=SERVICES["influx"].local_url)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings of the environment. Raises `SettingsError` with every problem found."""
        return read(cls, environ)
