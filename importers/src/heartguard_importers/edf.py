"""EDF, EDF+ and BDF: recordings of sleep laboratories, Holter recorders and pulse oximeters.

Sources: edfplus.info/specs/edf.html, edfplus.html and biosemi.com/faq/file_format.htm.

- A header of ASCII: 256 bytes for the file, 256 for each signal. Then data records of equal duration, in each all
  samples of the first signal, of the second, and so on: 16 bits (BDF 24), little-endian, two's complement.
- The physical value is linear between two points that the header gives.
- Signals of heart rate, saturation and respiratory rate are known by label and unit. Waves (ECG, pleth, effort) are
  left out. A signal with several samples a second repeats its value: the first of each second is given.
- The start is a local time, so the person's time zone is needed. Two digits of the year: 85 to 99 are 1985 to 1999.
- In EDF+ the signal `EDF Annotations` gives the time of each data record from the start, with fractions; in EDF+D
  there are gaps between them.
- The number of data records may be -1 or wrong: data are read until the file ends. An incomplete data record is
  reported.
- What was out of range or not measured is 0 or less, or stands outside of the digital range.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from heartguard_importers import signals
from heartguard_importers.files import Stream
from heartguard_importers.records import InvalidFileError, Options, Reason, Record, Report, plain
from heartguard_importers.signals import Steps

EDF = b"0       "
BDF = b"\xffBIOSEMI"
_BLOCK = 256
_MOST_SIGNALS = 1_024
_RECORD_BYTES = 16 * 1024**2
_ANNOTATIONS = ("EDF Annotations", "BDF Annotations")
_ONSET = re.compile(rb"\+(\d{1,10}(?:\.\d{1,9})?)(?:\x15[^\x14]*)?\x14\x14\x00")
# The fields of a signal with their widths; each stands for all signals before the next.
_FIELDS = {
    "label": 16,
    "transducer": 80,
    "unit": 8,
    "low": 8,
    "high": 8,
    "digital_low": 8,
    "digital_high": 8,
    "filter": 80,
    "samples": 8,
    "reserved": 32,
}


class _Signal(NamedTuple):
    """A signal: where its samples stand in a data record, and how they are scaled."""

    label: str
    unit: str
    low: float
    high: float
    digital_low: int
    digital_high: int
    samples: int
    offset: int

    def value(self, digital: int) -> float | None:
        """The physical value, None outside of the digital range."""
        if not self.digital_low <= digital <= self.digital_high:
            return None
        span = self.digital_high - self.digital_low
        return round(self.low + (digital - self.digital_low) * (self.high - self.low) / span, 6)


def recognises(head: bytes) -> bool:
    """Whether a file begins like EDF or BDF."""
    return len(head) >= _BLOCK and head.startswith((EDF, BDF)) and head[168:184].replace(b".", b"").isdigit()


def read(stream: Stream, options: Options, report: Report) -> Iterator[Record]:
    """The records of a recording. Raises InvalidFileError."""
    head = stream.exactly(_BLOCK)
    if not recognises(head):
        raise InvalidFileError(stream.name, "has no header of EDF")
    width = 3 if head.startswith(BDF) else 2
    duration = _number(head[244:252], stream.name, "the duration of a data record")
    found = _signals(stream, _count(head[252:256], stream.name), width)
    size = sum(signal.samples for signal in found) * width
    if not 0 < size <= _RECORD_BYTES or duration < 0 or duration > 10**6:
        raise InvalidFileError(stream.name, "the header says data records of an impossible size")
    start = signals.beginning(_start(head, stream.name), options, stream.name)
    number = 0
    report.place = lambda: f"{stream.name}, data record {number}"
    wanted = _wanted(found, report)
    if not wanted:
        return
    annotations = next((signal for signal in found if signal.label in _ANNOTATIONS), None)
    while data := stream.exactly(size):
        number += 1
        if len(data) < size:
            report.reject(Reason.DAMAGED, f"{report.place()}: the file ends in the middle of it")
            return
        begin = start + round((number - 1) * duration * 10**9)
        if annotations is not None:
            onset = _ONSET.match(data, annotations.offset)
            begin = start + round(float(onset[1]) * 10**9) if onset else begin
        for signal, steps in wanted:
            yield from _samples(data, signal, steps, width, begin, duration)


def _samples(data: bytes, signal: _Signal, steps: Steps, width: int, begin: int, duration: float) -> Iterator[Record]:
    """The records of a signal in a data record."""
    step = duration * 10**9 / signal.samples
    for index in range(signal.samples):
        at = signal.offset + index * width
        digital = int.from_bytes(data[at : at + width], "little", signed=True)
        yield from steps.give(signal.value(digital), begin + round(index * step))


def _wanted(found: list[_Signal], report: Report) -> list[tuple[_Signal, Steps]]:
    wanted = []
    for signal in found:
        measurement = signals.measurement_of(signal.label, signal.unit)
        if measurement is not None and signal.samples and signal.digital_high > signal.digital_low:
            wanted.append((signal, Steps(measurement, {"source": "EDF", "device": plain(signal.label)}, report)))
        elif signal.label not in _ANNOTATIONS:
            report.skip(signal.label)
    return wanted


def _signals(stream: Stream, count: int, width: int) -> list[_Signal]:
    block = stream.exactly(count * _BLOCK)
    if len(block) < count * _BLOCK:
        raise InvalidFileError(stream.name, "the file ends in its header")
    columns: dict[str, list[bytes]] = {}
    at = 0
    for name, size in _FIELDS.items():
        columns[name] = [block[at + index * size : at + (index + 1) * size] for index in range(count)]
        at += size * count
    found: list[_Signal] = []
    offset = 0
    for index in range(count):
        place = f"{stream.name}, signal {index + 1}"
        samples = _count(columns["samples"][index], place)
        low, high, digital_low, digital_high = (
            _number(columns[name][index], place, "a limit") for name in ("low", "high", "digital_low", "digital_high")
        )
        label, unit = _text(columns["label"][index]), _text(columns["unit"][index])
        found.append(_Signal(label, unit, low, high, int(digital_low), int(digital_high), samples, offset))
        offset += samples * width
    return found


def _start(head: bytes, name: str) -> datetime:
    # EDF+ has the year with four digits in the recording's description too; the two digits are the same until 2084.
    text = head[168:184].decode("ascii")
    try:
        moment = datetime.strptime(text, "%d.%m.%y%H.%M.%S")  # noqa: DTZ007  local
    except ValueError as error:
        raise InvalidFileError(name, "begins at a time that is none") from error
    year = 1900 + moment.year % 100 if moment.year % 100 >= 85 else 2000 + moment.year % 100
    return moment.replace(year=year)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").strip()


def _number(data: bytes, place: str, what: str) -> float:
    text = _text(data)
    if not re.fullmatch(r"[+-]?\d{1,8}(\.\d{0,7})?([eE][+-]?\d{1,2})?|[+-]?\.\d{1,7}", text):
        raise InvalidFileError(place, f"{what} is no number")
    return float(text)


def _count(data: bytes, place: str) -> int:
    text = _text(data)
    if not re.fullmatch(r"\d{1,8}", text) or (len(data) == 4 and int(text) > _MOST_SIGNALS):
        raise InvalidFileError(place, "the number of signals or samples is none")
    return int(text)
