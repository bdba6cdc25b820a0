"""A listening socket of the worker."""

from collections.abc import Callable

from gevent.server import StreamServer


class Listener(StreamServer):  # type: ignore[misc]
    """A listening socket that hands connections over in the hub, and does not accept while `is_full`."""

    def __init__(self, listener: object, handle: Callable[[object, object], None]) -> None:
        super().__init__(listener, handle=handle, spawn=None)
        self.is_full: Callable[[], bool] = bool

    def full(self) -> bool:
        """Whether to leave connections to the other workers; the kernel keeps those that are not accepted."""
        return self.is_full()

    def reopen(self) -> None:
        """Accept again after having been full."""
        if not self.is_full():
            self.start_accepting()

    def do_close(self, *_: object) -> None:
        """Nothing: a connection is closed by `ClientConnections`, which it was handed over to."""
