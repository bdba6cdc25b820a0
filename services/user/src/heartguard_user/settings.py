"""The configuration of the user service."""

from collections.abc import Mapping
from dataclasses import dataclass

from heartguard_common.core.registry import SERVICES
from heartguard_common.core.settings import http_url, read, variable
from heartguard_common.runtime.service_settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """The settings of every service, and the URLs of the services that store data of a person."""

    organization_url: str = variable("ORGANIZATION_URL", http_url, default=SERVICES["organization"].local_url)
    audit_url: str = variable("AUDIT_URL", http_url, default=SERVICES["audit"].local_url)
    media_url: str = variable("MEDIA_URL", http_url, default=SERVICES["media"].local_url)
    alarm_url: str = variable("ALARM_URL", http_url, default=SERVICES["alarm"].local_url)
    timeseries_url: str = variable("INFLUX_SERVICE_URL", http_url, default=SERVICES["influx"].local_url)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings of the environment. Raises `SettingsError` with every problem found."""
        return read(cls, environ)
