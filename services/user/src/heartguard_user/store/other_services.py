"""The ports that call other services."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from heartguard_common.core.errors import INVALID_TOKEN, ServiceCallError, ServiceError
from heartguard_common.http.routing import NDJSON
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import (
    ErasureRequest,
    ErasureResult,
    MediaDownload,
    MediaItem,
    MembershipChange,
    MembershipResult,
)
from heartguard_common.stores.service_client import ServiceClient
from heartguard_user.domain import AUTH_ACTOR_CHANGED, AUTH_LAST_ADMIN, AUTH_MEMBER_CHANGED, User
from heartguard_user.errors import LAST_ADMIN


class AuthMemberships:
    """Changes memberships by a call to auth."""

    def __init__(self, auth: ServiceClient) -> None:
        self._auth = auth

    def change(self, actor: Principal, seen: User, wanted: User) -> bool:
        """Change a member's role or activity; False when the member is no longer as in `seen`.

        Raises GEN_401_TOKEN when the token no longer describes the actor, USER_002 for the last admin, GEN_502
        without a usable answer.
        """
        try:
            self._auth.post("/auth/memberships", _change(actor, seen, wanted), MembershipResult)
        except ServiceCallError as error:
            if error.code == AUTH_MEMBER_CHANGED:
                return False
            if error.code == AUTH_ACTOR_CHANGED:
                raise ServiceError(INVALID_TOKEN) from error
            if error.code == AUTH_LAST_ADMIN:
                raise ServiceError(LAST_ADMIN) from error
            raise
        return True


def _change(actor: Principal, seen: User, wanted: User) -> MembershipChange:
    assert actor.user_id is not None  # the policy permits only persons
    document: MembershipChange = {
        "org_id": seen.org_id,
        "user_id": seen.id,
        "actor_id": actor.user_id,
        "actor_role": actor.person_role,
        "seen_role": seen.role,
        "seen_active": seen.active,
        "role": wanted.role,
        "active": wanted.active,
    }
    if actor.session_id:
        document["actor_session"] = actor.session_id
    if actor.token_id:
        document["actor_token"] = actor.token_id
    return document


class ServicePersonalData:
    """A person's data in the other services; media stores the archives."""

    def __init__(self, endpoints: Mapping[str, tuple[ServiceClient, str]]) -> None:
        self._endpoints = endpoints
        self._media = endpoints["media"][0]

    def part(self, source: str, org_id: int, user_id: int) -> Iterable[bytes]:
        """The export of one service, streamed."""
        client, path = self._endpoints[source]
        return client.stream(f"{path}?{_person_query(org_id, user_id)}", NDJSON)

    def content(self, item_id: str, org_id: int, user_id: int) -> Iterator[bytes] | None:
        """The bytes of a file of the person; None when it was removed."""
        blocks = self._media.stream(f"/media/exports/{item_id}?{_person_query(org_id, user_id)}")
        try:
            first = next(blocks, b"")
        except ServiceCallError as error:
            if error.status == 404:
                return None
            raise
        return chain([first], blocks)

    def keep(self, org_id: int, user_id: int, blocks: Iterable[bytes]) -> str:
        """Store an archive; returns its id."""
        kept = self._media.put(
            f"/media/archives?{_person_query(org_id, user_id)}", blocks, "application/zip", MediaItem
        )
        return kept["id"]

    def url(self, item_id: str, org_id: int, user_id: int) -> str | None:
        """A signed URL of an archive; None when it has expired."""
        try:
            return self._media.get(f"/media/archives/{item_id}?{_person_query(org_id, user_id)}", MediaDownload)["url"]
        except ServiceCallError as error:
            if error.status == 404:
                return None
            raise

    def forget(self, org_id: int, user_id: int) -> None:
        """Remove the person's files and archives."""
        request: ErasureRequest = {"org_id": org_id, "user_id": user_id}
        self._media.post("/media/erasures", request, ErasureResult)


def _person_query(org_id: int, user_id: int) -> str:
    return f"org_id={org_id}&user_id={user_id}"
