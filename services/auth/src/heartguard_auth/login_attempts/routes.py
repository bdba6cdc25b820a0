"""DELETE /auth/locks/{user_id}."""

from heartguard_auth.login_attempts.usecases import LoginLimiter
from heartguard_common.core.errors import LIMIT_FOR_NOW
from heartguard_common.http.routing import Answer, EmptyCall, Route


def unlock_member(limiter: LoginLimiter, call: EmptyCall) -> Answer[None]:
    """Unlock a member who is locked after too many failed logins."""
    limiter.end_lock(call.person, int(call.params["user_id"]))
    return Answer(None)


ROUTES = (Route("DELETE", "/auth/locks/{user_id}", unlock_member, status=204, raises=(LIMIT_FOR_NOW,)),)
