"""Checkpoints: which chains are signed, and how a crash is repaired."""

import json

import pytest

from heartguard_audit.domain.chain import Statement
from heartguard_audit.store.chain_store import PostgresChainStore
from heartguard_audit.store.checkpoints import NAME, CheckpointFile
from heartguard_audit.usecases.chains import CheckpointSigner, Verification
from heartguard_common.core.clock import SystemClock
from heartguard_common.core.ids import uuid7
from tests.store.audit.conftest import KEYS, event


@pytest.fixture
def checkpoint_log(tmp_path):
    return CheckpointFile(tmp_path)


@pytest.fixture
def chain_store(store):
    return PostgresChainStore(store)


@pytest.fixture
def checkpoint_signer(chain_store, checkpoint_log):
    return CheckpointSigner(chain_store, checkpoint_log, KEYS, SystemClock())


@pytest.fixture
def verdict(chain_store, checkpoint_log):
    return lambda: Verification(chain_store, checkpoint_log, KEYS).verify(1)


@pytest.fixture
def trail(events, checkpoint_signer):
    """Signed events of two organizations and of no organization."""
    events.add([event(org_id=org_id) for org_id in (1, 1, 2, None)])
    checkpoint_signer.step()
    return events


def test_unsigned_events_are_signed(trail, verdict):
    trail.add([event() for _ in range(5)])
    assert (verdict().checked, verdict().chain_break) == (7, None)


def test_a_checkpoint_lost_in_a_crash_is_written_before_the_next(
    trail, checkpoint_signer, chain_store, verdict, checkpoint_log
):
    trail.add([event()])
    ((org_id, head),) = chain_store.unsigned_heads()
    late = KEYS.sign(Statement("checkpoint", org_id, head.sequence, head.hash, SystemClock().now_ns()))
    chain_store.add([late])
    assert verdict().chain_break is None
    assert checkpoint_signer.reconcile() == 1
    assert checkpoint_log.read()[-1] == late
    assert checkpoint_signer.reconcile() == 0


def test_the_checkpoints_of_one_chain_are_found_among_all(checkpoint_log, tmp_path):
    said = [
        KEYS.sign(Statement("checkpoint", org_id, number, bytes(32), number))
        for number, org_id in enumerate((1, None, 11, 2, 1, 111, 12, 1))
    ]
    checkpoint_log.append(said)
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"statement": 1}\nnonsense\n\n{"half')
    everything = checkpoint_log.read()
    assert everything[: len(said)] == said
    for org_id in (1, 2, 11, 12, 111, 3, None):
        assert checkpoint_log.of(org_id) == [it for it in everything if it.statement.org_id == org_id]
    assert len(checkpoint_log.of(None)) == 3


def respelled(said, **changes):
    """The line of a statement as another program could write it: the same members, other white space."""
    members = {**json.loads(said.statement.text()), **changes}
    document = {"signature": said.signature.hex(), "public_key": said.public_key.hex()}
    return json.dumps({**document, "statement": json.dumps(members)}).encode() + b"\n"


@pytest.mark.parametrize("org_id", [1, None])
def test_a_forged_statement_is_found_however_it_is_spelled(trail, checkpoint_log, tmp_path, chain_store, org_id):
    mine = checkpoint_log.of(org_id)[0]
    with (tmp_path / NAME).open("ab") as file:
        file.write(respelled(mine, sequence=9))
    (whole,) = (
        it.verdict for it in Verification(chain_store, checkpoint_log, KEYS).verify_all(org_id) if it.org_id == org_id
    )
    assert whole.chain_break.sequence == 9
    assert Verification(chain_store, checkpoint_log, KEYS).verify(org_id) == whole


@pytest.mark.parametrize("changes", [{"time_ns": float("inf")}, {"kind": ["checkpoint"]}, {"kind": "forgery"}, None])
def test_an_invalid_line_belongs_to_no_chain_and_breaks_none(trail, checkpoint_log, tmp_path, verdict, changes):
    strange = b"[" * 20_000 + b"\n" if changes is None else respelled(checkpoint_log.of(1)[0], **changes)
    with (tmp_path / NAME).open("ab") as file:
        file.write(strange)
    assert checkpoint_log.read()[-1] == checkpoint_log.of(None)[-1]
    assert not KEYS.verify_signature(checkpoint_log.of(None)[-1])
    assert verdict().chain_break is None


def test_a_checkpoint_in_another_spelling_is_still_found(trail, checkpoint_signer, checkpoint_log, tmp_path, verdict):
    trail.add([event()])
    checkpoint_signer.step()
    file = tmp_path / NAME
    first, *others = checkpoint_log.read()
    _, *lines = file.read_bytes().splitlines(keepends=True)
    assert (first.statement.org_id, others[-1].statement.org_id) == (1, 1)
    file.write_bytes(respelled(first) + b"".join(lines))
    assert verdict().chain_break is None


def test_half_a_line_left_by_a_crash_is_cut_off(trail, checkpoint_signer, tmp_path, verdict):
    with (tmp_path / NAME).open("ab") as stream:
        stream.write(b'{"statement":')
    assert verdict().chain_break is None
    trail.add([event()])
    assert checkpoint_signer.step() == 1
    assert verdict().chain_break is None
    assert all(json.loads(line) for line in (tmp_path / NAME).read_bytes().splitlines())


def test_only_chains_that_have_grown_are_signed(trail, checkpoint_signer, chain_store):
    assert checkpoint_signer.step() == 0
    trail.add([event(org_id=None), event(org_id=9)])
    assert [org_id for org_id, _ in chain_store.unsigned_heads()] == [9, None]
    assert checkpoint_signer.step() == 2


def test_an_event_sent_again_leaves_the_chain_unchanged(trail, verdict):
    again = event(id=uuid7())
    assert trail.add([again, again]) == 1
    assert trail.add([again]) == 0
    assert (verdict().checked, verdict().chain_break) == (3, None)
