"""Values as CSV, and as Parquet where pyarrow is installed."""

import importlib.util
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from heartguard_common.contract.json_documents import dump_json
from heartguard_common.core.clock import rfc3339
from heartguard_common.http import tables
from heartguard_common.messages import SeriesExportFormat
from heartguard_influx.series_exports.domain import COLUMNS, Cell

CSV_ROWS = 2_000
PARQUET_ROWS = 50_000
"""How many values a row group has; so many are in memory at once, some 10 MB."""


class ExportTables:
    """Writes CSV (RFC 4180) and Parquet; see `ports.TableWriter`."""

    def can_write(self, kind: SeriesExportFormat) -> bool:
        """Whether files of this kind can be made here."""
        return kind == "csv" or importlib.util.find_spec("pyarrow") is not None

    def blocks(self, kind: SeriesExportFormat, cells: Iterable[Cell]) -> Iterator[bytes]:
        """The bytes of a file, in blocks."""
        return _parquet(cells) if kind == "parquet" else tables.table(COLUMNS, _csv_blocks(cells))


def _csv_blocks(cells: Iterable[Cell]) -> tables.Blocks:
    for block in _batches(cells, CSV_ROWS):
        yield [
            {
                "time": rfc3339(cell.time_ns),
                "measurement": cell.measurement,
                "user_id": cell.person,
                "tags": _tags(cell),
                "field": cell.field,
                "value": _number(cell),
                "text": _text(cell),
            }
            for cell in block
        ]


def _parquet(cells: Iterable[Cell]) -> Iterator[bytes]:
    import pyarrow as pa  # noqa: PLC0415  optional, and 60 MB of memory: loaded only where it is used
    import pyarrow.parquet as pq  # noqa: PLC0415

    words = pa.dictionary(pa.int32(), pa.string())
    kinds = (pa.timestamp("ns", tz="UTC"), words, words, words, words, pa.float64(), pa.string())
    schema = pa.schema(list(zip(COLUMNS, kinds, strict=True)))
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for block in _batches(cells, PARQUET_ROWS):
            columns: list[list[Any]] = [
                [cell.time_ns for cell in block],
                [cell.measurement for cell in block],
                [cell.person for cell in block],
                [_tags(cell) for cell in block],
                [cell.field for cell in block],
                [_number(cell) for cell in block],
                [_text(cell) for cell in block],
            ]
            arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """The file that Parquet is written to, which can't seek; `taken` returns and removes what was written."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


def _batches(cells: Iterable[Cell], size: int) -> Iterator[list[Cell]]:
    rest = iter(cells)
    while block := list(islice(rest, size)):
        yield block


def _tags(cell: Cell) -> str | None:
    return dump_json(dict(cell.tags)).decode() if cell.tags else None


def _number(cell: Cell) -> float | None:
    return cell.value if isinstance(cell.value, float) else None


def _text(cell: Cell) -> str | None:
    if isinstance(cell.value, bool):
        return "true" if cell.value else "false"
    return cell.value if isinstance(cell.value, str) else None
