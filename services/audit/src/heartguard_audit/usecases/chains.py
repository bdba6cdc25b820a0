"""What can be done with a chain: signing where it ends, and finding where it was broken."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from heartguard_audit.domain.chain import Check, Link, Signed, Statement, Verdict, by_chain, lacking, verify_links
from heartguard_audit.errors import CHAIN_TOO_LONG
from heartguard_audit.ports import CheckpointLog, Ledger, Moment, Signer
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import NOT_FOUND, TOO_LONG, ServiceError

Progress = Callable[[int], None]
PROGRESS_EVENTS = 10_000


@dataclass(frozen=True)
class Examined:
    """A chain that was verified: whose it is, how many checkpoints stand for it, and what came out."""

    org_id: int | None
    checkpoints: int
    verdict: Verdict


class Verification:
    """Verifies chains. The checkpoint log is read before the ledger, because it is written after it."""

    def __init__(self, ledger: Ledger, checkpoint_log: CheckpointLog, keys: Signer) -> None:
        self._ledger = ledger
        self._checkpoint_log = checkpoint_log
        self._keys = keys

    def one(self, org_id: int | None) -> Verdict:
        """The verdict on one chain. Raises AUDIT_002 for a chain that takes longer than the caller may wait."""
        checkpoint_log = by_chain(self._checkpoint_log.of(org_id)).get(org_id, [])
        try:
            with self._ledger.snapshot() as moment:
                return self._examine(moment, org_id, checkpoint_log).verdict
        except ServiceError as error:
            if error.error_code is TOO_LONG:
                raise ServiceError(CHAIN_TOO_LONG) from error
            raise

    def all(self, only: int | None = None, progress: Progress = lambda _: None) -> Iterator[Examined]:
        """Every chain (or that of one organization), one after another; `progress` is called every 10,000 events.

        Raises GEN_404 for an organization that there never was; one without events is valid.
        """
        checkpoint_log = by_chain(self._checkpoint_log.read())
        with self._ledger.snapshot() as moment:
            chains = sorted({*moment.chains(), *checkpoint_log}, key=lambda it: (it is None, it))
            if only is not None and only not in chains and not moment.knows(only):
                raise ServiceError(NOT_FOUND, f"There is no organization {only}")
            for org_id in chains if only is None else [only]:
                yield self._examine(moment, org_id, checkpoint_log.get(org_id, []), progress)

    def _examine(
        self, moment: Moment, org_id: int | None, checkpoint_log: list[Signed], progress: Progress = lambda _: None
    ) -> Examined:
        tabled = moment.statements(org_id)
        check = Check(self._keys, checkpoint_log, tabled)
        return Examined(
            org_id, len(tabled), verify_links(check, _reporting(moment.links(org_id, check.begins_after), progress))
        )


def _reporting(links: Iterator[Link], progress: Progress) -> Iterator[Link]:
    for number, link in enumerate(links, 1):
        if number % PROGRESS_EVENTS == 0:
            progress(number)
        yield link


class CheckpointSigner:
    """Signs the ends of chains: into the ledger first, then into the checkpoint log."""

    def __init__(self, ledger: Ledger, checkpoint_log: CheckpointLog, keys: Signer, clock: Clock) -> None:
        self._ledger = ledger
        self._checkpoint_log = checkpoint_log
        self._keys = keys
        self._clock = clock

    def reconcile(self) -> int:
        """Append statements that a crash kept out of the log, which nobody else could have signed; returns how many."""
        there = self._checkpoint_log.read()
        with self._ledger.snapshot() as moment:
            missing = [it for it in lacking(there, moment.all_statements()) if self._keys.signed(it)]
        self._checkpoint_log.append(missing)
        return len(missing)

    def step(self) -> int:
        """Sign the end of every chain that has grown since it was signed last; returns how many."""
        now = self._clock.now_ns()
        said = [
            self._keys.sign(Statement("checkpoint", org_id, head.sequence, head.hash, now))
            for org_id, head in self._ledger.unmarked()
        ]
        self._ledger.add(said)
        self._checkpoint_log.append(said)
        return len(said)
