"""Builds the auth service from its dependencies."""

from collections.abc import Callable, Sequence

from flask import Flask

from heartguard_auth.accounts.ports import Hasher
from heartguard_auth.accounts.store.accounts import PostgresAccounts
from heartguard_auth.accounts.store.identities import PostgresIdentities
from heartguard_auth.accounts.store.password_hasher import Argon2Hasher
from heartguard_auth.api_keys.domain import key_uses
from heartguard_auth.api_keys.store import PostgresApiKeys
from heartguard_auth.api_keys.usecases.keys import Reachable
from heartguard_auth.confirmation.store import PostgresConfirmations
from heartguard_auth.demo.store import PostgresVisitors
from heartguard_auth.errors import BAD_CREDENTIALS, EMAIL_UNCONFIRMED, LOCKED, REFRESH_REFUSED
from heartguard_auth.invitations.store import PostgresInvitations
from heartguard_auth.key_ring import make_key_ring
from heartguard_auth.login_attempts.store.counters import RedisLoginAttempts
from heartguard_auth.login_attempts.store.locks import PostgresLoginLocks
from heartguard_auth.mail.domain import EMAIL_CODE, PASSWORD_CODE
from heartguard_auth.mail.ports import MailServerUnavailable
from heartguard_auth.mail.store.outbox import NoOutbox, PostgresOutbox, email_templates
from heartguard_auth.mail.store.smtp import SmtpMailer
from heartguard_auth.mail.usecases import OUTAGE_RETRY, QUEUE, RETRY, MailWorker
from heartguard_auth.operator.store import PostgresAccountStates
from heartguard_auth.passwords.store.common_passwords import common_passwords
from heartguard_auth.passwords.store.resets import PostgresResets
from heartguard_auth.rate_limiting import limit_requests
from heartguard_auth.revocations.store import Revocations
from heartguard_auth.routes import ROUTES
from heartguard_auth.sessions.store.login_accounts import PostgresLoginAccounts
from heartguard_auth.sessions.store.refresh_replay import RefreshReplayCache
from heartguard_auth.sessions.store.refresh_tokens import SignedRefreshTokens
from heartguard_auth.sessions.store.sessions import PURGED, PostgresSessions
from heartguard_auth.settings import Settings
from heartguard_auth.shared.ports import CommonPorts, Rules
from heartguard_auth.shared.store.text_encryption import keyed_hash
from heartguard_auth.signing_keys.store.key_ring import KeyRing
from heartguard_auth.signing_keys.store.shared_secret import SharedSecretSigner
from heartguard_auth.usecases import AuthUseCases, Stores
from heartguard_common.core.background import FailureHandling
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.lifecycle import Resource
from heartguard_common.core.metrics import Metrics
from heartguard_common.core.network import bucket_address
from heartguard_common.core.retry import AttemptError, RetryPolicy
from heartguard_common.http.web import make_app
from heartguard_common.http.web_dependencies import ApiKeyAccess
from heartguard_common.identity import policy
from heartguard_common.identity.api_key import DEVICE, INTEGRATION
from heartguard_common.identity.api_key_cache import ApiKeyCache, KeyedRevocations
from heartguard_common.identity.api_key_uses import ApiKeyUseLog
from heartguard_common.identity.authentication import ROLES, TokenVerifier
from heartguard_common.jobs.dead_letter_store import PostgresDeadLetters
from heartguard_common.jobs.dead_letters import ManagedQueue
from heartguard_common.jobs.items import ItemRunner
from heartguard_common.jobs.job_store import PostgresJobs
from heartguard_common.messages import ApiKeyUseDocument
from heartguard_common.runtime.bootstrap import Dependencies, make_web_dependencies, open_dependencies

PURGE_SECONDS = 3600.0
COUNTED_ATTEMPTS = {
    "login": ("success", BAD_CREDENTIALS.code, LOCKED.code, EMAIL_UNCONFIRMED.code),
    "refresh": ("success", "replay", REFRESH_REFUSED.code),
}
WAIT_FOR_POSTGRESQL = FailureHandling(outages={ServiceError: RetryPolicy(None, 60.0, 60.0)})
WAIT_FOR_MAIL_SERVER = FailureHandling(outages={MailServerUnavailable: OUTAGE_RETRY})


def create_app(settings: Settings, clock: Clock | None = None, hasher: Hasher | None = None) -> Flask:
    """The application of auth. Raises `RouteTableError` when its routes and policy.toml differ."""
    dependencies = open_dependencies("auth", settings, clock)
    signer = (
        SharedSecretSigner(settings.jwt_secret, settings.jwt_secret_previous)
        if settings.jwt_secret
        else _open_key_ring(settings, dependencies)
    )
    revocations = Revocations(dependencies.database, dependencies.redis, dependencies.clock).start(
        dependencies.background
    )
    outbox = PostgresOutbox(dependencies.database, settings.key_ring_secret, dependencies.clock, dependencies.limits)
    stores = _open_stores(settings, dependencies, signer, revocations, outbox, hasher or Argon2Hasher())
    rules = make_rules(settings)
    access = policy.load()
    usecases = AuthUseCases.over(
        rules, stores, {role: access.permissions(role) for role in ROLES}, reachable_by_keys(access)
    )
    queues = _send_mail(settings, dependencies, usecases, stores, outbox)
    web = make_web_dependencies(
        "auth",
        settings,
        dependencies,
        key_source=signer,
        revocations=revocations,
        api_keys=_accept_api_keys(dependencies, usecases, revocations),
        queues=queues,
    )
    app = make_app(web, ROUTES, usecases)
    limit_requests(app, web, settings.rate_limit, settings.redis_url)
    return app


def _open_key_ring(settings: Settings, dependencies: Dependencies) -> KeyRing:
    database, clock, audit = dependencies.database, dependencies.clock, dependencies.audit
    return dependencies.lifecycle.open(
        Resource("keys", lambda: make_key_ring(settings, database, clock, audit), KeyRing.prove)
    )


def _open_stores(
    settings: Settings,
    dependencies: Dependencies,
    signer: SharedSecretSigner | KeyRing,
    revocations: Revocations,
    outbox: PostgresOutbox,
    hasher: Hasher,
) -> Stores:
    """The stores, opened; a background thread removes expired rows."""
    database, clock = dependencies.database, dependencies.clock
    accounts = PostgresAccounts(database, dependencies.limits)
    unused_seconds = max(settings.refresh_seconds, settings.access_seconds)
    sessions = PostgresSessions(database, clock, unused_seconds=unused_seconds)
    locks, resets = PostgresLoginLocks(database, clock), PostgresResets(database, clock)
    invitations, api_keys = PostgresInvitations(database, clock), PostgresApiKeys(database, clock)
    attempts = RedisLoginAttempts(dependencies.redis, settings.key_ring_secret, dependencies.clock)
    confirmations = PostgresConfirmations(database, clock)
    purged = (dependencies.dead_letters, resets, confirmations, invitations, locks, api_keys)
    purges = (*(store.purge for store in purged), dependencies.limits.sweep)
    more = (lambda: purge_mail(outbox, dependencies.dead_letters), *purges)
    dependencies.background.start("purge", lambda: purge(sessions, revocations, more), failures=WAIT_FOR_POSTGRESQL)
    return Stores(
        common=_common_ports(dependencies),
        accounts=accounts,
        identities=PostgresIdentities(database, accounts, dependencies.limits),
        hasher=hasher,
        login_accounts=PostgresLoginAccounts(dependencies.database, dependencies.clock),
        login_attempts=attempts,
        login_locks=locks,
        sessions=sessions,
        refresh_tokens=SignedRefreshTokens(settings.key_ring_secret),
        replays=RefreshReplayCache(dependencies.redis),
        revocations=revocations,
        signer=signer,
        verifier=TokenVerifier(signer, settings.jwt_issuer, settings.jwt_audience, dependencies.clock),
        outbox=outbox if settings.smtp else NoOutbox(),
        resets=resets,
        invitations=invitations,
        count_attempt=count_attempts(dependencies.metrics),
        account_states=_account_states(dependencies, sessions, attempts),
        api_keys=api_keys,
        deletion_jobs=PostgresJobs(database),
        confirmations=confirmations,
        visitors=PostgresVisitors(database, accounts),
    )


def _common_ports(dependencies: Dependencies) -> CommonPorts:
    return CommonPorts(
        transactions=dependencies.database,
        authority=dependencies.authority,
        limits=dependencies.limits,
        audit=dependencies.audit,
        clock=dependencies.clock,
    )


def _account_states(
    dependencies: Dependencies, sessions: PostgresSessions, attempts: RedisLoginAttempts
) -> PostgresAccountStates:
    """The accounts as the operator sees them."""
    return PostgresAccountStates(
        dependencies.database, sessions, lambda email: attempts.subjects(email, "").account, dependencies.clock
    )


def _accept_api_keys(dependencies: Dependencies, usecases: AuthUseCases, revocations: Revocations) -> ApiKeyAccess:
    """API keys at auth's own port, which asks itself."""
    cache = ApiKeyCache(usecases.introspection.introspect_key, dependencies.clock)

    def store(uses: Sequence[ApiKeyUseDocument]) -> None:
        usecases.api_keys.record_uses(key_uses(uses))

    uses = ApiKeyUseLog(store, dependencies.clock)
    dependencies.background.start("api-key-uses", uses.flush)
    return ApiKeyAccess(KeyedRevocations(cache, revocations.state), uses)


def reachable_by_keys(access: policy.Policy) -> Reachable:
    """What the policy lets API keys reach."""
    open_to_keys = [rule for rule in access.rules if INTEGRATION in rule.keys]
    return Reachable(
        scopes={**access.scopes, **{rule.id: (rule.id,) for rule in open_to_keys}},
        device=tuple(sorted(rule.id for rule in access.rules if DEVICE in rule.keys)),
        rights={
            role: frozenset(rule.id for rule in open_to_keys if rule.scope(role) not in (None, "self"))
            for role in ROLES
        },
    )


def purge(sessions: PostgresSessions, revocations: Revocations, more: Sequence[Callable[[], object]] = ()) -> float:
    """Remove expired sessions, tokens and revocations, and call `more`; returns the seconds until the next run.

    Raises GEN_503 when PostgreSQL is unavailable.
    """
    removed = max(sessions.purge(), sessions.purge_tokens())
    revocations.purge()
    for remove in more:
        remove()
    return 0.0 if removed == PURGED else PURGE_SECONDS


def _send_mail(
    settings: Settings, dependencies: Dependencies, usecases: AuthUseCases, stores: Stores, outbox: PostgresOutbox
) -> dict[str, ManagedQueue]:
    """Start the mail worker, where there is a mail server; returns the queue that the operator can manage."""
    if settings.smtp is None:
        return {}
    mail_worker = MailWorker(
        stores.common,
        accounts=stores.accounts,
        outbox=stores.outbox,
        code_emails={
            PASSWORD_CODE: usecases.passwords.code_email,
            EMAIL_CODE: usecases.confirmation.code_email,
        },
        mailer=SmtpMailer(settings.smtp, dependencies.clock),
        dead_letters=dependencies.dead_letters,
    )
    mail = dependencies.background.start("mail", mail_worker.run, kind="queue", failures=WAIT_FOR_MAIL_SERVER)
    queue = ManagedQueue(
        retry=lambda dead_letter: outbox.retry(dead_letter.item),
        drop=lambda dead_letter: outbox.drop(dead_letter.item),
        wake=mail.wake,
        waiting=outbox.waiting,
        oldest_seconds=outbox.oldest_seconds,
    )
    return {QUEUE: queue}


def count_attempts(metrics: Metrics) -> Callable[[str, str], object]:
    """What counts a login or refresh with its result."""
    attempts = metrics.counter("heartguard_auth_attempts", "Logins and refreshes by their result", ("kind", "result"))
    for kind, results in COUNTED_ATTEMPTS.items():
        for result in results:
            attempts.labels(kind, result)  # starts at 0: a series that starts at 1 would show no increase
    return lambda kind, result: attempts.labels(kind, result).inc()


def purge_mail(outbox: PostgresOutbox, dead_letters: PostgresDeadLetters) -> None:
    """Make dead letters of the e-mails that could not be sent for a day, and remove expired entries."""
    emails = ItemRunner(dead_letters, QUEUE, RETRY)
    for entry_id in outbox.overdue():
        emails.failed(entry_id, AttemptError("not sent within a day", permanent=True))
    outbox.purge()


def make_rules(settings: Settings) -> Rules:
    """What the settings decide for the use cases."""
    return Rules(
        access_seconds=settings.access_seconds,
        refresh_seconds=settings.refresh_seconds,
        registration=settings.registration,
        email_confirmation=settings.email_confirmation,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        common_passwords=common_passwords(),
        email_templates=email_templates(),
        allowed_origins=settings.allowed_origins,
        demo=settings.demo == "on",
        pseudonym=lambda address: keyed_hash("client", settings.key_ring_secret, bucket_address(address))[:32],
    )
