"""Tells a monitor outside that alarms work. It notices when this stops, whatever the reason."""

from collections.abc import Callable

import requests

from heartguard_common.core.lifecycle import NotReadyError

SECONDS = 60.0
LOOK_AGAIN_SECONDS = 5.0


class Heartbeat:
    """Asks for a URL as long as `healthy`."""

    def __init__(self, url: str, healthy: Callable[[], bool]) -> None:
        self._url = url
        self._healthy = healthy

    def beat(self) -> float:
        """Ask for the URL if all is well; returns the seconds until the next time.

        Raises `NotReadyError`, without the URL, when the monitor does not answer well.
        """
        if not self._healthy():
            return LOOK_AGAIN_SECONDS
        try:
            with requests.get(self._url, timeout=(3.0, 5.0), allow_redirects=False, stream=True) as answer:
                status = answer.status_code
        except requests.RequestException:
            raise NotReadyError("the monitor of HEARTBEAT_URL does not answer") from None
        if status >= 300:
            raise NotReadyError(f"the monitor of HEARTBEAT_URL answers {status}")
        return SECONDS
