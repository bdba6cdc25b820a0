"""The configuration of audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from heartguard_common.core.settings import read, secret, variable, whole, words
from heartguard_common.runtime.service_settings import ServiceSettings, database_url


def _secrets(text: str) -> tuple[str, ...]:
    return tuple(secret(it) for it in words(text))


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """Read once at start, by the service and by its consumer alike."""

    mask_secret: str = variable("AUDIT_MASK_SECRET", secret)
    checkpoint_key: str = variable("AUDIT_CHECKPOINT_KEY", secret)
    checkpoint_key_previous: tuple[str, ...] = variable("AUDIT_CHECKPOINT_KEY_PREVIOUS", _secrets, default=())
    checkpoint_dir: Path = variable("CHECKPOINT_DIR", Path, default=Path("var/checkpoints"))  # noqa: RUF009

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment. Raises `SettingsError` with every problem."""
        return read(cls, environ)


@dataclass(frozen=True, kw_only=True)
class ConsumerSettings(Settings):
    """What the consumer reads in addition: it removes old events, with a database role of its own."""

    retention_days: int = variable("AUDIT_RETENTION_DAYS", whole(0, 36_500), default=0)
    retention_url: str = variable("RETENTION_DATABASE_URL", database_url)
