"""Which `ServiceError` an exception of Flask, gunicorn or the operating system becomes."""

from gunicorn.http.errors import NoMoreData, ParseException
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from heartguard_common.core.errors import (
    INTERNAL,
    MALFORMED,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    TOO_LARGE,
    UNAVAILABLE,
    ServiceError,
)
from heartguard_common.core.files import FULL


def to_service_error(error: Exception) -> ServiceError:
    """The `ServiceError` for an exception; GEN_500 for an unexpected one."""
    if isinstance(error, NotFound):
        return ServiceError(NOT_FOUND)
    if isinstance(error, MethodNotAllowed):
        return ServiceError(METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(sorted(error.valid_methods or ()))})
    if isinstance(error, RequestEntityTooLarge):
        return ServiceError(TOO_LARGE)
    broken_chunks = isinstance(error, ParseException | NoMoreData)
    if broken_chunks or (isinstance(error, HTTPException) and 400 <= (error.code or 500) < 500):
        return ServiceError(MALFORMED, "The request is not well-formed")
    if isinstance(error, OSError) and error.errno in FULL:
        return ServiceError(UNAVAILABLE, "There is no room left to store this")
    return ServiceError(INTERNAL)
