"""How much one worker asks of one service."""

from dataclasses import dataclass


@dataclass(frozen=True)
class UpstreamLimits:
    """How much one worker asks of one service; times in seconds.

    `streams` is how many threads of the service may be held by bodies that come at a client's pace, `downloads` by
    answers that are long, `share` and `download_share` how many of them by one client: over all workers fewer than the
    service has, so that the others answer all else. `waiting` of the readers may make it wait, when there is no room.
    `documents` and `documents_share` are the same for large documents, which cost seconds of a process. Documents wait
    for their turn up to `turn`, downloads up to `download_turn`.
    """

    connections: int = 128
    streams: int = 3
    share: int = 2
    downloads: int = 3
    download_share: int = 1
    download_turn: float = 20.0
    waiting: int = 2
    waiting_share: int = 1
    documents: int = 3
    documents_share: int = 2
    turn: float = 10.0
    connect: float = 1.0
    wait: float = 2.0
    answer: float = 30.0
    block: float = 60.0
    idle: float = 60.0
    failures: int = 5
    open: float = 5.0
    retry_ratio: float = 0.2
    probe: float = 1.0
