"""The configuration of audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from heartguard_common.edge import ServiceSettings
from heartguard_common.settings import read, secret, variable


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """Read once at start, by the service and by its consumer alike."""

    mask_secret: str = variable("AUDIT_MASK_SECRET", secret)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment. Raises `SettingsError` with every fault."""
        return read(cls, environ)
