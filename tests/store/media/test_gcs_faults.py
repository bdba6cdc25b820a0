"""Days on which Google Cloud Storage answers badly: what is tried again, what is said, and that no orphan stays."""

import hashlib
import time

import pytest

from heartguard_common.core.errors import ServiceError
from heartguard_media.store.gcs import BLOCK_BYTES, open_bucket
from tests.gcs import BUCKET
from tests.store.media.faulty import FaultyStore

KEY = "org_1/user_1/a"
CONTENT = bytes(range(256)) * (BLOCK_BYTES // 256) + b"and a second block"
RETRY_SECONDS = 60.0


@pytest.fixture
def faulty(gcs):
    with FaultyStore(gcs.url).running() as faulty:
        yield faulty
    store = open_bucket(BUCKET, None, gcs.url)
    for key in list(store.older_than(-60)):
        store.delete(key)
    store.close()


@pytest.fixture
def store(faulty):
    store = open_bucket(BUCKET, None, faulty.url, retry_seconds=RETRY_SECONDS, timeout=(10.0, 2.0))
    yield store
    store.close()


def write(store):
    return store.write(KEY, [CONTENT])


CALLS = {
    "read": lambda store: b"".join(store.read(KEY, 0, len(CONTENT))) == CONTENT,
    "size": lambda store: store.size(KEY) == len(CONTENT),
    "list": lambda store: list(store.older_than(-60)) == [KEY],
    "delete": lambda store: store.delete(KEY) is None,
}


@pytest.mark.parametrize("fault", [503, 429, 500, "reset", "lost", "silent"])
@pytest.mark.parametrize("call", CALLS)
def test_repeatable_requests_are_retried(store, faulty, call, fault):
    write(store)
    faulty.faults = [fault]
    assert CALLS[call](store)
    if call == "delete":
        assert store.size(KEY) is None


@pytest.mark.parametrize("fault", [503, "lost", "reset"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_write_is_whole_whichever_of_its_requests_fails(store, faulty, fault, at):
    """Its requests: open a session, the first block, the last one."""
    faulty.faults = [*[None] * at, fault]
    try:
        written = write(store)
    except ServiceError:
        # Refused with 503: the object is there whole, or not at all.
        assert store.size(KEY) in (None, len(CONTENT))
        return
    assert (written.size, written.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert CALLS["read"](store)


def test_a_write_is_conditional_and_says_so(store, faulty):
    write(store)
    opened = [path for method, path in faulty.seen if method == "POST"]
    assert len(opened) == 1
    assert "ifGenerationMatch=0" in opened[0]


def test_a_used_key_is_distinguished_from_an_outage(store, faulty):
    faulty.faults = [412]
    with pytest.raises(FileExistsError):
        write(store)


@pytest.mark.parametrize("call", [*CALLS, "write"])
@pytest.mark.parametrize("fault", [403, 401, 503, "silent"])
def test_a_store_that_never_answers_well_is_503_within_the_budget(gcs, faulty, call, fault):
    if call == "read":
        direct = open_bucket(BUCKET, None, gcs.url)
        write(direct)
        direct.close()
    store = open_bucket(BUCKET, None, faulty.url, retry_seconds=0.5, timeout=(1.0, 0.2))
    faulty.always = fault
    began = time.monotonic()
    with pytest.raises(ServiceError) as refused:
        {**CALLS, "write": write}[call](store)
    assert refused.value.row.status == 503
    assert time.monotonic() - began < 60  # without the budget it would be two minutes
    # What the store refuses for a reason is not asked again.
    tries = len(faulty.seen)
    store.close()
    assert fault not in (401, 403) or call == "read" or tries == 1


def test_a_read_that_fails_on_its_way_does_not_pretend_to_be_whole(store, faulty):
    write(store)
    blocks = store.read(KEY, 0, len(CONTENT))
    assert next(blocks) == CONTENT[:BLOCK_BYTES]
    faulty.always = 403
    with pytest.raises(ServiceError):
        next(blocks)
