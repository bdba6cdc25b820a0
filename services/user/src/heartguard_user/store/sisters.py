"""The sister services over HTTP."""

from heartguard_common.calls import Sister
from heartguard_common.errors import ServiceError, SisterError
from heartguard_user.domain import AUTH_LAST_ADMIN, AUTH_MEMBER_CHANGED, User
from heartguard_user.errors import LAST_ADMIN


class AuthMemberships:
    """Memberships as auth carries them out."""

    def __init__(self, auth: Sister) -> None:
        self._auth = auth

    def change(self, seen: User, wanted: User) -> bool:
        """Give a member another role or activity; False when they are not as they were seen any more.

        Raises USER_002 for the last admin, GEN_502 without a usable answer.
        """
        try:
            self._auth.post(
                "/auth/memberships",
                {
                    "org_id": seen.org_id,
                    "user_id": seen.id,
                    "seen_role": seen.role,
                    "seen_active": seen.active,
                    "role": wanted.role,
                    "active": wanted.active,
                },
            )
        except SisterError as error:
            if error.code == AUTH_MEMBER_CHANGED:
                return False
            if error.code == AUTH_LAST_ADMIN:
                raise ServiceError(LAST_ADMIN) from error
            raise
        return True
