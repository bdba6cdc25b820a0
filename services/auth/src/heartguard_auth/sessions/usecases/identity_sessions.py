"""The sessions of an identity: those of all of its memberships."""

from heartguard_auth.accounts.domain import Account, Membership
from heartguard_auth.accounts.ports import Identities
from heartguard_auth.sessions.domain import Session
from heartguard_auth.sessions.ports import Sessions
from heartguard_auth.sessions.usecases.revocation import EndSessions
from heartguard_auth.shared.ports import CommonPorts
from heartguard_common.identity.authentication import Principal


class IdentitySessions:
    """Sessions of all memberships of an identity. An event of an organization tells of its own membership only."""

    def __init__(self, common: CommonPorts, *, identities: Identities, sessions: Sessions) -> None:
        self._common = common
        self._identities = identities
        self._sessions = sessions

    def member_of(self, account: Account, session_id: str) -> Principal | None:
        """The person, as the member whose open session that is; None where it is not one of this identity."""
        found = self._identities.memberships(account)
        return next((person(it) for it in found if session_id in self._sessions.open_of([it.user_id])), None)

    def listed(self, account: Account) -> list[tuple[Session, int]]:
        """The open sessions of all memberships with the organization of each, last used first; at most 1,000."""
        memberships = self._identities.memberships(account)
        found = [(session, it.org_id) for it in memberships for session in self._sessions.list_open(it.user_id)]
        return sorted(found, key=lambda pair: (pair[0].last_used_at, pair[0].id), reverse=True)[:1000]

    def end(
        self, account: Account, end: EndSessions, reason: str, *, keep: str | None = None, proven: bool = True
    ) -> tuple[int, int]:
        """End the sessions of all memberships, in the transaction of `end`, except the session `keep`.

        Each other organization gets an event, of an unknown actor unless the caller is `proven` to be this person.
        Returns how many sessions of the account ended, and how many in all.
        """
        own = total = 0
        for membership in self._identities.memberships(account):
            ids = [it for it in self._sessions.open_of([membership.user_id]) if it != keep]
            end(ids, reason)
            total += len(ids)
            if membership.user_id == account.id:
                own = len(ids)
            elif ids:
                self._record(membership, len(ids), proven=proven)
        return own, total

    def _record(self, membership: Membership, ended: int, *, proven: bool) -> None:
        self._common.audit.changed(
            person(membership) if proven else None,
            "auth.sessions_ended",
            f"user:{membership.user_id}",
            org_id=membership.org_id,
            payload={"ended": ended},
        )


def person(member: Membership | Account) -> Principal:
    """The person of a membership, as the actor of an event."""
    user_id = member.user_id if isinstance(member, Membership) else member.id
    return Principal(kind="person", role=member.role, user_id=user_id, org_id=member.org_id)
