"""An organization gets a listener: from then on its stored points are published."""

from collections.abc import Callable

from heartguard_common.core.limits import Limits

STREAMS, STREAMS_OF_MEMBER = "streams", "streams_per_member"


class Listening:
    """Marks organizations as listened to."""

    def __init__(self, listen: Callable[[int], object], limits: Limits) -> None:
        self._listen = listen
        self._limits = limits

    def begin(self, org_id: int) -> tuple[int, int]:
        """Publish all points that are stored from now on, for ten minutes.

        Returns how many streams the organization and each of its members may have open.
        """
        self._listen(org_id)
        return self._limits.value(org_id, STREAMS), self._limits.value(org_id, STREAMS_OF_MEMBER)
