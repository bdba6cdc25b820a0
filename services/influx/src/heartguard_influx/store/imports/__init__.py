"""The table of imports, their files at the media service, and the process that parses one."""

from heartguard_influx.store.imports.files import MediaImportFiles
from heartguard_influx.store.imports.jobs import ImportJobs
from heartguard_influx.store.imports.parser_process import ParserLimits, ParserProcess
from heartguard_influx.store.imports.table import PostgresImports

__all__ = ["ImportJobs", "MediaImportFiles", "ParserLimits", "ParserProcess", "PostgresImports"]
