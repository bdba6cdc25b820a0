"""The object store's exam: the real one and the fake of the tests sit the same."""

import hashlib
import os
import random
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from heartguard_common.database import Database
from heartguard_media.domain import Scope, Upload
from heartguard_media.store.gcs import BLOCK_BYTES, open_bucket
from heartguard_media.store.items import PostgresItems
from heartguard_media.store.local import LocalStore
from heartguard_media.usecases import MediaUseCases, Rules
from tests.clocks import MovableClock
from tests.fakes.objects import MemoryObjects
from tests.gcs import BUCKET
from tests.people import found, join


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


def test_what_was_written_is_read_in_whole_and_in_parts(store):
    written = store.write("org_1/user_1/a", [b"heart", b"", b"beat"])
    assert (written.size, written.sha256) == (9, hashlib.sha256(b"heartbeat").hexdigest())
    assert b"".join(store.read("org_1/user_1/a", 0, 9)) == b"heartbeat"
    assert b"".join(store.read("org_1/user_1/a", 5, 4)) == b"beat"


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
def test_sizes_around_the_borders_of_blocks(store, size):
    content = random.Random(size).randbytes(size)
    written = store.write("org_1/user_1/a", (content[at : at + 70_001] for at in range(0, size, 70_001)))
    assert (written.size, written.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert b"".join(store.read("org_1/user_1/a", 0, size)) == content
    middle = size // 3
    assert b"".join(store.read("org_1/user_1/a", middle, size - middle)) == content[middle:]


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


class Crash(BaseException):
    """The process dies here."""


class CrashingItems:
    """Rows that die at one step and can't clean up after themselves, as after SIGKILL."""

    def __init__(self, items, step):
        self._items, self._step, self._dead = items, step, False

    def __getattr__(self, name):
        def call(*arguments):
            if self._dead:
                raise Crash
            result = None if name == self._step == "finish" else getattr(self._items, name)(*arguments)
            if name == self._step:
                self._dead = True
                raise Crash
            return result

        return call


class Deaf:
    """Objects that no longer hear once the process is dead."""

    def __init__(self, objects, items):
        self._objects, self._items = objects, items

    def write(self, key, blocks):
        return self._objects.write(key, blocks)

    def delete(self, key):
        if self._items._dead:
            raise Crash
        self._objects.delete(key)


RULES = Rules(10**6, 60, "s" * 32, "http://x")
SILENT = SimpleNamespace(changed=lambda *_, **__: None)


def member(database, folder, around):
    """An admin, the rows of the database, and media over them; `around` wraps the rows that media sees."""
    org = found(database)
    rows = PostgresItems(Database(database.url_for("media")))
    who = SimpleNamespace(org_id=org, user_id=join(database, org), role="admin")
    return who, rows, MediaUseCases(RULES, around(rows), LocalStore(folder), SILENT, MovableClock())


@pytest.mark.parametrize("step", ["begin", "finish", "remove"])
def test_the_sweeper_leaves_neither_row_without_object_nor_object_without_row(database, tmp_path, step):
    who, rows, healthy = member(database, tmp_path, lambda items: items)
    objects = LocalStore(tmp_path)
    kept = healthy.upload(who, Upload("kept", "text/plain", 100), [b"kept"])
    doomed = CrashingItems(rows, step)
    dying = MediaUseCases(RULES, doomed, Deaf(objects, doomed), SILENT, MovableClock())
    doomed_id = healthy.upload(who, Upload("x", "text/plain", 100), [b"x"]).id if step == "remove" else ""
    with pytest.raises(Crash):
        dying.delete(who, doomed_id) if doomed_id else dying.upload(who, Upload("x", "text/plain", 100), [b"x"])
    age(database, tmp_path)
    assert healthy.sweep() >= 1
    assert [item.id for item in rows.list(Scope(who.org_id), None, 10)] == [kept.id]
    assert [path.name for path in Path(tmp_path).rglob("*") if path.is_file()] == [kept.id]
    assert rows.abandoned(0) == []


class LostAnswer:
    """Rows of which one statement takes effect, and its answer is lost on the way."""

    def __init__(self, items):
        self._items = items

    def __getattr__(self, name):
        return getattr(self._items, name)

    def finish(self, *arguments):
        self._items.finish(*arguments)
        raise ConnectionResetError


def test_a_file_whose_commit_took_effect_keeps_its_bytes(database, tmp_path):
    who, rows, media = member(database, tmp_path, LostAnswer)
    with pytest.raises(ConnectionResetError):
        media.upload(who, Upload("x", "text/plain", 100), [b"kept"])
    (item,) = rows.list(Scope(who.org_id), None, 10)
    assert b"".join(media.content(item, 0, item.size)) == b"kept"


def test_the_sweeper_spares_an_upload_that_ends_under_its_hands(database, tmp_path):
    class Slow:
        """Rows whose list of the abandoned is out of date when it arrives."""

        def __init__(self, items):
            self._items = items

        def __getattr__(self, name):
            return getattr(self._items, name)

        def abandoned(self, _):
            return self._items.list(Scope(who.org_id), None, 10)

    who, _, media = member(database, tmp_path, Slow)
    item = media.upload(who, Upload("x", "text/plain", 100), [b"kept"])
    assert media.sweep() == 0
    assert b"".join(media.content(item, 0, item.size)) == b"kept"


def test_a_removal_is_on_record_even_when_the_bytes_resist(database, tmp_path):
    class Stubborn(LocalStore):
        def delete(self, _):
            raise TimeoutError

    said = []
    who, rows, media = member(database, tmp_path, lambda items: items)
    item = media.upload(who, Upload("x", "text/plain", 100), [b"x"])
    record = SimpleNamespace(changed=lambda _, action, *__, **___: said.append(action))
    resisting = MediaUseCases(RULES, rows, Stubborn(tmp_path), record, MovableClock())
    with pytest.raises(TimeoutError):
        resisting.delete(who, item.id)
    assert (said, list(rows.list(Scope(who.org_id), None, 10))) == (["media.delete"], [])
    age(database, tmp_path)
    assert media.sweep() == 1
    assert [path for path in Path(tmp_path).rglob("*") if path.is_file()] == []


def age(database, folder):
    """Let two hours pass for rows and files."""
    from tests.people import owner

    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.media_items SET created_at = created_at - interval '2 hours'")
    for path in Path(folder).rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 7200,) * 2)
