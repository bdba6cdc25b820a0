"""Removing what is older than it must be kept, so that the rest still verifies."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

from heartguard_audit.domain.chain import Signed, Statement
from heartguard_audit.ports import CheckpointLog, Ledger, Remover, Signer
from heartguard_audit.usecases.chains import Verification
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_common.jobs.items import ItemRunner

DAY_NS = 86_400 * NANOSECONDS
QUEUE = "retention"
# It is done once a day: a chain that fails three times waits for the operator.
RETRY = RetryPolicy(max_attempts=3, first_delay=3600.0, longest_delay=3600.0)


class BrokenChainError(Exception):
    """A chain is not as it was written."""


@dataclass(frozen=True)
class Retention:
    """The one job that removes events: only those sealed by a checkpoint, and only from chains that verify."""

    ledger: Ledger
    checkpoint_log: CheckpointLog
    keys: Signer
    remover: Remover
    clock: Clock
    days: int
    log: logging.Logger
    dead_letters: DeadLetterStore

    def step(self) -> int:
        """Remove what is old, and what an earlier run was kept from removing; returns how many events went.

        A chain that is broken, or resists, keeps no other: it is tried again on the next days.
        """
        self._each(self._allow, self._sealed_before(self.clock.now_ns() - self.days * DAY_NS))
        with self.ledger.snapshot() as moment:
            allowed = [it for it in moment.all_statements() if it.statement.kind == "removal" and self.keys.signed(it)]
        removed: list[int] = []
        self._each(
            lambda org_id, said: removed.append(self.remover.remove(org_id, said.sequence)),
            {it.statement.org_id: it.statement for it in sorted(allowed, key=_sequence)},
        )
        return sum(removed)

    def _each(self, act: Callable[[int | None, Statement], object], chains: Mapping[int | None, Statement]) -> None:
        names = {org_id: "none" if org_id is None else f"organization:{org_id}" for org_id in chains}
        ItemRunner(self.dead_letters, QUEUE, RETRY).each(
            {name: partial(act, org_id, chains[org_id]) for org_id, name in names.items()},
            {name: org_id for org_id, name in names.items()},
        )

    def _allow(self, org_id: int | None, sealed: Statement) -> None:
        """Sign leave to remove what is old of a chain. Raises `BrokenChainError` for one that was changed."""
        verdict = Verification(self.ledger, self.checkpoint_log, self.keys).one(org_id)
        if verdict.chain_break is not None:
            at, why = verdict.chain_break.sequence, verdict.chain_break.reason
            self.log.error("nothing of chain %s is removed, it is broken at %d: %s", org_id, at, why)
            raise BrokenChainError
        said = self.keys.sign(Statement("removal", org_id, sealed.sequence, sealed.hash, self.clock.now_ns()))
        self.ledger.add([said])
        self.checkpoint_log.append([said])

    def _sealed_before(self, time_ns: int) -> dict[int | None, Statement]:
        """For each chain the last checkpoint that was old enough, where it lets something go that is still there."""
        last: dict[int | None, Statement] = {}
        gone: dict[int | None, int] = {}
        with self.ledger.snapshot() as moment:
            head = cache(moment.head)
            for it in sorted(filter(self.keys.signed, moment.all_statements()), key=_sequence):
                said = it.statement
                if said.kind == "removal":
                    gone[said.org_id] = said.sequence
                elif said.time_ns < time_ns and said.sequence < head(said.org_id).sequence:
                    last[said.org_id] = said
        return {org_id: said for org_id, said in last.items() if said.sequence > gone.get(org_id, 0)}


def _sequence(said: Signed) -> int:
    return said.statement.sequence
