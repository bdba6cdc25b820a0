"""EDF and WFDB files, by what edfplus.info and the WFDB Applications Guide say."""

import struct
from pathlib import Path


def edf(
    signals: list[tuple[str, str, float, float, int, list[int]]],
    *,
    seconds: float = 1,
    start: str = "01.05.2307.00.00",
    onsets: list[str] | None = None,
    records: int | None = None,
    width: int = 2,
) -> bytes:
    """A recording; a signal is label, unit, physical minimum and maximum, samples in a data record, all samples.

    `onsets` are the times of the data records in seconds, which makes it EDF+; `records` is what the header says.
    """
    top = 2 ** (8 * width - 1)
    count = max(len(samples) // each for *_, each, samples in signals)
    listed = [(label, unit, low, high, each) for label, unit, low, high, each, _ in signals]
    if onsets:
        listed.append(("EDF Annotations", "", -1, 1, 30))
    head = (b"\xffBIOSEMI" if width == 3 else b"0       ") + b" " * 160 + start.encode()
    head += f"{256 * (len(listed) + 1):<8}{'EDF+D' if onsets else '':<44}".encode()
    head += f"{count if records is None else records:<8}{seconds:<8g}{len(listed):<4}".encode()
    for column, size in (
        ([row[0] for row in listed], 16),
        ([""] * len(listed), 80),
        ([row[1] for row in listed], 8),
        ([f"{row[2]:g}" for row in listed], 8),
        ([f"{row[3]:g}" for row in listed], 8),
        ([str(-top)] * len(listed), 8),
        ([str(top - 1)] * len(listed), 8),
        ([""] * len(listed), 80),
        ([str(row[4]) for row in listed], 8),
        ([""] * len(listed), 32),
    ):
        head += b"".join(f"{text:<{size}}".encode() for text in column)
    for number in range(count):
        for *_, each, samples in signals:
            for sample in samples[number * each : (number + 1) * each]:
                head += sample.to_bytes(width, "little", signed=True)
        if onsets:
            head += f"+{onsets[number]}\x14\x14\x00".encode().ljust(60, b"\0")
    return head


def annotations(marks: list[tuple[int, int]], *, resolution: str = "") -> bytes:
    """Annotations: type and sample of each."""
    out = b""
    if resolution:
        text = f"## time resolution: {resolution}".encode()
        out += struct.pack("<HH", 22 << 10, 63 << 10 | len(text)) + text + b"\0" * (len(text) % 2)
    before = 0
    for kind, sample in marks:
        passed = sample - before
        if passed >= 1024:
            out += struct.pack("<HHH", 59 << 10, passed >> 16, passed & 0xFFFF)
            passed = 0
        out += struct.pack("<H", kind << 10 | passed)
        before = sample
    return out + b"\0\0"


def wfdb(folder: Path, header: str, **files: bytes) -> Path:
    """A record `rec` with files by their suffixes; the path of its header."""
    for suffix, data in files.items():
        (folder / f"rec.{suffix}").write_bytes(data)
    path = folder / "rec.hea"
    path.write_text(header)
    return path
