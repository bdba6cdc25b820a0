"""The object store's exam: the real one and the fake of the tests sit the same."""

import hashlib
import random

import pytest

from heartguard_media.store.gcs import BLOCK_BYTES, open_bucket
from heartguard_media.store.local import LocalStore
from tests.fakes.objects import MemoryObjects
from tests.gcs import BUCKET


@pytest.fixture(params=["directory", "memory", "gcs"])
def store(request, tmp_path):
    if request.param != "gcs":
        yield LocalStore(tmp_path) if request.param == "directory" else MemoryObjects()
        return
    bucket = open_bucket(BUCKET, None, request.getfixturevalue("gcs").url)
    yield bucket
    for key in list(bucket.older_than(-60)):
        bucket.delete(key)
    bucket.close()


def test_an_object_is_read_whole_and_in_ranges(store):
    written = store.write("org_1/user_1/a", [b"heart", b"", b"beat"])
    assert (written.size, written.sha256) == (9, hashlib.sha256(b"heartbeat").hexdigest())
    assert b"".join(store.read("org_1/user_1/a", 0, 9)) == b"heartbeat"
    assert b"".join(store.read("org_1/user_1/a", 5, 4)) == b"beat"


def test_sizes_around_the_borders_of_blocks(subtests, store):
    for size in [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES]:
        with subtests.test(str(size)):
            key = f"org_1/user_1/{size}"
            content = random.Random(size).randbytes(size)
            written = store.write(key, (content[at : at + 70_001] for at in range(0, size, 70_001)))
            assert (written.size, written.sha256) == (size, hashlib.sha256(content).hexdigest())
            assert b"".join(store.read(key, 0, size)) == content
            middle = size // 3
            assert b"".join(store.read(key, middle, size - middle)) == content[middle:]


def test_a_failing_source_leaves_nothing(store):
    def failing():
        yield bytes(2 * BLOCK_BYTES + 1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write("org_1/user_1/a", failing())
    with pytest.raises(FileNotFoundError):
        store.read("org_1/user_1/a", 0, 1)
    assert list(store.older_than(-60)) == []


def test_deleting_is_repeatable(store):
    store.write("org_1/user_1/a", [b"x"])
    store.delete("org_1/user_1/a")
    store.delete("org_1/user_1/a")
    with pytest.raises(FileNotFoundError):
        store.read("org_1/user_1/a", 0, 1)


def test_objects_are_listed_by_age(store):
    store.write("org_1/user_1/a", [b"x"])
    assert list(store.older_than(60)) == []
    assert list(store.older_than(-60)) == ["org_1/user_1/a"]


# The emulator does not know the condition; tests/store/media/test_gcs_faults.py sees that it is sent and obeyed.
@pytest.mark.parametrize("store", ["directory", "memory"], indirect=True)
def test_a_key_is_used_once(store):
    store.write("org_1/user_1/a", [b"first"])
    with pytest.raises(FileExistsError):
        store.write("org_1/user_1/a", [b"other"])
    assert b"".join(store.read("org_1/user_1/a", 0, 5)) == b"first"


def test_the_size_of_an_object_is_known_without_reading_it(store):
    assert store.size("org_1/user_1/a") is None
    for size in (0, 9):
        store.write(f"org_1/user_1/{size}", [b"x" * size])
        assert store.size(f"org_1/user_1/{size}") == size
