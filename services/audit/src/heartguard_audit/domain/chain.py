"""The chain of an organization's events: what is signed, and how a break is found and named."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from heartguard_common.audit.chain import GENESIS, event_hash

Kind = Literal["checkpoint", "removal"]
VERSION = 1


@dataclass(frozen=True)
class ChainLink:
    """An event as the table holds it: all columns that are hashed, and the two that prove them."""

    sequence: int
    columns: Mapping[str, object]
    recorded_us: int
    previous_hash: bytes
    hash: bytes
    seal: bytes | None


@dataclass(frozen=True)
class Head:
    """Where a chain ends: the sequence and the hash of its newest event; (0, zeros) before the first."""

    sequence: int = 0
    hash: bytes = GENESIS


@dataclass(frozen=True)
class Statement:
    """What is signed about a chain.

    A checkpoint says that the event at `sequence` has the hash `hash`; a removal also says that all events up to
    that sequence may be removed.
    """

    kind: Kind
    org_id: int | None
    sequence: int
    hash: bytes
    time_ns: int

    def text(self) -> bytes:
        """The bytes that are signed: RFC 8785 text of all members, `hash` in hexadecimal, `time_ns` as a string."""
        members = {
            "hash": self.hash.hex(),
            "kind": self.kind,
            "org_id": self.org_id,
            "sequence": self.sequence,
            "time_ns": str(self.time_ns),
            "version": VERSION,
        }
        return json.dumps(members, separators=(",", ":")).encode()


@dataclass(frozen=True)
class SignedStatement:
    """A statement with its Ed25519 signature (RFC 8032) and the public key that it is checked with."""

    statement: Statement
    public_key: bytes
    signature: bytes


class Keys:
    """The checkpoint key, and previous ones that are used for verifying only.

    Two keys are derived from each secret (HMAC-SHA256 of a name): one seals every event, so that a rewritten event is
    detected without its neighbours; an Ed25519 pair signs statements, so that anybody with the public key can verify
    them.
    """

    def __init__(self, secret: str, previous: Sequence[str] = ()) -> None:
        self._seal_keys = [_derived_key(it, "seal") for it in (secret, *previous)]
        pairs = [Ed25519PrivateKey.from_private_bytes(_derived_key(it, "sign")) for it in (secret, *previous)]
        self._private = pairs[0]
        self._public_keys = {pair.public_key().public_bytes_raw(): pair.public_key() for pair in pairs}
        self.public_key = pairs[0].public_key().public_bytes_raw()

    def seal(self, digest: bytes) -> bytes:
        """The keyed hash of an event's hash, which can't be made without the key."""
        return hmac.digest(self._seal_keys[0], digest, "sha256")

    def verify_seal(self, digest: bytes, seal: bytes) -> bool:
        """Whether the seal was made with one of the keys."""
        return any(hmac.compare_digest(hmac.digest(key, digest, "sha256"), seal) for key in self._seal_keys)

    def sign(self, statement: Statement) -> SignedStatement:
        """The statement with a signature of the current key."""
        return SignedStatement(statement, self.public_key, self._private.sign(statement.text()))

    def verify_signature(self, signed: SignedStatement) -> bool:
        """Whether one of the keys signed exactly this statement."""
        key: Ed25519PublicKey | None = self._public_keys.get(signed.public_key)
        if key is None:
            return False
        try:
            key.verify(signed.signature, signed.statement.text())
        except InvalidSignature:
            return False
        return True


def _derived_key(secret: str, name: str) -> bytes:
    return hmac.digest(secret.encode(), f"heartguard audit {name}".encode(), hashlib.sha256)


@dataclass(frozen=True)
class ChainBreak:
    """The first thing that is wrong with a chain: where, and what."""

    sequence: int
    reason: str


@dataclass(frozen=True)
class Verdict:
    """The result of verifying a chain: how many events were checked, and the first break if there is one."""

    checked: int
    chain_break: ChainBreak | None = None


class VerifyingKeys(Protocol):
    """The keys as a check uses them."""

    def verify_seal(self, digest: bytes, seal: bytes) -> bool:
        """Whether the seal was made with one of the keys."""

    def verify_signature(self, signed: SignedStatement) -> bool:
        """Whether one of the keys signed exactly this statement."""


class Check:
    """Verifies one chain from its signed beginning to its end. Keeps only the statements in memory."""

    def __init__(
        self, keys: VerifyingKeys, in_file: Iterable[SignedStatement], in_table: Iterable[SignedStatement]
    ) -> None:
        """`in_file` are the statements of the checkpoint file, `in_table` those of the table, in order of sequence.

        The file must have been read before the table: a statement is committed to the table first, so each one of
        the file must then be in the table.
        """
        self._keys = keys
        self._chain_breaks: list[ChainBreak] = []
        self.checked = 0
        good = self._valid_statements(list(in_file), list(in_table))
        start = max((it for it in good if it.kind == "removal"), key=lambda it: it.sequence, default=None)
        self._last = Head(start.sequence, start.hash) if start else Head()
        checkpoints = sorted({(it.sequence, it.hash) for it in good if it.kind == "checkpoint"})
        self._first_checkpoint = checkpoints[0][0] if checkpoints else 0
        self._checkpoints = [checkpoint for checkpoint in checkpoints if checkpoint[0] > self._last.sequence]
        self._next_checkpoint = 0

    @property
    def begins_after(self) -> int:
        """The sequence up to which a signed removal permits events to be missing, 0 without one."""
        return self._last.sequence

    def _valid_statements(self, in_file: list[SignedStatement], in_table: list[SignedStatement]) -> list[Statement]:
        good: list[Statement] = []
        # Most are in both, and verifying a signature takes 0.1 ms.
        for signed in dict.fromkeys((*in_file, *in_table)):
            if self._keys.verify_signature(signed):
                good.append(signed.statement)
            else:
                self._chain_break(
                    signed.statement.sequence, f"the {signed.statement.kind} with this sequence has no valid signature"
                )
        for it in missing_from(in_table, in_file):
            self._chain_break(
                it.statement.sequence, f"the {it.statement.kind} with this sequence was removed from the table"
            )
        # The newest statements of the table may not be in the file yet.
        newest = max((it.statement.time_ns for it in in_file), default=0)
        for it in missing_from(in_file, in_table):
            if it.statement.time_ns < newest:
                self._chain_break(
                    it.statement.sequence, f"the {it.statement.kind} with this sequence was removed from the file"
                )
        return good

    def feed(self, event: ChainLink) -> bool:
        """Check the next event; False when the chain is broken here, and no further event needs to be checked."""
        expected = self._last.sequence + 1
        if event.sequence != expected:
            return self._chain_break(
                expected, "the event is missing" if event.sequence > expected else "two events have this sequence"
            )
        reason = self._error_of(event)
        if reason is not None:
            return self._chain_break(expected, reason)
        self._last = Head(event.sequence, event.hash)
        self.checked += 1
        return True

    def _error_of(self, event: ChainLink) -> str | None:
        if event.previous_hash != self._last.hash:
            return "it does not follow the event before it"
        try:
            digest = event_hash(event.columns, event.sequence, event.recorded_us, self._last.hash)
        except TypeError as error:
            return str(error)
        if digest != event.hash:
            return "it is not what was hashed"
        return self._seal_error(event) or self._checkpoint_error(event)

    def _seal_error(self, event: ChainLink) -> str | None:
        if event.seal is not None:
            return None if self._keys.verify_seal(event.hash, event.seal) else "its seal is not valid"
        return "it has no seal" if event.sequence > self._first_checkpoint else None

    def _checkpoint_error(self, event: ChainLink) -> str | None:
        while (
            self._next_checkpoint < len(self._checkpoints)
            and self._checkpoints[self._next_checkpoint][0] == event.sequence
        ):
            if self._checkpoints[self._next_checkpoint][1] != event.hash:
                return "its hash differs from that of its checkpoint"
            self._next_checkpoint += 1
        return None

    def end(self) -> Verdict:
        """The verdict after the last event: a chain that ends before its last checkpoint is broken too."""
        if self._next_checkpoint < len(self._checkpoints) and not self._stopped_here:
            last = self._checkpoints[-1][0]
            self._chain_break(self._last.sequence + 1, f"the events up to the checkpoint at {last} are missing")
        first = min(self._chain_breaks, key=lambda chain_break: chain_break.sequence, default=None)
        return Verdict(self.checked, first)

    @property
    def _stopped_here(self) -> bool:
        return any(chain_break.sequence == self._last.sequence + 1 for chain_break in self._chain_breaks)

    def _chain_break(self, sequence: int, reason: str) -> bool:
        self._chain_breaks.append(ChainBreak(sequence, reason))
        return False


def verify_chain(check: Check, events: Iterator[ChainLink]) -> Verdict:
    """Check the events of a chain up to the first break; returns the verdict."""
    for event in events:
        if not check.feed(event):
            break
    return check.end()


def by_chain(statements: Iterable[SignedStatement]) -> dict[int | None, list[SignedStatement]]:
    """Statements grouped by the organization of their chain, each group in the order of sequence."""
    found: dict[int | None, list[SignedStatement]] = {}
    for it in sorted(statements, key=lambda one: one.statement.sequence):
        found.setdefault(it.statement.org_id, []).append(it)
    return found


def missing_from(here: Iterable[SignedStatement], there: Iterable[SignedStatement]) -> list[SignedStatement]:
    """The statements of `there` for which `here` has none of the same chain, kind and sequence."""
    known = {(it.statement.org_id, it.statement.kind, it.statement.sequence) for it in here}
    return [it for it in there if (it.statement.org_id, it.statement.kind, it.statement.sequence) not in known]
