"""WFDB, the format of PhysioNet: a header (`.hea`), whose path is given, signals (`.dat`) and annotations (`.atr`).

Sources: header(5), signal(5) and annot(5) of the WFDB Applications Guide (physionet.org/physiotools/wag).

- Annotations mark beats: 16-bit words of a type and the samples since the annotation before. The time between two
  marks of beats is an RR interval, at the second of them. Of several files of annotations the first in the order
  below is read, so that beats are not given twice.
- Signals of numbers (heart rate, SpO2, respiratory rate) are read in format 16, all in one file; -32768 is no value.
  Waves are left out.
- The date is local, so the person's time zone is needed. Most records of PhysioNet have none: then the caller says
  when the recording begins.
- Names of files in the header are names, never paths: only files beside the header are opened.
- Records of several segments are not read.
"""

import re
import struct
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from heartguard_importers import measurements, signals
from heartguard_importers.files import Stream, open_file
from heartguard_importers.records import InvalidFileError, Options, Reason, Record, Report, plain
from heartguard_importers.signals import Steps

SUFFIX = ".hea"
_ANNOTATIONS = (".atr", ".qrs", ".ecg", ".ari", ".wqrs", ".gqrs", ".sqrs")
_BEATS = frozenset((*range(1, 14), 25, 30, 34, 35, 38, 41))
_NOTE, _SKIP, _AUX = 22, 59, 63
_HEADER_BYTES = 1024**2
_LINE = re.compile(r"(\S+)\s+(\d{1,4})(?:\s+([\d.eE+-]+)(?:/\S*)?(?:\s+(\d+)(?:\s+([\d:.]+)(?:\s+([\d/]+))?)?)?)?")
_SIGNAL = re.compile(r"(\S+)\s+(\d+)(\S*)(?:\s+([-+\d.eE]+)(?:\((-?\d+)\))?(?:/(\S+))?(.*))?")
_NAME = re.compile(r"[\w.-]+")
_RESOLUTION = re.compile(rb"## time resolution: ([\d.]{1,20})")
_FREQUENCY = 250.0
_LONGEST = 10_000


class _Signal(NamedTuple):
    """A line of the header for a signal."""

    file: str
    form: str
    gain: float
    baseline: float
    unit: str
    label: str


class _Header(NamedTuple):
    """The first line of the header, and those of its signals."""

    frequency: float
    start: datetime | None
    signals: tuple[_Signal, ...]


def read(path: Path, name: str, options: Options, report: Report) -> Iterator[Record]:
    """The records of a recording whose header is at `path`. Raises InvalidFileError."""
    with open_file(path, name, options.limits, report) as stream:
        header = _header(_whole(stream, name), name)
    start = signals.beginning(header.start, options, name)
    beside = [path.with_suffix(suffix) for suffix in _ANNOTATIONS]
    annotations = next((file for file in beside if file.is_file()), None)
    numbers = [signals.measurement_of(signal.label, signal.unit) for signal in header.signals]
    for signal, measurement in zip(header.signals, numbers, strict=True):
        if measurement is None:
            report.skip(signal.label or "signal")
    if annotations is None and not any(numbers):
        raise InvalidFileError(name, "has no annotations beside it and no signals of a known measurement")
    if annotations is not None:
        with open_file(annotations, annotations.name, options.limits, report) as stream:
            yield from _intervals(stream, header.frequency, start, report)
    if any(numbers):
        yield from _numbers(path, name, header, start, options, report)


def _header(text: str, name: str) -> _Header:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    first = _LINE.match(lines[0]) if lines else None
    if first is None or "/" in first[1]:
        raise InvalidFileError(f"{name}, line 1", "is no header of a record of one segment")
    try:
        frequency = float(first[3] or _FREQUENCY)
        start = _start(first[5], first[6])
    except ValueError as error:
        raise InvalidFileError(f"{name}, line 1", "has a frequency or date that is none") from error
    if not 1e-6 <= frequency <= 1e6:
        raise InvalidFileError(f"{name}, line 1", "has an impossible frequency")
    found = []
    for number, line in enumerate(lines[1 : int(first[2]) + 1], 2):
        signal = _SIGNAL.fullmatch(line)
        if signal is None:
            raise InvalidFileError(f"{name}, line {number}", "is no line of a signal")
        rest = (signal[7] or "").split(maxsplit=5)
        try:
            gain = float(signal[4] or 0) or 200.0
            zero = float(signal[5] or (rest[1] if len(rest) > 1 else 0))
        except ValueError as error:
            raise InvalidFileError(f"{name}, line {number}", "has a number that is none") from error
        label = rest[5] if len(rest) > 5 else ""
        found.append(_Signal(signal[1], signal[2] + signal[3], gain, zero, signal[6] or "", label))
    return _Header(frequency, start, tuple(found))


def _start(time: str | None, date: str | None) -> datetime | None:
    if not time or not date:
        return None
    whole, _, fraction = time.partition(".")
    parts = [int(part) for part in whole.split(":")]
    if len(parts) != 3:
        raise ValueError(time)
    day = datetime.strptime(date, "%d/%m/%Y")  # noqa: DTZ007  local
    return day.replace(hour=parts[0], minute=parts[1], second=parts[2], microsecond=int((fraction + "000000")[:6]))


def _intervals(stream: Stream, frequency: float, start: int, report: Report) -> Iterator[Record]:
    """The intervals between annotated beats."""
    report.place = lambda: f"{stream.name}, byte {stream.consumed}"
    sample = 0
    before: int | None = None
    for kind, passed, text in _annotations(stream, report):
        sample += passed
        resolution = _RESOLUTION.match(text) if kind == _NOTE and sample == 0 else None
        if resolution:
            frequency = _resolution(resolution[1], report.place())
        if kind in _BEATS:
            interval = (sample - before) * 1000 / frequency if before is not None else 0
            before = sample
            if 0 < interval < _LONGEST:  # a longer pause is not an interval
                time = start + round(sample * 10**9 / frequency)
                record = report.accept(measurements.RR_INTERVAL, round(interval, 6), time, {"source": "WFDB"})
                if record is not None:
                    yield record


def _annotations(stream: Stream, report: Report) -> Iterator[tuple[int, int, bytes]]:
    """Type, samples since the one before, and text of each annotation."""
    waiting: tuple[int, int] | None = None
    text = b""
    passed = 0
    while len(word := stream.exactly(2)) == 2:
        (bits,) = struct.unpack("<H", word)
        kind, amount = bits >> 10, bits & 0x3FF
        if kind == _SKIP:
            high, low = struct.unpack("<hH", stream.exactly(4).ljust(4, b"\0"))
            passed += (high << 16) + low
        elif kind == _AUX:
            text = stream.exactly(amount + amount % 2)[:amount]
        elif kind < _SKIP:
            if waiting is not None:
                yield *waiting, text
            waiting, text = (kind, passed + amount), b""
            passed = 0
            if not bits:
                return
    report.reject(Reason.DAMAGED, f"{report.place()}: the file ends before its last annotation")
    if waiting is not None:
        yield *waiting, text


def _resolution(text: bytes, place: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 1e-6 <= found <= 1e9:
        raise InvalidFileError(place, "has an impossible frequency")
    return found


def _numbers(path: Path, name: str, header: _Header, start: int, options: Options, report: Report) -> Iterator[Record]:
    """The records of the signals of numbers."""
    files = {signal.file for signal in header.signals}
    if len(files) != 1 or any(signal.form != "16" for signal in header.signals):
        raise InvalidFileError(name, "has signals in several files, or in another format than 16")
    file = files.pop()
    if not _NAME.fullmatch(file):
        raise InvalidFileError(name, "the name of the signals' file is none")
    count = len(header.signals)
    found = [signals.measurement_of(signal.label, signal.unit) for signal in header.signals]
    steps = [
        Steps(measurement, {"source": "WFDB", "device": plain(signal.label)}, report) if measurement else None
        for measurement, signal in zip(found, header.signals, strict=True)
    ]
    with open_file(path.with_name(file), file, options.limits, report) as stream:
        number = 0
        report.place = lambda: f"{stream.name}, sample {number}"
        while len(data := stream.exactly(2 * count)) == 2 * count:
            time = start + round(number * 10**9 / header.frequency)
            number += 1
            for digital, signal, step in zip(struct.unpack(f"<{count}h", data), header.signals, steps, strict=True):
                if step is not None:
                    value = None if digital == -32_768 else round((digital - signal.baseline) / signal.gain, 6)
                    yield from step.give(value, time)
        if data:
            report.reject(Reason.DAMAGED, f"{report.place()}: the file ends in the middle of it")


def _whole(stream: Stream, name: str) -> str:
    data = stream.exactly(_HEADER_BYTES + 1)
    if len(data) > _HEADER_BYTES:
        raise InvalidFileError(name, f"has more than {_HEADER_BYTES} bytes")
    return data.decode("utf-8", "replace")
