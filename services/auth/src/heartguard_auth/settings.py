"""The configuration of auth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from heartguard_common.edge import ServiceSettings
from heartguard_common.settings import choice, duration, read, secret, variable, words


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """Read once at start. Durations are in seconds."""

    access_seconds: int = variable("JWT_EXPIRES_IN", duration("m"), default=3600)
    refresh_seconds: int = variable("REFRESH_TOKEN_TTL", duration("d"), default=14 * 86_400)
    key_ring_secret: str = variable("KEY_RING_SECRET", secret)
    registration: str = variable("REGISTRATION", choice("open", "invite", "closed"), default="open")
    allowed_origins: tuple[str, ...] = variable("ALLOWED_ORIGINS", words, default=())

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment. Raises `SettingsError` with every fault."""
        return read(cls, environ)
