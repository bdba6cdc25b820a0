"""The life of an item of a queue: it is queued, an attempt runs, and it is done, tried again later, or given up.

| state | what it means | where it is kept |
|---|---|---|
| `queued` | no attempt was made yet | the queue's own table, directory or stream |
| `running` | somebody has claimed it: by a lease, a lock, or as the only one who looks | the queue |
| `retrying` | its last attempt failed, the next one is due at a time | a row of `dead_letters` that has a `due_at` |
| `done` | it succeeded; nothing of it is left in `dead_letters` | the queue, or nowhere |
| `dead` | no attempt is left, or it would always fail: for the operator | a row of `dead_letters` without `due_at` |
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from heartguard_common.core.retry import AttemptError, RetryPolicy, reason_of
from heartguard_common.jobs.dead_letters import DeadLetter, DeadLetterStore, FailedItem


@dataclass(frozen=True)
class ItemRunner:
    """Runs the items of one queue: an item that fails is recorded and tried again later, and the others go on.

    `outages` are the errors whose cause is no item: they are raised, and count against nobody.
    """

    dead_letters: DeadLetterStore
    queue: str
    retry: RetryPolicy
    outages: tuple[type[Exception], ...] = ()

    def attempt(
        self,
        item: str,
        work: Callable[[], object],
        org_id: int | None = None,
        postpone: Callable[[int | None], object] | None = None,
    ) -> bool:
        """Call `work`, whatever became of that item before; returns whether it succeeded.

        Raises only outages, and what the stores raise: whatever else `work` raises is that item's failure. `postpone`
        gets the time in nanoseconds at which the item is due again, or None, in the transaction that records that.
        `work` has to end with `succeeded`, in the transaction of what it stores.
        """
        try:
            work()
        except self.outages:
            raise
        except Exception as error:  # noqa: BLE001  whatever one item raises, the others must go on
            with self.dead_letters.transaction():
                dead_letter = self.failed(item, error, org_id)
                if postpone is not None:
                    postpone(dead_letter.due_ns)
            return False
        return True

    def each(self, items: Mapping[str, Callable[[], object]], org_ids: Mapping[str, int | None] | None = None) -> int:
        """Call what belongs to each item whose next attempt is due; returns how many succeeded. Raises as `attempt`."""
        resting = self.dead_letters.resting(self.queue, items)
        due = [item for item in items if item not in resting]
        done = [item for item in due if self.attempt(item, items[item], (org_ids or {}).get(item))]
        self.succeeded(*done)
        return len(done)

    def succeeded(self, *items: str) -> None:
        """Forget the failures of items; in a transaction it is part of that."""
        self.dead_letters.succeeded(self.queue, items)

    def failed(self, item: str, error: Exception, org_id: int | None = None, content: str | None = None) -> DeadLetter:
        """Record the failure of one item; in a transaction it is part of that.

        `content` is the item itself, where it is kept nowhere else.
        """
        permanent = isinstance(error, AttemptError) and error.permanent
        failed = FailedItem(self.queue, item, reason_of(error), org_id, permanent=permanent, content=content)
        return self.dead_letters.failed(failed, self.retry)
