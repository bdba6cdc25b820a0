"""The configuration of the organization service."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heartguard_common.core.registry import SERVICES
from heartguard_common.core.settings import http_url, read, variable
from heartguard_common.runtime.service_settings import ServiceSettings
from heartguard_organization.states.domain import Plan, parse_plans

PLANS = Path(__file__).with_name("plans.toml")


def read_plans(path: Path) -> Mapping[str, Plan]:
    """The plans of a file by name. Raises ValueError."""
    try:
        return parse_plans(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError("names no file of UTF-8 text that can be read") from error


def plans_file(text: str) -> Path:
    """The parser of the path of a file of plans. Raises ValueError for one that has no valid plans."""
    read_plans(Path(text))
    return Path(text)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """The settings of every service, and the URLs of the services that store data of organizations.

    The URL of the influx service is `INFLUX_SERVICE_URL`, because `INFLUX_URL` is that of InfluxDB itself.
    """

    user_url: str = variable("USER_URL", http_url, default=SERVICES["user"].local_url)
    alarm_url: str = variable("ALARM_URL", http_url, default=SERVICES["alarm"].local_url)
    media_url: str = variable("MEDIA_URL", http_url, default=SERVICES["media"].local_url)
    plans_file: Path | None = variable("PLANS_FILE", plans_file, default=None)  # noqa: RUF009  variable() makes a field
    timeseries_url: str = variable("INFLUX_SERVICE_URL", http_url, default=SERVICES["influx"].local_url)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings of the environment. Raises `SettingsError` with every problem found."""
        return read(cls, environ)

    @property
    def plans(self) -> Mapping[str, Plan]:
        """The plans by name, of `PLANS_FILE` or of the file that comes with the service."""
        return read_plans(self.plans_file or PLANS)
