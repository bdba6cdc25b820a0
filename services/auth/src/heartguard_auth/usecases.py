"""The use cases of all subjects, and the stores that they need."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from heartguard_auth.accounts.ports import Accounts, Hasher, Identities
from heartguard_auth.accounts.usecases import AccountUseCases
from heartguard_auth.api_keys.ports import StoredKeys
from heartguard_auth.api_keys.usecases.keys import ApiKeyUseCases, Reachable
from heartguard_auth.api_keys.usecases.memberships import MemberKeys
from heartguard_auth.api_keys.usecases.versions import VersionRevocation
from heartguard_auth.confirmation.ports import Confirmations
from heartguard_auth.confirmation.usecases import ConfirmationUseCases
from heartguard_auth.demo.ports import Visitors
from heartguard_auth.demo.usecases import DemoUseCases
from heartguard_auth.identities.ports import DeletionJobs
from heartguard_auth.identities.usecases import IdentityUseCases
from heartguard_auth.introspection.usecases import IntrospectionUseCases
from heartguard_auth.invitations.ports import Invitations
from heartguard_auth.invitations.usecases.acceptance import AcceptanceUseCases
from heartguard_auth.invitations.usecases.invitations import InvitationUseCases
from heartguard_auth.login_attempts.ports import LoginAttempts, LoginLocks
from heartguard_auth.login_attempts.usecases import LoginLimiter
from heartguard_auth.mail.ports import Outbox
from heartguard_auth.mail.usecases import AlarmEmails
from heartguard_auth.members.usecases import MemberUseCases
from heartguard_auth.operator.ports import AccountStates
from heartguard_auth.operator.usecases import OperatorUseCases
from heartguard_auth.passwords.ports import Resets
from heartguard_auth.passwords.usecases import PasswordUseCases
from heartguard_auth.registration.usecases import RegistrationUseCases
from heartguard_auth.revocations.ports import RevocationList
from heartguard_auth.sessions.ports import LoginAccounts, RefreshReplays, RefreshTokens, Sessions
from heartguard_auth.sessions.usecases.identity_sessions import IdentitySessions
from heartguard_auth.sessions.usecases.revocation import SessionRevocation
from heartguard_auth.sessions.usecases.sessions import SessionUseCases
from heartguard_auth.shared.ports import CommonPorts, Rules
from heartguard_auth.signing_keys.ports import Signer
from heartguard_common.identity.authentication import TokenVerifier


@dataclass(frozen=True)
class Stores:
    """The ports of all subjects, opened."""

    common: CommonPorts
    accounts: Accounts
    identities: Identities
    hasher: Hasher
    login_accounts: LoginAccounts
    login_attempts: LoginAttempts
    login_locks: LoginLocks
    sessions: Sessions
    refresh_tokens: RefreshTokens
    replays: RefreshReplays
    revocations: RevocationList
    signer: Signer
    verifier: TokenVerifier
    outbox: Outbox
    resets: Resets
    invitations: Invitations
    account_states: AccountStates
    api_keys: StoredKeys
    deletion_jobs: DeletionJobs
    confirmations: Confirmations
    visitors: Visitors
    count_attempt: Callable[[str, str], object] = lambda _kind, _result: None
    """Gets each login and refresh, with its result."""


@dataclass(frozen=True)
class AuthUseCases:
    """Everything auth can do, by subject."""

    accounts: AccountUseCases
    registration: RegistrationUseCases
    sessions: SessionUseCases
    passwords: PasswordUseCases
    confirmation: ConfirmationUseCases
    invitations: InvitationUseCases
    acceptance: AcceptanceUseCases
    login_limiter: LoginLimiter
    members: MemberUseCases
    identities: IdentityUseCases
    operator: OperatorUseCases
    introspection: IntrospectionUseCases
    api_keys: ApiKeyUseCases
    demo: DemoUseCases
    alarm_emails: AlarmEmails
    signer: Signer

    @classmethod
    def over(cls, rules: Rules, stores: Stores, permissions: dict[str, tuple[str, ...]], reachable: Reachable) -> Self:
        """All of them over the same stores.

        `permissions` are the route ids that each role may call, `reachable` those that API keys may.
        """
        common, accounts, invitations = stores.common, stores.accounts, stores.invitations
        limiter = LoginLimiter(common, accounts=accounts, attempts=stores.login_attempts, locks=stores.login_locks)
        revocation = SessionRevocation(rules, common, stores.sessions, stores.revocations)
        versions = VersionRevocation(common, stores.revocations)
        api_keys = ApiKeyUseCases(common, keys=stores.api_keys, revocation=versions, reachable=reachable)
        member_keys = MemberKeys(rules, common, keys=stores.api_keys, revocation=versions, outbox=stores.outbox)
        return cls(
            accounts=AccountUseCases(accounts, permissions),
            registration=RegistrationUseCases(
                rules,
                common,
                accounts=accounts,
                hasher=stores.hasher,
                invitations=invitations,
                outbox=stores.outbox,
            ),
            sessions=_sessions(rules, stores, limiter, revocation),
            passwords=_passwords(rules, stores, limiter, revocation),
            confirmation=ConfirmationUseCases(
                rules, common, accounts=accounts, confirmations=stores.confirmations, outbox=stores.outbox
            ),
            invitations=InvitationUseCases(
                rules, common, accounts=accounts, invitations=invitations, outbox=stores.outbox
            ),
            acceptance=_acceptance(rules, stores, limiter),
            login_limiter=limiter,
            members=_members(stores, revocation, member_keys),
            identities=_identities(stores, revocation, member_keys),
            operator=_operator(stores, limiter, revocation, member_keys),
            introspection=_introspection(stores, api_keys),
            api_keys=api_keys,
            demo=DemoUseCases(rules, common, visitors=stores.visitors, signer=stores.signer),
            alarm_emails=AlarmEmails(common, accounts=accounts, outbox=stores.outbox),
            signer=stores.signer,
        )


def _introspection(stores: Stores, api_keys: ApiKeyUseCases) -> IntrospectionUseCases:
    return IntrospectionUseCases(
        stores.common,
        accounts=stores.accounts,
        sessions=stores.sessions,
        revocations=stores.revocations,
        verifier=stores.verifier,
        keys=api_keys,
    )


def _members(stores: Stores, revocation: SessionRevocation, keys: MemberKeys) -> MemberUseCases:
    return MemberUseCases(
        stores.common,
        accounts=stores.accounts,
        sessions=stores.sessions,
        revocation=revocation,
        invitations=stores.invitations,
        resets=stores.resets,
        outbox=stores.outbox,
        keys=keys,
    )


def _identities(stores: Stores, revocation: SessionRevocation, keys: MemberKeys) -> IdentityUseCases:
    return IdentityUseCases(
        stores.common,
        accounts=stores.accounts,
        identities=stores.identities,
        sessions=stores.sessions,
        revocation=revocation,
        keys=keys,
        jobs=stores.deletion_jobs,
    )


def _acceptance(rules: Rules, stores: Stores, limiter: LoginLimiter) -> AcceptanceUseCases:
    return AcceptanceUseCases(
        rules,
        stores.common,
        accounts=stores.accounts,
        identities=stores.identities,
        hasher=stores.hasher,
        limiter=limiter,
        invitations=stores.invitations,
    )


def _identity_sessions(stores: Stores) -> IdentitySessions:
    return IdentitySessions(stores.common, identities=stores.identities, sessions=stores.sessions)


def _operator(
    stores: Stores, limiter: LoginLimiter, revocation: SessionRevocation, keys: MemberKeys
) -> OperatorUseCases:
    return OperatorUseCases(
        stores.common,
        accounts=stores.accounts,
        states=stores.account_states,
        sessions=stores.sessions,
        revocation=revocation,
        limiter=limiter,
        keys=keys,
    )


def _sessions(rules: Rules, stores: Stores, limiter: LoginLimiter, revocation: SessionRevocation) -> SessionUseCases:
    return SessionUseCases(
        rules,
        stores.common,
        accounts=stores.accounts,
        identities=stores.identities,
        login_accounts=stores.login_accounts,
        hasher=stores.hasher,
        limiter=limiter,
        sessions=stores.sessions,
        identity_sessions=_identity_sessions(stores),
        revocation=revocation,
        refresh_tokens=stores.refresh_tokens,
        replays=stores.replays,
        signer=stores.signer,
        count=stores.count_attempt,
    )


def _passwords(rules: Rules, stores: Stores, limiter: LoginLimiter, revocation: SessionRevocation) -> PasswordUseCases:
    return PasswordUseCases(
        rules,
        stores.common,
        accounts=stores.accounts,
        identities=stores.identities,
        hasher=stores.hasher,
        limiter=limiter,
        sessions=_identity_sessions(stores),
        revocation=revocation,
        resets=stores.resets,
        outbox=stores.outbox,
    )
