"""Mutated files of each kind: records or `InvalidFileError`, never another exception.

`HEARTGUARD_TEST_MUTATIONS` is the number of files of each kind, 200 unless it is set. Each number is a seed, so a
failure is repeated by its test's name.
"""

import math
import os
import random
import struct
from zoneinfo import ZoneInfo

import pytest

from heartguard_common.core.paths import REPO_ROOT
from heartguard_importers import InvalidFileError, Limits, Options, Reading
from tests.importers.builders import (
    FIT_EPOCH,
    GADGETBRIDGE,
    GPX,
    HEALTH_CONNECT,
    TCX,
    activity,
    apple_export,
    apple_record,
    database,
    fitbit,
    zipped,
)
from tests.importers.recordings import annotations, edf

ONSETS = [str(second) for second in range(20)]
FILES = int(os.environ.get("HEARTGUARD_TEST_MUTATIONS", "200"))
OPTIONS = Options(time_zone=ZoneInfo("Europe/Madrid"), limits=Limits(unpacked_bytes=10**8))
RECORDS = [apple_record("HeartRate", str(rate), motion="1") for rate in range(60, 80)]
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, ord("<"), ord(">"), ord("&"), ord('"'), ord("]"), ord(","), ord("\n"))


def seeds(tmp_path):
    """A file of each kind, and each kind that is an archive unpacked too."""
    connect = database(tmp_path / "connect", HEALTH_CONNECT).read_bytes()
    bridge = database(tmp_path / "bridge", GADGETBRIDGE).read_bytes()
    export = apple_export(*RECORDS)
    return {
        "apple_health": [export, zipped({"export.xml": export})],
        "fit": [fit_messages(), (REPO_ROOT / "examples/activity.fit").read_bytes()[:6000]],
        "tcx": [TCX.encode()],
        "gpx": [GPX.encode(), zipped({"a.gpx": GPX.encode(), "b.gpx": GPX.encode()})],
        "csv": [(REPO_ROOT / "examples/recording.csv").read_bytes()[:2000]],
        "health_connect": [connect, zipped({"export.db": connect})],
        "gadgetbridge": [bridge],
        "fitbit": [fitbit()],
        "edf": [edf([("HR", "bpm", -99, 99, 2, list(range(40))), ("ECG", "mV", -1, 1, 8, [1] * 160)], onsets=ONSETS)],
        "wfdb": [b"rec 1 200 9 07:00:00 01/05/2023\nrec.dat 16 1/bpm 16 0 0 0 0 HR\n"],
    }


def fit_messages():
    """A FIT file with each message that is read, twice over in a chain."""
    moment = ("uint32", 1_000_000_000)
    file = activity(FIT_EPOCH + 1_000_000_000, range(90, 130))
    for total in (100, 130):
        file.add(55, {253: moment, 3: ("uint32", total), 5: ("enum", 6)}).add(
            55, {26: ("uint16", 9), 27: ("uint8", 60)}
        )
        file.add(78, {0: ("uint16", (800, 810, 65535))})
        file.add(132, {253: moment, 0: ("uint16", 9), 9: ("uint32", (4000,)), 6: ("uint8", (100,))})
        file.add(132, {10: ("uint8", (1, 2, 3, 4, 5, 6)), 6: ("uint8", (101, 102, 103, 104))})
        file.add(211, {253: moment, 1: ("uint8", 52)}).add(269, {253: moment, 0: ("uint8", 96)})
        file.add(297, {253: moment, 0: ("sint16", 1450)}).add(371, {253: moment, 0: ("uint16", 4096)})
        file.add(290, {253: moment, 0: ("uint16", 250), 1: ("uint16", (900, 910))})
    return file.bytes() * 2


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The file with a few changes: bytes set, parts cut out, doubled, moved, or the end cut off."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 8, 32))):
        at = chance.randrange(len(out))
        length = chance.choice((1, 2, 4, 16, 256))
        match chance.randrange(6):
            case 0:
                out[at] = chance.choice(INTERESTING)
            case 1:
                out[at] ^= 1 << chance.randrange(8)
            case 2 if len(out) > 600:
                del out[at : at + length]
            case 3:
                out[at:at] = out[at : at + length]
            case 4:
                out[at : at + length] = chance.randbytes(length)
            case _ if chance.random() < 0.2 and at > 600:
                del out[at:]
    return bytes(out)


@pytest.mark.parametrize(
    "kind", ["apple_health", "fit", "tcx", "gpx", "csv", "health_connect", "gadgetbridge", "fitbit", "edf", "wfdb"]
)
def test_mutated_files(kind, tmp_path):
    originals = seeds(tmp_path)[kind]
    path = tmp_path / ("rec.hea" if kind == "wfdb" else "heart_rate-2023-05-01.json")
    beside = {"rec.dat": struct.pack("<40h", *range(40)), "rec.atr": annotations([(1, i * 200) for i in range(40)])}
    path.write_bytes(originals[0])
    for name, data in beside.items():
        (tmp_path / name).write_bytes(data)
    assert list(Reading(path, kind, OPTIONS)) == list(Reading(path, kind, OPTIONS)) != []  # a job can count
    whole = 0
    for seed in range(FILES):
        chance = random.Random(f"{kind} {seed}")
        path.write_bytes(mutated(chance.choice(originals), chance) if seed % 3 or kind != "wfdb" else originals[0])
        for name, data in beside.items() if kind == "wfdb" else ():
            (tmp_path / name).write_bytes(mutated(data, chance))
        try:
            records = list(Reading(path, chance.choice((kind, kind, "auto")), OPTIONS))
        except InvalidFileError as refusal:
            place = refusal.place
            records = []
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
        else:
            place = path.name
            whole += 1
        # A mutated header of WFDB names another file.
        assert place.startswith(path.name) or f" in {path.name}" in place or kind == "wfdb", (seed, place)
        assert all(math.isfinite(value) for record in records for value in record.fields.values()), seed
    assert whole, "every file was refused"
