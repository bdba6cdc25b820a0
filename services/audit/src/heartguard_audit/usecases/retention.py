"""Removes events older than the retention period in such a way that the rest of the chain still verifies."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

from heartguard_audit.domain.chain import SignedStatement, Statement
from heartguard_audit.ports import ChainStore, CheckpointLog, Remover, SigningKeys
from heartguard_audit.usecases.chains import Verification
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_common.jobs.items import ItemRunner

DAY_NS = 86_400 * NANOSECONDS
QUEUE = "retention"
# Retention runs once a day; a chain that fails three times waits for the operator.
RETRY = RetryPolicy(max_attempts=3, first_delay=3600.0, longest_delay=3600.0)


class BrokenChainError(Exception):
    """The verification of a chain found a break."""


@dataclass(frozen=True)
class Retention:
    """The only task that removes events: those up to a signed checkpoint, and only from chains that verify."""

    chain_store: ChainStore
    checkpoint_log: CheckpointLog
    keys: SigningKeys
    remover: Remover
    clock: Clock
    days: int
    log: logging.Logger
    dead_letters: DeadLetterStore

    def step(self) -> int:
        """Remove old events, and those that an interrupted run has left; returns how many were removed.

        A chain that is broken, or whose removal fails, does not delay the others: it is tried again on the next days.
        """
        self._each(self._allow, self._checkpoints_before(self.clock.now_ns() - self.days * DAY_NS))
        with self.chain_store.snapshot() as snapshot:
            allowed = [
                it
                for it in snapshot.all_statements()
                if it.statement.kind == "removal" and self.keys.verify_signature(it)
            ]
        removed: list[int] = []
        self._each(
            lambda org_id, statement: removed.append(self.remover.remove(org_id, statement.sequence)),
            {it.statement.org_id: it.statement for it in sorted(allowed, key=_sequence)},
        )
        return sum(removed)

    def _each(self, act: Callable[[int | None, Statement], object], chains: Mapping[int | None, Statement]) -> None:
        names = {org_id: "none" if org_id is None else f"organization:{org_id}" for org_id in chains}
        ItemRunner(self.dead_letters, QUEUE, RETRY).each(
            {name: partial(act, org_id, chains[org_id]) for org_id, name in names.items()},
            {name: org_id for org_id, name in names.items()},
        )

    def _allow(self, org_id: int | None, checkpoint: Statement) -> None:
        """Sign the permission to remove the old events of a chain. Raises `BrokenChainError` for a broken one."""
        verdict = Verification(self.chain_store, self.checkpoint_log, self.keys).verify(org_id)
        if verdict.chain_break is not None:
            at, why = verdict.chain_break.sequence, verdict.chain_break.reason
            self.log.error("nothing of chain %s is removed, it is broken at %d: %s", org_id, at, why)
            raise BrokenChainError
        removal = self.keys.sign(
            Statement("removal", org_id, checkpoint.sequence, checkpoint.hash, self.clock.now_ns())
        )
        self.chain_store.add([removal])
        self.checkpoint_log.append([removal])

    def _checkpoints_before(self, time_ns: int) -> dict[int | None, Statement]:
        """For each chain with events to remove: the newest checkpoint signed before `time_ns`."""
        last: dict[int | None, Statement] = {}
        removed: dict[int | None, int] = {}
        with self.chain_store.snapshot() as snapshot:
            head = cache(snapshot.head)
            for it in sorted(filter(self.keys.verify_signature, snapshot.all_statements()), key=_sequence):
                statement = it.statement
                if statement.kind == "removal":
                    removed[statement.org_id] = statement.sequence
                elif statement.time_ns < time_ns and statement.sequence < head(statement.org_id).sequence:
                    last[statement.org_id] = statement
        return {org_id: statement for org_id, statement in last.items() if statement.sequence > removed.get(org_id, 0)}


def _sequence(signed: SignedStatement) -> int:
    return signed.statement.sequence
