"""The type by which use cases open a database transaction."""

from collections.abc import Callable
from contextlib import AbstractContextManager

Transaction = Callable[[], AbstractContextManager[object]]
"""Opens a transaction: all changes inside, and their audit events, are committed together or not at all."""
