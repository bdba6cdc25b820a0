"""A limited number of bytes, shared so that some are always left for a holder that has none yet."""

from collections import Counter

_LEFT_PER_TAKEN = 3


class ByteBudget:
    """At most `size` bytes. A holder may have a third of what it leaves free, which is a quarter where it is alone.

    So each that takes all it gets leaves three quarters of what it found: after four of them a third is free.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.used = 0
        self._holders: Counter[str] = Counter()

    def take(self, holder: str, size: int) -> bool:
        """Take bytes, or none where that would be too many."""
        if _LEFT_PER_TAKEN * (self._holders[holder] + size) > self.size - self.used - size:
            self._forget(holder)
            return False
        self.used += size
        self._holders[holder] += size
        return True

    def give(self, holder: str, size: int) -> None:
        """Give bytes back."""
        if not size:
            return
        self.used -= size
        self._holders[holder] -= size
        self._forget(holder)

    def crowded(self, holder: str) -> bool:
        """Whether this holder has so much, an eighth of all, that it must not be slow as well."""
        return self._holders[holder] * 8 > self.size

    def _forget(self, holder: str) -> None:
        if not self._holders[holder]:
            del self._holders[holder]
