"""What a backup has to know of a system, and where backups go."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from heartguard_common.core.settings import key_file, read, variable, whole, words


@dataclass(frozen=True, kw_only=True)
class BackupSettings:
    """Read once by each command; paths are relative to the root of the clone."""

    database_url: str = variable("DATABASE_URL")
    media_dir: Path = variable("MEDIA_DIR", Path, default=Path("var/media"))  # noqa: RUF009  variable() makes a field
    checkpoint_dir: Path = variable("CHECKPOINT_DIR", Path, default=Path("var/checkpoints"))  # noqa: RUF009  as above
    gcs_bucket: str = variable("GCS_BUCKET", default="heartguard-system")
    google_credentials: Path | None = variable("GOOGLE_APPLICATION_CREDENTIALS", key_file, default=None)  # noqa: RUF009
    storage_emulator: str | None = variable("STORAGE_EMULATOR_HOST", default=None)
    influx_url: str = variable("INFLUX_URL", default="")
    influx_token: str = variable("INFLUX_TOKEN", default="")
    influx_org: str = variable("INFLUX_ORG", default="")
    backup_dir: str = variable("BACKUP_DIR", default="")
    backup_keep: int = variable("BACKUP_KEEP", whole(1, 1000), default=7)
    backup_recipients: tuple[str, ...] = variable("BACKUP_RECIPIENTS", words, default=())
    key_ring_secret: str = variable("KEY_RING_SECRET")
    checkpoint_key: str = variable("AUDIT_CHECKPOINT_KEY")
    checkpoint_key_previous: tuple[str, ...] = variable("AUDIT_CHECKPOINT_KEY_PREVIOUS", words, default=())
    mask_secret: str = variable("AUDIT_MASK_SECRET")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment. Raises `SettingsError` with every problem."""
        return read(cls, environ)

    @property
    def has_bucket(self) -> bool:
        """Whether Google Cloud Storage, or its emulator, is configured: media objects are in the bucket then."""
        return self.google_credentials is not None or self.storage_emulator is not None

    @property
    def target(self) -> str:
        """Where backups go when the command names no location: the bucket where there is one."""
        return self.backup_dir or (f"gs://{self.gcs_bucket}/backups" if self.has_bucket else "var/backups")

    @property
    def secrets(self) -> Mapping[str, str]:
        """The secrets without which a restored system can't read what it holds; only fingerprints leave here."""
        return {
            "KEY_RING_SECRET": self.key_ring_secret,
            "AUDIT_CHECKPOINT_KEY": self.checkpoint_key,
            "AUDIT_MASK_SECRET": self.mask_secret,
        }
