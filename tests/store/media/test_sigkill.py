"""SIGKILL at every step of upload and removal: after the sweeper each row has its object, and each object its row.

On the directory every step is tried. On the bucket the steps are many and the same calls lie between them: every third
is tried, and every one with HEARTGUARD_TEST_EVERY_STEP=1.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from heartguard_common.identity.authentication import Principal
from heartguard_media.domain.items import Scope, Upload
from tests.people import found, join, owner
from tests.store.media.killed_process import CONTENT, SIZE, media_of, objects_of

MOST_STEPS = 200
STRIDE_ON_THE_BUCKET = 1 if os.environ.get("HEARTGUARD_TEST_EVERY_STEP") else 3


@pytest.fixture(scope="module")
def runner():
    """Runs one order after the other in a process of its own."""
    command = [sys.executable, "-m", "tests.store.media.killed_process"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:

        def run(order):
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield run
        process.stdin.close()


@pytest.fixture(params=["directory", "gcs"])
def stack(request, database, tmp_path):
    """Stores, an admin, and media over them, in which everything is old enough for the sweeper."""
    org = found(database)
    who = {"org_id": org, "user_id": join(database, org, "admin"), "role": "admin"}
    directory, gcs = str(tmp_path / "media"), ""
    if request.param == "gcs":
        directory, gcs = "", request.getfixturevalue("gcs").url
    order = {"database": database.url_for("media"), "directory": directory, "gcs": gcs, "who": who}
    media = media_of(order, lambda port: port)
    objects = objects_of(order)
    yield SimpleNamespace(database=database, order=order, who=Principal("person", **who), media=media, objects=objects)
    for key in list(objects.older_than(-60)):
        objects.delete(key)


def put(stack, who=None):
    return stack.media.uploads.stream(who or stack.who, Upload("x", "text/plain", 10**6), CONTENT)


def age(stack):
    """Let days pass for every row."""
    with owner(stack.database) as cursor:
        cursor.execute(
            "UPDATE heartguard_core.media_items SET created_at = created_at - interval '9 days',"
            " bytes_until = bytes_until - interval '9 days'"
        )


def rows(stack):
    with owner(stack.database) as cursor:
        cursor.execute("SELECT id::text, status, size FROM heartguard_core.media_items")
        found_rows = {row[0]: row[1:] for row in cursor.fetchall()}
        cursor.execute("SELECT items, bytes FROM heartguard_core.media_usage")
        return found_rows, cursor.fetchall()


def require_whole(stack):
    """Sweep, then compare both sides and the count. Returns the ids that are left."""
    age(stack)
    stack.media.removal.sweep()
    found_rows, usage = rows(stack)
    assert {status for status, _ in found_rows.values()} <= {"ready"}
    assert usage == [(len(found_rows), sum(size for _, size in found_rows.values()))]
    keys = list(stack.objects.older_than(-60))
    assert sorted(key.rsplit("/", 1)[-1] for key in keys) == sorted(found_rows)
    for key in keys:
        assert b"".join(stack.objects.read(key, 0, SIZE + 1)) == b"".join(CONTENT)
    return set(found_rows)


def every_step(stack, runner, deed, prepare):
    """Run a deed again and again, killed one step later each time, until it gets through; counts the kills."""
    for step in range(1, MOST_STEPS, STRIDE_ON_THE_BUCKET if stack.order["gcs"] else 1):
        answer = runner({**stack.order, "deed": deed, "step": step, **prepare()})
        assert answer["killed"] is not (answer["status"] == 0), answer
        yield answer
        if not answer["killed"]:
            assert step > 5
            return
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("deed", ["upload", "announced"])
def test_an_upload_survives_a_kill_at_each_step(stack, runner, deed):
    kept = {put(stack).id}
    for answer in every_step(stack, runner, deed, dict):
        kept |= {answer["said"]} - {None}
        left = require_whole(stack)
        # What was acknowledged is there. At most one more: an upload that was killed before it could say so.
        assert kept <= left
        assert len(left - kept) <= 1
        kept = left
    assert answer["said"] in kept


def test_a_removal_survives_a_kill_at_each_step(stack, runner):
    kept = put(stack).id
    for answer in every_step(stack, runner, "delete", lambda: {"item": put(stack).id}):
        left = require_whole(stack)
        assert kept in left
        assert answer["said"] not in left
        for item_id in left - {kept}:  # killed before anything was done: it is still there, whole
            stack.media.removal.delete(stack.who, item_id)
    assert require_whole(stack) == {kept}


def test_an_erasure_survives_a_kill_at_each_step(stack, runner):
    kept = put(stack).id
    other = replace(stack.who, user_id=join(stack.database, stack.who.org_id, "admin"))

    def two_files():
        put(stack, other)
        put(stack, other)
        return {"owner": other.user_id}

    answers = []
    for answer in every_step(stack, runner, "erase", two_files):
        answers.append(answer["said"])
        assert kept in require_whole(stack)
    assert answers[-1] >= 2
    stack.media.removal.erase(stack.who, stack.who.org_id, other.user_id)
    assert require_whole(stack) == {kept}


def test_the_sweeper_survives_a_kill_at_each_step(stack, runner):
    kept = put(stack).id

    def all_kinds():
        """A retired row with its object, an unfinished upload with and without one, an object without a row."""
        media = stack.media
        stack.objects.delete(media.announced.announce(stack.who, Upload("a", "text/plain", 10**6, 1))[0].key)
        with_bytes = media.announced.announce(stack.who, Upload("b", "text/plain", 10**6, SIZE))[0]
        stack.objects.write(with_bytes.key, CONTENT)
        retired, orphan = put(stack), put(stack)
        with owner(stack.database) as cursor:
            change = "UPDATE heartguard_core.media_items SET status = 'retired' WHERE id = %s"
            cursor.execute(change, (retired.id,))
            cursor.execute("DELETE FROM heartguard_core.media_items WHERE id = %s", (orphan.id,))
        age(stack)
        return {}

    answers = []
    for answer in every_step(stack, runner, "sweep", all_kinds):
        answers.append(answer["said"])
        assert require_whole(stack) == {kept}
    assert answers[-1] == 4
    assert stack.media.reading.list(stack.who, Scope(stack.who.org_id), None, 10)[0].id == kept
