"""Signing checkpoints of chains, and verifying chains."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from heartguard_audit.domain.chain import (
    ChainLink,
    Check,
    SignedStatement,
    Statement,
    Verdict,
    by_chain,
    missing_from,
    verify_chain,
)
from heartguard_audit.errors import CHAIN_TOO_LONG
from heartguard_audit.ports import ChainStore, CheckpointLog, SigningKeys, Snapshot
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import NOT_FOUND, TOO_LONG, ServiceError

Progress = Callable[[int], None]
PROGRESS_EVENTS = 10_000


@dataclass(frozen=True)
class ChainReport:
    """The result for one chain: its organization, how many statements the table has about it, and the verdict."""

    org_id: int | None
    checkpoints: int
    verdict: Verdict


class Verification:
    """Verifies chains. The checkpoint log is read before the chain store, because it is written after it."""

    def __init__(self, chain_store: ChainStore, checkpoint_log: CheckpointLog, keys: SigningKeys) -> None:
        self._chain_store = chain_store
        self._checkpoint_log = checkpoint_log
        self._keys = keys

    def verify(self, org_id: int | None) -> Verdict:
        """The verdict on one chain. Raises AUDIT_002 when verifying takes longer than the request's deadline."""
        checkpoint_log = by_chain(self._checkpoint_log.of(org_id)).get(org_id, [])
        try:
            with self._chain_store.snapshot() as snapshot:
                return self._verify(snapshot, org_id, checkpoint_log).verdict
        except ServiceError as error:
            if error.error_code is TOO_LONG:
                raise ServiceError(CHAIN_TOO_LONG) from error
            raise

    def verify_all(self, only: int | None = None, progress: Progress = lambda _: None) -> Iterator[ChainReport]:
        """A report on every chain, or on that of one organization; `progress` is called every 10,000 events.

        Raises GEN_404 for an organization that has never existed; the chain of one without events is valid.
        """
        checkpoint_log = by_chain(self._checkpoint_log.read())
        with self._chain_store.snapshot() as snapshot:
            chains = sorted({*snapshot.chains(), *checkpoint_log}, key=lambda it: (it is None, it))
            if only is not None and only not in chains and not snapshot.knows(only):
                raise ServiceError(NOT_FOUND, f"There is no organization {only}")
            for org_id in chains if only is None else [only]:
                yield self._verify(snapshot, org_id, checkpoint_log.get(org_id, []), progress)

    def _verify(
        self,
        snapshot: Snapshot,
        org_id: int | None,
        checkpoint_log: list[SignedStatement],
        progress: Progress = lambda _: None,
    ) -> ChainReport:
        in_table = snapshot.statements(org_id)
        check = Check(self._keys, checkpoint_log, in_table)
        return ChainReport(
            org_id, len(in_table), verify_chain(check, _reporting(snapshot.links(org_id, check.begins_after), progress))
        )


def _reporting(links: Iterator[ChainLink], progress: Progress) -> Iterator[ChainLink]:
    for number, link in enumerate(links, 1):
        if number % PROGRESS_EVENTS == 0:
            progress(number)
        yield link


class CheckpointSigner:
    """Signs the newest event of each chain; the checkpoint is written to the chain store, then to the log."""

    def __init__(self, chain_store: ChainStore, checkpoint_log: CheckpointLog, keys: SigningKeys, clock: Clock) -> None:
        self._chain_store = chain_store
        self._checkpoint_log = checkpoint_log
        self._keys = keys
        self._clock = clock

    def reconcile(self) -> int:
        """Append to the log the validly signed statements that a crash kept out of it; returns how many."""
        in_log = self._checkpoint_log.read()
        with self._chain_store.snapshot() as snapshot:
            missing = [it for it in missing_from(in_log, snapshot.all_statements()) if self._keys.verify_signature(it)]
        self._checkpoint_log.append(missing)
        return len(missing)

    def step(self) -> int:
        """Sign the newest event of every chain that has grown since its last checkpoint; returns how many."""
        now = self._clock.now_ns()
        signed = [
            self._keys.sign(Statement("checkpoint", org_id, head.sequence, head.hash, now))
            for org_id, head in self._chain_store.unsigned_heads()
        ]
        self._chain_store.add(signed)
        self._checkpoint_log.append(signed)
        return len(signed)
