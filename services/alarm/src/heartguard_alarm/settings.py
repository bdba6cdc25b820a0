"""The configuration of the alarm service."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from heartguard_common.core.registry import SERVICES
from heartguard_common.core.settings import http_url, read, secret, variable, words
from heartguard_common.runtime.service_settings import ServiceSettings


def heartbeat_url(text: str) -> str:
    """The parser of `HEARTBEAT_URL`: http or https, with a host. Its path may be a secret, so no error quotes it."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must look like https://monitor.example/ping/name")
    return text


def public_url(text: str) -> str:
    """The parser of `PUBLIC_URL`: http or https, with a host and perhaps a path."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must look like https://api.example")
    return text.rstrip("/")


def alarm_hosts(text: str) -> tuple[str, ...]:
    """The parser of `ALARM_HOSTS`: names or addresses of hosts, with a port where URLs name one."""
    found = words(text)
    if not all(re.fullmatch(r"[A-Za-z0-9.\-]{1,253}(:[0-9]{1,5})?", it) for it in found):
        raise ValueError("must be a list such as ntfy.example,push.example:8443")
    return found


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """The settings of every service, the URL of the service that has the points, and whom to tell of what."""

    timeseries_url: str = variable("INFLUX_SERVICE_URL", http_url, default=SERVICES["influx"].local_url)
    heartbeat_url: str | None = variable("HEARTBEAT_URL", heartbeat_url, default=None)
    channel_secret: str = variable("ALARM_CHANNEL_SECRET", secret)
    hosts: tuple[str, ...] = variable("ALARM_HOSTS", alarm_hosts, default=())
    public_url: str = variable("PUBLIC_URL", public_url, default="http://localhost:5000")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings of the environment. Raises `SettingsError` with every problem found."""
        return read(cls, environ)
