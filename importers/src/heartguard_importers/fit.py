"""FIT (Flexible and Interoperable Data Transfer): activities and monitoring files of Garmin, Wahoo, Suunto and others.

Source: the FIT protocol and profile as the MIT-licensed fitdecode has them (github.com/polyvertex/fitdecode), which
decodes the file; here messages are read by the numbers of the profile.

- A time is a number of seconds since 1989-12-31T00:00:00Z, so no time zone is needed. A number below 0x10000000
  counts from when the device was switched on, and says nothing: rejected.
- The largest number of a type means no value (255 of a heart rate); fitdecode gives None for it.
- `record` (20) has the heart rate of an activity, usually once a second, and the respiratory rate (108, or 99).
- `hr` (132) has the heart rates that a chest strap kept while swimming: up to 8 with times of 1/1024 s, whose lower
  12 bits are packed into bytes (`event_timestamp_12`); the first message gives the full time.
- `hrv` (78) has the intervals between beats, in 1/1000 s, without a time. They follow one another: each beat is one
  interval after the beat before, and where that differs by more than 3 s from the messages around it (a pause, lost
  beats), the clock starts again there. So intervals are exact, and the times of beats are to 3 s.
- `beat_intervals` (290) has them with a time.
- `monitoring` (55) has the heart rate of the whole day, with the lower 16 bits of its time (`timestamp_16`), and
  steps as the sum of the day for each activity. The first sum of a file is where counting begins.
- `monitoring_hr_data` (211) has the resting heart rate of the day, `spo2_data` (269), `respiration_rate` (297, -1 for
  not worn) and `hrv_value` (371: RMSSD of 5 minutes, in 1/128 ms) what their names say.
- Files can follow one another in one file (chained). One that is damaged, as after an empty battery, is read up to the
  damage; a wrong checksum is reported, and its values are given.
- Sizes are never believed: a message has up to 255 fields of up to 255 bytes, whatever the header says.
"""

from collections.abc import Callable, Iterator
from typing import cast

import fitdecode

from heartguard_importers import measurements
from heartguard_importers.files import Stream
from heartguard_importers.measurements import Measurement
from heartguard_importers.records import InvalidFileError, Reason, Record, Report, plain

EPOCH = 631_065_600
"""1989-12-31T00:00:00Z in seconds since 1970."""
_SWITCHED_ON = 0x10000000
_TIMESTAMP = 253
_DRIFT = 3_000
_STEPPING = (1, 6)  # running, walking
_OFF_WRIST = -100

Fields = dict[int, object]


def read(stream: Stream, report: Report) -> Iterator[Record]:
    """The records of a FIT file. Raises InvalidFileError where it is none."""
    report.place = lambda: f"{stream.name}, byte {stream.consumed}"
    decoder = _Messages(report)
    reader = fitdecode.FitReader(
        stream,
        processor=None,
        check_crc=fitdecode.CrcCheck.READONLY,
        error_handling=fitdecode.ErrorHandling.IGNORE,
    )
    frames = iter(reader)
    begun = False
    while True:
        try:
            frame = next(frames, None)
        except InvalidFileError:
            raise
        except Exception as error:
            # Damaged bytes lead fitdecode into errors of its own kind and of any other.
            problem = _problem(error)
            if not begun:
                raise InvalidFileError(report.place(), problem) from error
            report.reject(Reason.DAMAGED, f"{report.place()}: {problem}")
            return
        if frame is None:
            return
        if isinstance(frame, fitdecode.FitDataMessage):
            yield from decoder.message(frame)
        elif isinstance(frame, fitdecode.FitHeader):
            begun = True
            decoder.begin()
        elif isinstance(frame, fitdecode.FitCRC) and not frame.matched:
            report.reject(Reason.DAMAGED, f"{report.place()}: the checksum is wrong")


def _problem(error: Exception) -> str:
    if isinstance(error, fitdecode.FitEOFError):
        return "the file ends in the middle of a message, or says that it is larger than it is"
    if isinstance(error, fitdecode.FitHeaderError):
        return "there is no FIT header where one should be"
    return "the message is damaged"


class _Messages:
    """Turns the messages of one file after another into records."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._tags = {"source": "FIT"}
        self._readers: dict[int, Callable[[Fields], Iterator[Record | None]]] = {
            20: self._record,
            55: self._monitoring,
            78: self._hrv,
            132: self._hr,
            211: self._resting,
            269: self._spo2,
            290: self._beats,
            297: self._respiration,
            371: self._rmssd,
        }
        self.begin()

    def begin(self) -> None:
        """Forget the file before but its device: what follows without a `file_id` is of the same."""
        self._now: int | None = None
        self._beat: int | None = None
        self._last_beat = 0
        self._strap: tuple[int, int] | None = None
        self._event = 0
        self._sums: dict[object, int] = {}

    def message(self, frame: fitdecode.FitDataMessage) -> Iterator[Record]:
        """The records of a message."""
        number = frame.global_mesg_num
        fields: Fields = {
            field.field_def.def_num: field.raw_value
            for field in frame.fields
            if field.field_def is not None and not field.field_def.is_dev
        }
        if frame.time_offset is not None:  # in the header of the message
            fields[_TIMESTAMP] = frame.fields[-1].raw_value
        moment = fields.get(_TIMESTAMP)
        if isinstance(moment, int):
            self._now = moment
        if number == 0:
            self._tags = {"source": "FIT"} | _device(frame)
        read = self._readers.get(number)
        if read is None:
            self._report.skip(frame.name)
            return
        for record in read(fields):
            if record is not None:
                yield record

    def _give(self, measurement: Measurement, value: object, moment: object, milliseconds: float = 0) -> Record | None:
        """The record of a value at so many seconds of FIT's epoch and `milliseconds`."""
        time = None
        if isinstance(moment, int):
            if moment < _SWITCHED_ON:
                self._report.reject(Reason.TIME_RANGE)
                return None
            time = (moment + EPOCH) * 10**9 + round(milliseconds * 10**6)
        return self._report.accept(measurement, value, time, self._tags)

    def _record(self, fields: Fields) -> Iterator[Record | None]:
        moment = fields.get(_TIMESTAMP)
        if 3 in fields:
            yield self._give(measurements.HEART_RATE, fields[3], moment)
        wide, narrow = fields.get(108), fields.get(99)
        if isinstance(wide, int):
            yield self._give(measurements.RESPIRATORY_RATE, wide / 100, moment)
        elif isinstance(narrow, int):
            yield self._give(measurements.RESPIRATORY_RATE, narrow, moment)

    def _monitoring(self, fields: Fields) -> Iterator[Record | None]:
        short = fields.get(26)
        if isinstance(short, int) and self._now is not None and _TIMESTAMP not in fields:
            self._now += (short - self._now) & 0xFFFF
        if 27 in fields:
            yield self._give(measurements.HEART_RATE, fields[27], self._now)
        packed = fields.get(24)
        activity = fields.get(5, packed[0] & 0x1F if isinstance(packed, bytes | tuple) and packed else packed)
        total = fields.get(3)
        if activity in _STEPPING and isinstance(total, int):
            before = self._sums.get(activity)
            self._sums[activity] = total
            if before is not None and total != before:
                yield self._give(measurements.STEPS, total - before if total > before else total, self._now)

    def _hrv(self, fields: Fields) -> Iterator[Record | None]:
        for interval in _several(fields.get(0)):
            if interval is None or self._now is None:
                continue  # the array is filled up
            now = self._now * 1000
            if self._beat is None or abs(self._beat + interval - now) > _DRIFT:
                self._beat = max(now, self._last_beat + 1)
            else:
                self._beat += interval
            self._last_beat = self._beat
            yield self._give(measurements.RR_INTERVAL, interval, self._beat // 1000, self._beat % 1000)

    def _hr(self, fields: Fields) -> Iterator[Record | None]:
        moment = fields.get(_TIMESTAMP)
        events = [event for event in _several(fields.get(9)) if event is not None]
        if isinstance(moment, int) and events:
            fraction = fields.get(0)
            part = fraction * 1000 // 32_768 if isinstance(fraction, int) else 0
            self._strap = (moment * 1000 + part, events[0])
        events += self._unpacked(fields.get(10), events[-1] if events else self._event)
        for event, rate in zip(events, _several(fields.get(6)), strict=False):
            self._event = event
            if self._strap is None:
                self._report.reject(Reason.TIME)
                continue
            start, first = self._strap
            time = start * 1024 + (event - first) * 1000  # in 1/1024 ms
            yield self._give(measurements.HEART_RATE, rate, time // 1_024_000, (time % 1_024_000) / 1024)

    @staticmethod
    def _unpacked(packed: object, before: int) -> Iterator[int]:
        """Times of which there are the lower 12 bits, two in three bytes, each after the one before."""
        data = packed if isinstance(packed, tuple | bytes) else ()
        for index in range(0, len(data) - len(data) % 3, 3):
            low, middle, high = (cast("int", byte) & 0xFF for byte in data[index : index + 3])
            for bits in (low | (middle & 0xF) << 8, middle >> 4 | high << 4):
                before += (bits - before) & 0xFFF
                yield before

    def _resting(self, fields: Fields) -> Iterator[Record | None]:
        if 1 in fields:
            yield self._give(measurements.RESTING_HEART_RATE, fields[1], fields.get(_TIMESTAMP))

    def _spo2(self, fields: Fields) -> Iterator[Record | None]:
        if 0 in fields:
            yield self._give(measurements.SPO2, fields[0], fields.get(_TIMESTAMP))

    def _beats(self, fields: Fields) -> Iterator[Record | None]:
        part = fields.get(0)
        passed = part if isinstance(part, int) else 0
        moment = fields.get(_TIMESTAMP)
        for interval in _several(fields.get(1)):
            if interval is not None and isinstance(moment, int):
                passed += interval
                yield self._give(measurements.RR_INTERVAL, interval, moment + passed // 1000, passed % 1000)

    def _respiration(self, fields: Fields) -> Iterator[Record | None]:
        rate = fields.get(0)
        if rate == _OFF_WRIST:
            self._report.reject(Reason.NOT_WORN)
        elif 0 in fields:
            value = rate / 100 if isinstance(rate, int) else None
            yield self._give(measurements.RESPIRATORY_RATE, value, fields.get(_TIMESTAMP))

    def _rmssd(self, fields: Fields) -> Iterator[Record | None]:
        value = fields.get(0)
        if 0 in fields:
            number = value / 128 if isinstance(value, int) else None
            yield self._give(measurements.HRV_RMSSD, number, fields.get(_TIMESTAMP))


def _several(value: object) -> tuple[int | None, ...]:
    """The numbers of a field that is an array, or one number."""
    values = value if isinstance(value, tuple) else (value,)
    return tuple(number if isinstance(number, int) else None for number in values)


def _device(frame: fitdecode.FitDataMessage) -> dict[str, str]:
    """Manufacturer and product of the device that wrote the file; without its serial number."""
    names = []
    for name in ("manufacturer", "garmin_product", "product_name"):
        value = frame.get_value(name, fallback=None)
        if isinstance(value, str | int):
            names.append(str(value))
    return {"device": device} if (device := plain(" ".join(names))) else {}
