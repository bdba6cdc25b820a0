"""The process that moves events from the outbox and the stream into the trail: `python -m heartguard_audit.consumer`.

While PostgreSQL or Redis is unavailable it waits. No event is lost: it is removed from outbox or stream after it was
committed to the trail. SIGTERM ends the process after the current batch.
"""

import logging
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from redis import RedisError

from heartguard_audit.domain.chain import Keys
from heartguard_audit.offline import retained
from heartguard_audit.settings import ConsumerSettings
from heartguard_audit.store.chain_store import PostgresChainStore
from heartguard_audit.store.checkpoints import CheckpointFile
from heartguard_audit.store.events import PostgresJournal
from heartguard_audit.store.outbox import PostgresOutbox
from heartguard_audit.store.stream import BATCH, RedisStream
from heartguard_audit.usecases.chains import CheckpointSigner
from heartguard_audit.usecases.deletions import ListingJournal
from heartguard_audit.usecases.ingest import EventIngest
from heartguard_common.core import logs
from heartguard_common.core.background import BackgroundTask, BackgroundTasks, FailureHandling
from heartguard_common.core.clock import SystemClock
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.lifecycle import Lifecycle
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.jobs.background_reports import report_background
from heartguard_common.jobs.dead_letter_store import PostgresDeadLetters
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_common.jobs.deletion_list import DeletionList
from heartguard_common.jobs.items import ItemRunner
from heartguard_common.stores.database import Database
from heartguard_common.stores.redis_client import REDIS_ERRORS, make_redis
from heartguard_common.stores.spool import Spool

SPOOL_SECONDS = 1.0
OUTBOX_BATCHES = 10
GRACE_SECONDS = 1.0
REDIS_TIMEOUT = 1.0
# After a batch that was not full: the events of this time are moved together. A round costs three waits for the disk
# and some twenty statements, whether it moves one event or two hundred (D313).
GATHER_SECONDS = 0.1
# Verification can't detect that the newest events were removed before a checkpoint covers them. Therefore events stay
# unsigned for at most SIGN_SECONDS, and at most SIGN_EVENTS of them.
SIGN_SECONDS = 60.0
SIGN_EVENTS = 1000
SIGN_AGAIN_SECONDS = 5.0
# A spool that can't be read, or a checkpoint that can't be written: some three hours, then it waits for the operator.
RETRY = RetryPolicy(max_attempts=20, first_delay=5.0, longest_delay=900.0)
# A round that fails, whatever the cause: events wait.
ROUND_RETRY = RetryPolicy(None, first_delay=0.1, longest_delay=2.0)
FAILURES = FailureHandling(ROUND_RETRY, outages=dict.fromkeys((ServiceError, *REDIS_ERRORS), ROUND_RETRY))
RETENTION_SECONDS = 86_400.0
FORGET_SECONDS = 3600.0


class Consumer:
    """The loop: moves the outbox into the trail, spools into the stream, the stream into the trail; signs checkpoints.

    Each round refreshes the key by which `/audit/ready` knows that the consumer is running.
    """

    def __init__(
        self,
        outbox: EventIngest,
        ingest: EventIngest,
        checkpoint_signer: CheckpointSigner,
        stream: RedisStream,
        spool_dir: Path,
        dead_letters: DeadLetterStore,
        log: logging.Logger,
    ) -> None:
        self._outbox = outbox
        self._ingest = ingest
        self._checkpoint_signer = checkpoint_signer
        self._stream = stream
        self._spool_dir = spool_dir
        self._spools = ItemRunner(dead_letters, "spools", RETRY, outages=(RedisError,))
        self._checkpoints = ItemRunner(dead_letters, "checkpoints", RETRY)
        self._log = log
        self._prepared = False
        self._spools_at = 0.0
        self._sign_at = 0.0
        self._unsigned = 0
        self._few = False  # whether the last round moved less than a full batch
        self._late = True  # whether a checkpoint may be in the table and not in the file

    def run(self) -> float:
        """One round; returns 0, the seconds until the next. A failed round has the consumer group looked up again."""
        try:
            self.round()
        except Exception:
            self._prepared = False
            raise
        return 0.0

    def round(self) -> int:
        """Move the outbox, drain the spools once a second, move one batch of the stream; returns how many events.

        The outbox comes first, because it can be moved while Redis is unavailable.
        """
        moved = self._from_outbox()
        if not self._prepared:
            self._stream.prepare()
            self._prepared = True
        if time.monotonic() >= self._spools_at:
            self.drain_spools()
            self._spools_at = time.monotonic() + SPOOL_SECONDS
        if self._few:
            time.sleep(GATHER_SECONDS)
        taken = self._ingest.step()
        self._few = 0 < moved + taken < BATCH
        self._unsigned += taken
        if self._unsigned >= SIGN_EVENTS or time.monotonic() >= self._sign_at:
            self._try_to_sign()
        self._stream.beat()
        return moved + taken

    def _from_outbox(self) -> int:
        """Move at most `OUTBOX_BATCHES` batches, so that the stream is read too; returns how many events."""
        moved = 0
        for _ in range(OUTBOX_BATCHES):
            taken = self._outbox.step()
            moved += taken
            self._unsigned += taken
            if not taken:
                break
        return moved

    def sign(self) -> None:
        """Sign the newest event of each chain, after adding to the file the checkpoints that a crash kept out of it."""
        if self._late and (late := self._checkpoint_signer.reconcile()):
            self._log.warning("%d checkpoints of an earlier run were added to the file", late)
        self._late = False
        self._checkpoint_signer.step()
        self._sign_at = time.monotonic() + SIGN_SECONDS
        self._unsigned = 0

    def _try_to_sign(self) -> None:
        """Sign; if the file can't be written, try again after `SIGN_AGAIN_SECONDS`, and move events meanwhile."""
        failed = self._late and self._sign_at > 0
        try:
            self.sign()
        except OSError as error:
            self._late = True
            self._sign_at = time.monotonic() + SIGN_AGAIN_SECONDS
            self._unsigned = 0
            self._checkpoints.failed("file", error)
        else:
            if failed:
                self._checkpoints.succeeded("file")

    def sign_last(self) -> None:
        """Sign before the process ends, if the stores are available; otherwise the next start does it."""
        try:
            if self._unsigned:
                self.sign()
        except (ServiceError, OSError) as error:
            self._log.warning("the newest events stay unsigned until the next start: %s", error)

    def drain_spools(self) -> int:
        """Add to the stream what services wrote to spools while Redis was unavailable; returns how many events.

        Each spool keeps its order. It is locked while it is drained, because its service may drain it too. A spool
        that can't be read does not delay the others.
        """
        left = (*self._spool_dir.glob("*.events"), *self._spool_dir.glob("*.draining"))
        sent: list[int] = []

        def drain(path: Path) -> None:
            spool = Spool(path)
            if not spool.empty():
                sent.append(spool.drain(self._stream.append))

        paths = sorted({path.with_suffix(".events") for path in left})
        self._spools.each({path.name: partial(drain, path) for path in paths})
        if sum(sent):
            self._log.warning("%d events of spools were added to the stream", sum(sent))
        return sum(sent)


def run(environ: Mapping[str, str] | None = None) -> int:
    """Consume until SIGTERM or SIGINT; returns the exit status. Raises `SettingsError`."""
    settings = ConsumerSettings.from_env(environ)
    log = logs.configure("audit-consumer", settings.log_level)
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: asked.append(received))
    database = Database(settings.database_url, pool_size=2)
    redis = make_redis(settings.redis_url, timeout_seconds=REDIS_TIMEOUT, decode=False)
    stream = RedisStream(redis)
    keys = Keys(settings.checkpoint_key, settings.checkpoint_key_previous)
    checkpoint_signer = CheckpointSigner(
        PostgresChainStore(database), CheckpointFile(settings.checkpoint_dir), keys, SystemClock()
    )
    journal = PostgresJournal(database, keys)
    deletions = DeletionList(settings.checkpoint_dir, settings.checkpoint_key, settings.checkpoint_key_previous)
    dead_letters = PostgresDeadLetters("audit", database, SystemClock())
    # The event of a deletion comes through the outbox, because a deletion is a transaction. Only services write there;
    # the events that audit itself adds for a person are of the kind `reported`, and no deletions.
    outbox = EventIngest(PostgresOutbox(database), ListingJournal(journal, deletions), log, dead_letters)
    ingest = EventIngest(stream, journal, log, dead_letters)
    consumer = Consumer(outbox, ingest, checkpoint_signer, stream, settings.spool_dir, dead_letters, log)
    lifecycle = Lifecycle()
    tasks = BackgroundTasks("audit", lifecycle.on_close)
    # In a thread of its own, because Python handles no signal during a blocking call to a server that hangs.
    work = tasks.add("consumer", consumer.run, kind="queue", failures=FAILURES).start()
    if settings.retention_days:
        tasks.add("audit-retention", lambda: _retained(settings, log)).start()
    tasks.add("dead-letters", lambda: _forgotten(dead_letters)).start()
    report_background("audit", tasks, redis, lifecycle)
    _wait(work, asked)
    _sign_last(work, consumer)
    lifecycle.close()
    # A retention run ends with the process; the next one continues it.
    return 0 if asked else 1


def _wait(work: BackgroundTask, asked: Sequence[int]) -> None:
    """Return when a signal has come, or the work has ended by itself."""
    with suppress(RuntimeError):
        while not asked:
            work.ping()
            time.sleep(0.1)


def _sign_last(work: BackgroundTask, consumer: Consumer) -> None:
    """End the work and sign what it left unsigned; what takes longer than `GRACE_SECONDS` is left to the next start."""

    def end() -> None:
        work.close()
        with suppress(RuntimeError):
            work.ping()
            return  # a round still hangs: nobody else may sign
        consumer.sign_last()

    ending = threading.Thread(target=end, daemon=True)
    ending.start()
    ending.join(GRACE_SECONDS)


def _retained(settings: ConsumerSettings, log: logging.Logger) -> float:
    """Remove events older than the retention period; returns the seconds until the next run."""
    if removed := retained(settings, log):
        log.warning("%d audit events were older than %d days and have been removed", removed, settings.retention_days)
    return RETENTION_SECONDS


def _forgotten(dead_letters: PostgresDeadLetters) -> float:
    """Remove old dead letters; returns the seconds until the next run."""
    dead_letters.purge()
    return FORGET_SECONDS


if __name__ == "__main__":
    sys.exit(run())
