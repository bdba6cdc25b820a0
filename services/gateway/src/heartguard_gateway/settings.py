"""What the gateway reads from the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from heartguard_common.core.limits import limit_values
from heartguard_common.core.registry import REGISTRY, SERVICES
from heartguard_common.core.settings import CommonSettings, Rate, choice, http_url, rate, read, variable, whole, words

NAME = "gateway"
STREAM = "stream"
STREAM_PORT = REGISTRY.ports[STREAM]


def origins(text: str) -> tuple[str, ...]:
    """A cast for `ALLOWED_ORIGINS`: serialized origins (RFC 6454 section 6.2), never a wildcard."""
    found = words(text)
    for origin in found:
        if not re.fullmatch(r"https?://[a-z0-9.\-\[\]:]+", origin):
            raise ValueError("must be a list of origins such as https://portal.example, separated by commas")
    return found


def address(text: str) -> str:
    """A cast for `STREAM_BIND`: host and port."""
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65_536:
        raise ValueError("must be an address and a port, as in 127.0.0.1:5008")
    return text


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings):
    """The gateway's configuration; times in seconds, sizes in MiB."""

    organization_url: str = variable("ORGANIZATION_URL", http_url, default=SERVICES["organization"].local_url)
    user_url: str = variable("USER_URL", http_url, default=SERVICES["user"].local_url)
    media_url: str = variable("MEDIA_URL", http_url, default=SERVICES["media"].local_url)
    influx_url: str = variable("INFLUX_SERVICE_URL", http_url, default=SERVICES["influx"].local_url)
    audit_url: str = variable("AUDIT_URL", http_url, default=SERVICES["audit"].local_url)
    alarm_url: str = variable("ALARM_URL", http_url, default=SERVICES["alarm"].local_url)
    rate_limit: Rate = variable("RATE_LIMIT", rate, default=Rate(100, 60))  # noqa: RUF009  variable() makes a field
    limits: tuple[tuple[str, int], ...] = variable("LIMITS", limit_values, default=())
    demo: str = variable("DEMO_ENABLED", choice("off", "on"), default="off")
    allowed_origins: tuple[str, ...] = variable("ALLOWED_ORIGINS", origins, default=())
    trusted_proxies: int = variable("TRUSTED_PROXIES", whole(0, 10), default=0)
    max_upload_mb: int = variable("MAX_UPLOAD_MB", whole(1, 10_000), default=50)
    max_import_mb: int = variable("MAX_IMPORT_MB", whole(1, 10_240), default=2048)
    answer_buffer_mb: int = variable("ANSWER_BUFFER_MB", whole(0, 1_000_000), default=2048)
    body_spool_mb: int = variable("BODY_SPOOL_MB", whole(16, 1_000_000), default=256)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment once. Raises `SettingsError` with every problem."""
        return read(cls, environ)

    @property
    def has_demo(self) -> bool:
        """Whether the landing page leads to the demo."""
        return self.demo == "on"

    @property
    def upstreams(self) -> Mapping[str, str]:
        """The base URL of each service behind the gateway, by its name in policy.toml."""
        return {name: getattr(self, f"{name}_url") for name in SERVICES if name != "gateway"}


@dataclass(frozen=True, kw_only=True)
class StreamSettings(Settings):
    """The configuration of the stream process: the gateway's, and where it listens itself."""

    stream_bind: str = variable("STREAM_BIND", address, default=f"127.0.0.1:{STREAM_PORT}")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "StreamSettings":
        """Read the environment once. Raises `SettingsError` with every problem."""
        return read(cls, environ)
