"""DELETE /auth/locks/{user_id}."""

from heartguard_auth.login_attempts.usecases import LoginLimiter
from heartguard_common.http.routing import Answer, EmptyCall, Route


def end_lock(limiter: LoginLimiter, call: EmptyCall) -> Answer[None]:
    """Let a locked-out member try again."""
    limiter.end_lock(call.person, int(call.params["user_id"]))
    return Answer(None)


ROUTES = (Route("DELETE", "/auth/locks/{user_id}", end_lock, status=204),)
