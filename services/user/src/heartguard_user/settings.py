"""The configuration of the user service."""

from collections.abc import Mapping
from dataclasses import dataclass

from heartguard_common.edge import ServiceSettings
from heartguard_common.settings import read


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """What every service with a database reads; this one needs nothing more."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings of the environment. Raises `SettingsError` with every fault found."""
        return read(cls, environ)
