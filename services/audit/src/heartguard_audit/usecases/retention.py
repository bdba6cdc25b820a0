"""Removing what is older than it must be kept, so that the rest still verifies."""

import logging
from dataclasses import dataclass
from functools import cache

from heartguard_audit.domain.chain import Signed, Statement
from heartguard_audit.ports import Apart, Ledger, Remover, Signer
from heartguard_audit.usecases.chains import Verification
from heartguard_common.clock import NANOSECONDS, Clock

DAY_NS = 86_400 * NANOSECONDS


@dataclass(frozen=True)
class Retention:
    """The one job that removes events: only what a checkpoint of ours has sealed, and of whole chains only."""

    ledger: Ledger
    apart: Apart
    keys: Signer
    remover: Remover
    clock: Clock
    days: int
    log: logging.Logger

    def step(self) -> int:
        """Remove what is old, and what an earlier run was kept from removing; returns how many events went."""
        for said in self._removals():
            self.ledger.add([said])
            self.apart.append([said])
        with self.ledger.snapshot() as moment:
            allowed = [it for it in moment.all_statements() if it.statement.kind == "removal" and self.keys.signed(it)]
        newest = {it.statement.org_id: it.statement.sequence for it in sorted(allowed, key=_sequence)}
        return sum(self.remover.remove(org_id, sequence) for org_id, sequence in newest.items())

    def _removals(self) -> list[Signed]:
        """Signed leave to remove, one for each chain that has something old and is as it was written."""
        now = self.clock.now_ns()
        found = []
        for org_id, sealed in self._sealed_before(now - self.days * DAY_NS).items():
            verdict = Verification(self.ledger, self.apart, self.keys).one(org_id)
            if verdict.fault is None:
                found.append(self.keys.sign(Statement("removal", org_id, sealed.sequence, sealed.hash, now)))
            else:
                at, why = verdict.fault.sequence, verdict.fault.reason
                self.log.error("nothing of chain %s is removed, it is broken at %d: %s", org_id, at, why)
        return found

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
