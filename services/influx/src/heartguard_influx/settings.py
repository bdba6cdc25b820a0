"""The configuration of the time-series service."""

from collections.abc import Mapping
from dataclasses import dataclass

from heartguard_common.edge import ServiceSettings
from heartguard_common.settings import SettingsError, read, variable


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """What every service with a database reads, and the InfluxDB that may take its place."""

    influx_url: str = variable("INFLUX_URL", default="")
    influx_token: str = variable("INFLUX_TOKEN", default="")
    influx_org: str = variable("INFLUX_ORG", default="")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings of the environment. Raises `SettingsError` with every fault found."""
        settings = read(cls, environ)
        _require_postgres(settings)
        return settings


def _require_postgres(settings: Settings) -> None:
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
    if names:
        raise SettingsError(
            "INFLUX_URL, INFLUX_TOKEN and INFLUX_ORG are set, but this version keeps time series in "
            "PostgreSQL only: leave all three empty"
        )
