"""Archives are written as a stream."""

import io
import tracemalloc
import zipfile

import pytest

from heartguard_user.domain import path_in_archive
from heartguard_user.store.archive import Zip
from tests.clocks import MovableClock

ITEM = "01890000-0000-7000-8000-000000000000"


def test_another_zip_reader_finds_the_packed_files():
    entries = [("a.ndjson", [b"one\n", b"two\n"]), (f"media/{ITEM}/ñ.bin", [bytes(range(256))] * 9), ("empty", [])]
    with zipfile.ZipFile(io.BytesIO(b"".join(Zip(MovableClock())(entries)))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [path for path, _ in entries]
        for path, blocks in entries:
            assert archive.read(path) == b"".join(blocks)


def test_an_archive_is_made_in_bounded_memory():
    block = bytes(64 * 1024)
    tracemalloc.start()
    size = sum(len(part) for part in Zip(MovableClock())([(f"media/{ITEM}/x", (block for _ in range(800)))]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 50_000_000
    assert peak < 2_000_000


def test_a_failing_file_leaves_no_archive():
    def broken():
        yield b"x" * 100
        raise BrokenPipeError

    made = bytearray()
    parts = Zip(MovableClock())([("a", [b"whole" * 50_000]), ("b", broken())])
    with pytest.raises(BrokenPipeError):
        made.extend(byte for part in parts for byte in part)
    assert not zipfile.is_zipfile(io.BytesIO(bytes(made)))


NAMES = [
    ("scan.pdf", "scan.pdf"),
    ("../../etc/passwd", "_.._etc_passwd"),
    ("..", "file"),
    (".", "file"),
    (" ", "file"),
    ("a\\b:c", "a_b_c"),
    ("x\u202egnp.exe", "x_gnp.exe"),
    ("ñandú.txt", "ñandú.txt"),
    ("n" * 300, "n" * 100),
]


def test_no_file_name_leads_out_of_its_folder(subtests):
    for name, kept in NAMES:
        with subtests.test(name):
            assert path_in_archive(ITEM, name) == f"media/{ITEM}/{kept}"
