"""The configuration of media."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from heartguard_common.edge import ServiceSettings
from heartguard_common.settings import duration, read, secret, variable, whole


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("must be an http:// or https:// URL")
    return text.rstrip("/")


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """Read once at start. Durations are in seconds."""

    max_upload_mb: int = variable("MAX_UPLOAD_MB", whole(1, 10_240), default=50)
    signed_url_seconds: int = variable("SIGNED_URL_TTL", duration("m"), default=15 * 60)
    signed_url_secret: str = variable("SIGNED_URL_SECRET", secret)
    public_url: str = variable("PUBLIC_URL", _url, default="http://localhost:5000")
    media_dir: Path = variable("MEDIA_DIR", Path, default=Path("var/media"))  # noqa: RUF009  variable() makes a field

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment. Raises `SettingsError` with every fault."""
        return read(cls, environ)
