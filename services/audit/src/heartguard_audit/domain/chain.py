"""The chain of an organization's events: what is signed, and how a break is found and named."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from heartguard_common.audit.chain import GENESIS, link

Kind = Literal["checkpoint", "removal"]
VERSION = 1


@dataclass(frozen=True)
class Link:
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
    """What is signed about a chain: at `sequence` its hash was `hash`; as a removal, that all up to there may go."""

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
class Signed:
    """A statement with its Ed25519 signature (RFC 8032) and the public key that it is checked with."""

    statement: Statement
    public_key: bytes
    signature: bytes


class Keys:
    """The checkpoint key, and older ones that only verify.

    Of each secret two keys are derived (HMAC-SHA256 of a name): one seals every event, so that a rewritten one is
    found by itself; an Ed25519 pair signs statements, so that anybody with the public key can check them.
    """

    def __init__(self, secret: str, previous: Sequence[str] = ()) -> None:
        self._sealing = [_derived(it, "seal") for it in (secret, *previous)]
        pairs = [Ed25519PrivateKey.from_private_bytes(_derived(it, "sign")) for it in (secret, *previous)]
        self._private = pairs[0]
        self._known = {pair.public_key().public_bytes_raw(): pair.public_key() for pair in pairs}
        self.public_key = pairs[0].public_key().public_bytes_raw()

    def seal(self, digest: bytes) -> bytes:
        """The keyed hash of an event's hash: who can't read the key can't make it."""
        return hmac.digest(self._sealing[0], digest, "sha256")

    def sealed(self, digest: bytes, seal: bytes) -> bool:
        """Whether one of the keys made this seal."""
        return any(hmac.compare_digest(hmac.digest(key, digest, "sha256"), seal) for key in self._sealing)

    def sign(self, statement: Statement) -> Signed:
        """The statement with a signature under the present key."""
        return Signed(statement, self.public_key, self._private.sign(statement.text()))

    def signed(self, said: Signed) -> bool:
        """Whether one of our keys signed exactly this."""
        key: Ed25519PublicKey | None = self._known.get(said.public_key)
        if key is None:
            return False
        try:
            key.verify(said.signature, said.statement.text())
        except InvalidSignature:
            return False
        return True


def _derived(secret: str, name: str) -> bytes:
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


class Prover(Protocol):
    """What a check needs of the keys."""

    def sealed(self, digest: bytes, seal: bytes) -> bool:
        """Whether one of the keys made this seal."""

    def signed(self, said: Signed) -> bool:
        """Whether one of our keys signed exactly this."""


class Check:
    """Verifies one chain from its signed beginning to its end. Holds no more than the statements."""

    def __init__(self, keys: Prover, filed: Iterable[Signed], tabled: Iterable[Signed]) -> None:
        """`filed` are the statements kept apart, `tabled` those of the table, each in the order of sequence.

        The file must have been read before the table: then a statement of the file is in the table, because it is
        committed there first.
        """
        self._keys = keys
        self._chain_breaks: list[ChainBreak] = []
        self.checked = 0
        good = self._compared(list(filed), list(tabled))
        start = max((it for it in good if it.kind == "removal"), key=lambda it: it.sequence, default=None)
        self._at = Head(start.sequence, start.hash) if start else Head()
        marks = sorted({(it.sequence, it.hash) for it in good if it.kind == "checkpoint"})
        self._adopted = marks[0][0] if marks else 0
        self._marks = [mark for mark in marks if mark[0] > self._at.sequence]
        self._next_mark = 0

    @property
    def begins_after(self) -> int:
        """The sequence up to which events have been removed in order, 0 when none have."""
        return self._at.sequence

    def _compared(self, filed: list[Signed], tabled: list[Signed]) -> list[Statement]:
        good: list[Statement] = []
        # Most stand in both, and a signature costs a tenth of a millisecond.
        for said in dict.fromkeys((*filed, *tabled)):
            if self._keys.signed(said):
                good.append(said.statement)
            else:
                self._chain_break(said.statement.sequence, f"the {said.statement.kind} there is not what was signed")
        for it in lacking(tabled, filed):
            self._chain_break(it.statement.sequence, f"the {it.statement.kind} there was removed from the table")
        # The newest of the table may be on its way into the file.
        newest = max((it.statement.time_ns for it in filed), default=0)
        for it in lacking(filed, tabled):
            if it.statement.time_ns < newest:
                self._chain_break(it.statement.sequence, f"the {it.statement.kind} there was removed from the file")
        return good

    def feed(self, event: Link) -> bool:
        """Check the next event; False when it is not the one that belongs here, and nothing more needs to come."""
        expected = self._at.sequence + 1
        if event.sequence != expected:
            return self._chain_break(
                expected, "the event is missing" if event.sequence > expected else "it stands twice"
            )
        reason = self._wrong(event)
        if reason is not None:
            return self._chain_break(expected, reason)
        self._at = Head(event.sequence, event.hash)
        self.checked += 1
        return True

    def _wrong(self, event: Link) -> str | None:
        if event.previous_hash != self._at.hash:
            return "it does not follow the event before it"
        try:
            digest = link(event.columns, event.sequence, event.recorded_us, self._at.hash)
        except TypeError as error:
            return str(error)
        if digest != event.hash:
            return "it is not what was hashed"
        return self._unsealed(event) or self._unsigned(event)

    def _unsealed(self, event: Link) -> str | None:
        if event.seal is not None:
            return None if self._keys.sealed(event.hash, event.seal) else "it was not sealed by us"
        return "it has no seal" if event.sequence > self._adopted else None

    def _unsigned(self, event: Link) -> str | None:
        while self._next_mark < len(self._marks) and self._marks[self._next_mark][0] == event.sequence:
            if self._marks[self._next_mark][1] != event.hash:
                return "it is not what the checkpoint there says"
            self._next_mark += 1
        return None

    def end(self) -> Verdict:
        """The verdict, when the last event has been fed: an end before the last checkpoint is a break too."""
        if self._next_mark < len(self._marks) and not self._stopped:
            last = self._marks[-1][0]
            self._chain_break(
                self._at.sequence + 1, f"the end was cut off: a checkpoint at {last} says that there was more"
            )
        first = min(self._chain_breaks, key=lambda chain_break: chain_break.sequence, default=None)
        return Verdict(self.checked, first)

    @property
    def _stopped(self) -> bool:
        return any(chain_break.sequence == self._at.sequence + 1 for chain_break in self._chain_breaks)

    def _chain_break(self, sequence: int, reason: str) -> bool:
        self._chain_breaks.append(ChainBreak(sequence, reason))
        return False


def verify_links(check: Check, events: Iterator[Link]) -> Verdict:
    """Feed all events that belong to the chain, as far as they go, and give the verdict."""
    for event in events:
        if not check.feed(event):
            break
    return check.end()


def by_chain(said: Iterable[Signed]) -> dict[int | None, list[Signed]]:
    """Statements apart by the chain they speak of, each in the order of sequence."""
    found: dict[int | None, list[Signed]] = {}
    for it in sorted(said, key=lambda one: one.statement.sequence):
        found.setdefault(it.statement.org_id, []).append(it)
    return found


def lacking(here: Iterable[Signed], there: Iterable[Signed]) -> list[Signed]:
    """What is there and not here."""
    known = {(it.statement.org_id, it.statement.kind, it.statement.sequence) for it in here}
    return [it for it in there if (it.statement.org_id, it.statement.kind, it.statement.sequence) not in known]
