"""What use cases know of a transaction of the database."""

from collections.abc import Callable
from contextlib import AbstractContextManager

Transaction = Callable[[], AbstractContextManager[object]]
"""Everything inside happens together or not at all, the events of it too."""
