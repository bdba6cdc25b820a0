"""Writes points by way of a queue on the disk, in batches, from a thread of its own."""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from heartguard_client.client import BATCH, Client
from heartguard_client.errors import ApiError, HeartGuardError, InvalidRequestError
from heartguard_client.messages import PointDocument
from heartguard_client.points import Point, Rejected
from heartguard_client.queue import Batch, PointQueue
from heartguard_client.retry import NO_RETRY, RetryPolicy

RETRY = RetryPolicy(first=1.0, longest=60.0)
_POINT = re.compile(r"^/points/(\d+)(?:/|$)")
_log = logging.getLogger("heartguard_client")


class BatchingWriter:
    """Stores points with the server as soon as it can be reached; until then they are in the queue.

    A batch is sent when `batch` points wait, or `interval` seconds after the first one of them came. While the server
    is away, or refuses for a reason that may pass (429, 5xx, an ended session), the batch is sent again after 1, 2, 4
    ... 60 seconds, or after what `Retry-After` says. Points that the server does not store are passed to
    `on_rejected` and kept in the queue's list of rejected points; nothing else is ever removed.
    """

    def __init__(
        self,
        client: Client,
        queue: PointQueue,
        bucket: str,
        *,
        batch: int = 1000,
        interval: float = 5.0,
        on_rejected: Callable[[Rejected], object] = lambda _: None,
    ) -> None:
        if not 1 <= batch <= BATCH:
            raise ValueError(f"a batch has 1 to {BATCH} points")
        self.last_error: HeartGuardError | None = None
        """Why the last attempt failed; None after one that succeeded."""
        self._client = client
        self._queue = queue
        self._bucket = bucket
        self._size = batch
        self._interval = interval
        self._on_rejected = on_rejected
        self._changed = threading.Condition()
        self._flushing = False
        self._closing = False
        self._first_at: float | None = time.monotonic() if len(queue) else None
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._run, name="heartguard-writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, *points: Point | PointDocument) -> None:
        """Queue points; when this returns they are on the disk. Raises `QueueFullError`."""
        self.write_all(points)

    def write_all(self, points: Iterable[Point | PointDocument]) -> None:
        """Queue points, all or none of them. Raises `QueueFullError`."""
        self._queue.put(self._bucket, points)
        with self._changed:
            self._first_at = self._first_at or time.monotonic()
            self._changed.notify_all()

    def flush(self, seconds: float = 30.0) -> bool:
        """Send what waits, now; returns whether everything was sent within so many seconds."""
        ends = time.monotonic() + seconds
        with self._changed:
            self._flushing = True
            self._retry_at = 0.0
            self._changed.notify_all()
            while (waiting := len(self._queue)) and (left := ends - time.monotonic()) > 0:
                self._changed.wait(min(left, 0.5))
        return waiting == 0

    def close(self, seconds: float = 5.0) -> bool:
        """End after an attempt to send what waits; the rest stays in the queue. Returns whether nothing is left."""
        sent = self.flush(seconds) if len(self._queue) else True
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(seconds)
        return sent

    def _run(self) -> None:
        delays = RETRY.delays()
        while self._due():
            batch = self._queue.next_batch(self._size)
            if batch is None:
                with self._changed:
                    self._flushing, self._first_at = False, None
                    self._changed.notify_all()
                continue
            try:
                self._send(batch)
            except HeartGuardError as error:
                self._failed(error, delays.after(getattr(error, "retry_after", None)))
            except Exception:  # noqa: BLE001  the thread must live: the next attempt may succeed
                _log.exception("A batch could not be sent")
                self._failed(HeartGuardError("unexpected, see the log"), delays.after(None))
            else:
                delays = RETRY.delays()
                with self._changed:
                    self.last_error = None
                    if len(self._queue) < self._size and not self._flushing:
                        self._first_at = time.monotonic() if len(self._queue) else None
                    self._changed.notify_all()

    def _due(self) -> bool:
        """Wait until a batch has to be sent; False when the writer is closed."""
        with self._changed:
            while not self._closing:
                now = time.monotonic()
                wait: float | None = None
                if self._first_at is not None:
                    full = self._flushing or len(self._queue) >= self._size
                    at = max(self._retry_at, now if full else self._first_at + self._interval)
                    wait = at - now
                    if wait <= 0:
                        return True
                self._changed.wait(wait)
            return False

    def _failed(self, error: HeartGuardError, wait: float | None) -> None:
        if self.last_error is None or type(self.last_error) is not type(error):
            _log.warning("Points wait in %s: %s", self._queue.path, error)
        with self._changed:
            self.last_error = error
            self._retry_at = time.monotonic() + (RETRY.longest if wait is None else wait)
            self._changed.notify_all()

    def _send(self, batch: Batch) -> None:
        """Send a batch once. Raises `HeartGuardError` where it has to be sent again."""
        try:
            result = self._client.write_batch(batch.bucket, batch.points, batch.key, retry=NO_RETRY)
        except InvalidRequestError as error:
            self._refused(batch, error)
            return
        rejected = [
            Rejected(point, verdict.get("reason", ""))
            for point, verdict in zip(batch.points, result["results"], strict=True)
            if verdict["status"] == "rejected"
        ]
        self._queue.finish(batch, rejected)
        for it in rejected:
            self._on_rejected(it)

    def _refused(self, batch: Batch, error: ApiError) -> None:
        """Take out the points that make a batch invalid, so that the others can be sent. Raises for another cause."""
        wrong: dict[int, str] = {}
        for violation in error.details:
            found = _POINT.match(violation.path)
            if found and int(found[1]) < len(batch.points):
                wrong.setdefault(int(found[1]), f"{violation.path}: {violation.message}")
        if wrong:
            self._queue.take_out(batch, sorted(wrong.items()))
            for index, reason in sorted(wrong.items()):
                self._on_rejected(Rejected(batch.points[index], reason))
        elif len(batch.points) > 1:
            self._queue.split(batch)  # too large, or wrong in a way that names no point: halves find the wrong one
        elif error.status in (413, 422):
            self._queue.take_out(batch, [(0, error.message)])
            self._on_rejected(Rejected(batch.points[0], error.message))
        else:
            raise error
