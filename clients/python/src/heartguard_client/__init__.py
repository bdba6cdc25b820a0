"""Client of HeartGuard, a backend for heart rates from wearables."""

from heartguard_client._version import __version__
from heartguard_client.client import Client
from heartguard_client.credentials import ApiKey, Password, SavedSession
from heartguard_client.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    HeartGuardError,
    InvalidRequestError,
    LoginNeededError,
    NoAnswerError,
    NotFoundError,
    PermissionDeniedError,
    QueueFullError,
    RateLimitError,
    ServerError,
)
from heartguard_client.events import StreamEvent
from heartguard_client.points import Point, Rejected, Sample
from heartguard_client.queue import PointQueue
from heartguard_client.retry import NO_RETRY, RetryPolicy
from heartguard_client.writer import BatchingWriter

__all__ = [
    "NO_RETRY",
    "ApiError",
    "ApiKey",
    "AuthenticationError",
    "BatchingWriter",
    "Client",
    "ConflictError",
    "HeartGuardError",
    "InvalidRequestError",
    "LoginNeededError",
    "NoAnswerError",
    "NotFoundError",
    "Password",
    "PermissionDeniedError",
    "Point",
    "PointQueue",
    "QueueFullError",
    "RateLimitError",
    "Rejected",
    "RetryPolicy",
    "Sample",
    "SavedSession",
    "ServerError",
    "StreamEvent",
    "__version__",
]
