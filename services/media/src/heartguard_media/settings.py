"""The configuration of media."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from heartguard_common.core.settings import duration, key_file, read, secret, variable, whole, words
from heartguard_common.runtime.service_settings import ServiceSettings
from heartguard_media.domain.links import LONGEST_URL_SECONDS

TYPES = (
    *("image/*", "audio/*", "video/*", "text/plain", "text/csv", "application/pdf", "application/json"),
    *("application/zip", "application/gzip", "application/dicom", "application/vnd.ant.fit"),
    "application/octet-stream",
)
_TYPE = re.compile(r"\*/\*|[a-z0-9!#$&^_.+-]{1,127}/(\*|[a-z0-9!#$&^_.+-]{1,127})")


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("must be an http:// or https:// URL")
    return text.rstrip("/")


def _life(text: str) -> int:
    seconds = duration("m")(text)
    if seconds > LONGEST_URL_SECONDS:
        raise ValueError("must be 7d at most")
    return seconds


def _types(text: str) -> tuple[str, ...]:
    found = tuple(name.lower() for name in words(text))
    if not all(map(_TYPE.fullmatch, found)):
        raise ValueError("must be a list of media types such as image/*, application/pdf")
    return found


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """The settings, read once at start. Durations are in seconds."""

    max_upload_mb: int = variable("MAX_UPLOAD_MB", whole(1, 10_240), default=50)
    max_import_mb: int = variable("MAX_IMPORT_MB", whole(1, 10_240), default=2048)
    media_types: tuple[str, ...] = variable("MEDIA_TYPES", _types, default=TYPES)
    signed_url_seconds: int = variable("SIGNED_URL_TTL", _life, default=15 * 60)
    signed_url_secret: str = variable("SIGNED_URL_SECRET", secret)
    public_url: str = variable("PUBLIC_URL", _url, default="http://localhost:5000")
    media_dir: Path = variable("MEDIA_DIR", Path, default=Path("var/media"))  # noqa: RUF009  variable() makes a field
    gcs_bucket: str = variable("GCS_BUCKET", default="heartguard-system")
    google_credentials: Path | None = variable("GOOGLE_APPLICATION_CREDENTIALS", key_file, default=None)  # noqa: RUF009  as above
    storage_emulator: str | None = variable("STORAGE_EMULATOR_HOST", _url, default=None)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment. Raises `SettingsError` with every problem."""
        return read(cls, environ)
