"""Builds auth out of its parts."""

from collections.abc import Callable, Sequence

from flask import Flask

from heartguard_auth.ports import Hasher
from heartguard_auth.routes import ROUTES
from heartguard_auth.settings import Settings
from heartguard_auth.store.accounts import PostgresAccounts
from heartguard_auth.store.grace import RedisGraceAnswers
from heartguard_auth.store.guesses import RedisGuesses
from heartguard_auth.store.invitations import PostgresInvitations
from heartguard_auth.store.keys import KeyRing, SharedSecretSigner
from heartguard_auth.store.limits import limit_requests
from heartguard_auth.store.locks import PostgresLocks
from heartguard_auth.store.outbox import NoOutbox, PostgresOutbox, letters
from heartguard_auth.store.passwords import Argon2Hasher, common_passwords
from heartguard_auth.store.refresh_tokens import SignedRefreshTokens
from heartguard_auth.store.resets import PostgresResets
from heartguard_auth.store.revocations import Revocations
from heartguard_auth.store.sealing import keyed_hash
from heartguard_auth.store.sessions import PURGED, PostgresSessions
from heartguard_auth.store.smtp import SmtpMailer
from heartguard_auth.usecases import AuthUseCases, Rules, Stores
from heartguard_auth.usecases.postman import PATIENCE, QUEUE, Postman
from heartguard_common import policy
from heartguard_common.background import Background
from heartguard_common.clock import Clock
from heartguard_common.dead_letter_store import PostgresDeadLetters
from heartguard_common.dead_letters import Failure, Queue
from heartguard_common.edge import Parts, make_edge, open_parts
from heartguard_common.errors import ServiceError
from heartguard_common.identity import ROLES, Principal, TokenVerifier
from heartguard_common.lifecycle import Resource
from heartguard_common.network import bucket_address
from heartguard_common.web import make_app

PURGE_SECONDS, LATER_SECONDS = 3600.0, 60.0
_MYSELF = Principal("service", "service", name="auth")


def create_app(settings: Settings, clock: Clock | None = None, hasher: Hasher | None = None) -> Flask:
    """The application of auth. Raises `RouteTableError` when its routes and policy.toml differ."""
    parts = open_parts("auth", settings, clock)
    signer = (
        SharedSecretSigner(settings.jwt_secret, settings.jwt_secret_previous)
        if settings.jwt_secret
        else parts.lifecycle.open(Resource("keys", lambda: make_ring(settings, parts), KeyRing.prove))
    )
    revocations = Revocations(parts.database, parts.redis, parts.clock).start()
    parts.lifecycle.on_close(revocations.close)
    outbox = PostgresOutbox(parts.database, settings.key_ring_secret, parts.clock, parts.limits)
    stores = _open_stores(settings, parts, signer, revocations, outbox, hasher or Argon2Hasher())
    rules = make_rules(settings)
    law = policy.load()
    usecases = AuthUseCases.over(rules, stores, {role: law.permissions(role) for role in ROLES})
    queues = _send_mail(settings, parts, rules, stores, outbox)
    edge = make_edge("auth", settings, parts, key_source=signer, revocations=revocations, queues=queues)
    app = make_app(edge, ROUTES, usecases)
    limit_requests(app, edge, settings.rate_limit, settings.redis_url)
    return app


def _open_stores(
    settings: Settings,
    parts: Parts,
    signer: SharedSecretSigner | KeyRing,
    revocations: Revocations,
    outbox: PostgresOutbox,
    hasher: Hasher,
) -> Stores:
    """The ports, opened; what nobody can use any more is removed from them beside the requests."""
    sessions = PostgresSessions(
        parts.database, parts.clock, unused_seconds=max(settings.refresh_seconds, settings.access_seconds)
    )
    locks = PostgresLocks(parts.database, parts.clock)
    resets, invitations = PostgresResets(parts.database, parts.clock), PostgresInvitations(parts.database, parts.clock)
    kept = (parts.letters.purge, resets.purge, invitations.purge, locks.purge, parts.limits.sweep)
    more = (lambda: purge_mail(outbox, parts.letters), *kept)
    parts.lifecycle.on_close(Background("purge", lambda: purge(sessions, revocations, more)).start().close)
    return Stores(
        transactions=parts.database,
        accounts=PostgresAccounts(parts.database, parts.clock, parts.limits),
        sessions=sessions,
        revocations=revocations,
        grace=RedisGraceAnswers(parts.redis),
        signer=signer,
        hasher=hasher,
        verifier=TokenVerifier(signer, settings.jwt_issuer, settings.jwt_audience, parts.clock),
        refresh_tokens=SignedRefreshTokens(settings.key_ring_secret),
        guesses=RedisGuesses(parts.redis, settings.key_ring_secret, parts.clock),
        locks=locks,
        outbox=outbox if settings.smtp else NoOutbox(),
        resets=resets,
        invitations=invitations,
        limits=parts.limits,
        authority=parts.authority,
        audit=parts.audit,
        clock=parts.clock,
    )


def purge(sessions: PostgresSessions, revocations: Revocations, more: Sequence[Callable[[], object]] = ()) -> float:
    """Remove what nobody can use any more, and the addresses and devices with it; the seconds until the next run."""
    try:
        removed = max(sessions.purge(), sessions.purge_tokens())
        revocations.purge()
        for one in more:
            one()
    except ServiceError:
        return LATER_SECONDS  # PostgreSQL is away, as /ready says
    return 0.0 if removed == PURGED else PURGE_SECONDS


def _send_mail(
    settings: Settings, parts: Parts, rules: Rules, stores: Stores, outbox: PostgresOutbox
) -> dict[str, Queue]:
    """Start to empty the outbox, where there is a mail server; what the operator can do with the letters."""
    if settings.smtp is None:
        return {}
    postman = Postman(rules, stores, SmtpMailer(settings.smtp, parts.clock), parts.letters)
    mail = Background("mail", postman.run).start()
    parts.lifecycle.on_close(mail.close)
    queue = Queue(
        retry=lambda letter: outbox.retry(letter.item),
        drop=lambda letter: outbox.drop(letter.item),
        wake=mail.wake,
        oldest_seconds=outbox.oldest_seconds,
    )
    return {QUEUE: queue}


def purge_mail(outbox: PostgresOutbox, letters: PostgresDeadLetters) -> None:
    """Give up the letters that nobody could send for a day, and remove what has had its time."""
    for entry_id in outbox.overdue():
        letters.failed(Failure(QUEUE, entry_id, "not sent within a day", lasting=True), PATIENCE)
    outbox.purge()


def make_ring(settings: Settings, parts: Parts) -> KeyRing:
    """The key ring; what it does by itself, as it comes of age, is written into the audit trail."""
    return KeyRing(
        parts.database,
        settings.key_ring_secret,
        parts.clock,
        access_seconds=settings.access_seconds,
        rotated=lambda kid: parts.audit.changed(_MYSELF, "auth.key_rotated", f"key:{kid}", payload={"by": "age"}),
    )


def make_rules(settings: Settings) -> Rules:
    """What the settings decide, as the use cases want it."""
    return Rules(
        access_seconds=settings.access_seconds,
        refresh_seconds=settings.refresh_seconds,
        registration=settings.registration,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        common_passwords=common_passwords(),
        letters=letters(),
        allowed_origins=settings.allowed_origins,
        pseudonym=lambda address: keyed_hash("client", settings.key_ring_secret, bucket_address(address))[:32],
    )
