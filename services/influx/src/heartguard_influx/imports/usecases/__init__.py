"""Asking for imports, and the job that carries one out."""

from heartguard_influx.imports.usecases.importing import Importing
from heartguard_influx.imports.usecases.work import ImportWork, record_end

__all__ = ["ImportWork", "Importing", "record_end"]
