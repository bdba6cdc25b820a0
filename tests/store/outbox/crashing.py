"""A program that changes one thing as a service does, in a process of its own that somebody kills meanwhile.

It reads one JSON line for each deed and forks for it; it says the child's number, and afterwards how that ended.
"""

import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from heartguard_auth.accounts.store.accounts import PostgresAccounts
from heartguard_auth.accounts.store.identities import PostgresIdentities
from heartguard_auth.login_attempts.domain import AttemptSubjects
from heartguard_auth.registration.usecases import RegistrationUseCases
from heartguard_auth.sessions.domain import Device
from heartguard_auth.sessions.store.login_accounts import PostgresLoginAccounts
from heartguard_auth.sessions.store.refresh_tokens import SignedRefreshTokens
from heartguard_auth.sessions.store.sessions import PostgresSessions
from heartguard_auth.sessions.usecases.sessions import SessionUseCases
from heartguard_common.audit.log import AuditLog
from heartguard_common.audit.outbox import Outbox
from heartguard_common.core.clock import SystemClock
from heartguard_common.core.trace import REQUEST_ID
from heartguard_common.http.idempotency import IdempotencyKeys, Recorded
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority_store import PostgresAuthority
from heartguard_common.jobs.engine import JobRunner, audit_job_end
from heartguard_common.jobs.job_store import PostgresJobs
from heartguard_common.stores.database import Database
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_common.stores.redis_client import make_redis
from heartguard_common.stores.spool import Spool
from heartguard_influx.buckets.usecases import BucketAdministration
from heartguard_influx.store.postgres import PostgresBuckets
from heartguard_media.store.items import PostgresItems
from heartguard_media.usecases.removal import Removal
from heartguard_organization.store import PostgresOrganizations
from heartguard_organization.usecases import OrganizationUseCases
from heartguard_user.store.users import PostgresUsers
from heartguard_user.usecases import UserUseCases

CLOCK = SystemClock()


class Stack:
    """The stores of one service, as its wiring opens them."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.database = Database(order["database"], pool_size=2)
        redis, spool = make_redis(order["redis"]), Spool(Path(order["spool"]) / f"{order['service']}.events")
        self.audit = AuditLog(order["service"], redis, spool, CLOCK, Outbox(self.database))
        self.who = Principal("person", "admin", user_id=order["user"], org_id=order["org"])
        self.name = str(order["name"])
        self.order = order

    def auth(self) -> Any:
        """What all use cases of auth have in common."""
        return SimpleNamespace(
            transactions=self.database,
            limits=PostgresLimits(self.database, CLOCK, {}),
            audit=self.audit,
            clock=CLOCK,
        )


HASHER: Any = SimpleNamespace(hash=lambda _: "hash", verify=lambda *_: True, outdated=lambda _: False)
RULES: Any = SimpleNamespace(
    email_confirmation="optional",
    registration="open",
    common_passwords=frozenset(),
    access_seconds=60,
    refresh_seconds=600,
    issuer="i",
    audience="a",
    pseudonym=str,
)


def update_user(stack: Stack) -> None:
    users: Any = PostgresUsers(stack.database)
    verbs = UserUseCases(users, None, PostgresAuthority(stack.database), stack.audit, stack.database.transaction)  # type: ignore[arg-type]
    verbs.update_self(stack.who, {"full_name": stack.name}, lambda _: None)


def organizations(stack: Stack) -> OrganizationUseCases:
    store, jobs = PostgresOrganizations(stack.database), PostgresJobs(stack.database)
    return OrganizationUseCases(
        store,
        jobs,
        PostgresAuthority(stack.database),
        stack.audit,
        stack.database.transaction,
        CLOCK,
        lambda: None,
    )


def rename_organization(stack: Stack) -> None:
    organizations(stack).update(stack.who, "organization.update", {"name": stack.name}, lambda _: None)


def end_job(stack: Stack) -> None:
    jobs = PostgresJobs(stack.database)
    ended = audit_job_end(stack.audit, "organization", "organization.deleted")
    JobRunner("organization.delete", jobs, lambda job: job.advanced(100), ended, CLOCK).step(stack.order["thing"])


def register(stack: Stack) -> None:
    accounts = PostgresAccounts(stack.database)
    unused: Any = None
    verbs = RegistrationUseCases(
        RULES, stack.auth(), accounts=accounts, hasher=HASHER, invitations=unused, outbox=unused
    )
    verbs.register({"email": f"{stack.name}@hg.io", "password": "Long-enough-7"}, None)


def log_in(stack: Stack) -> None:
    limiter: Any = SimpleNamespace(
        attempt=lambda *_: nullcontext(), subjects=lambda *_: AttemptSubjects("account", "address")
    )
    signer: Any = SimpleNamespace(sign=lambda _: ("token", "key"))
    unused: Any = None
    accounts = PostgresAccounts(stack.database)
    identities = PostgresIdentities(stack.database, accounts)
    verbs = SessionUseCases(
        RULES,
        stack.auth(),
        accounts=accounts,
        identities=identities,
        login_accounts=PostgresLoginAccounts(stack.database, CLOCK),
        hasher=HASHER,
        limiter=limiter,
        sessions=PostgresSessions(stack.database, CLOCK, unused_seconds=600),
        identity_sessions=unused,
        revocation=unused,
        refresh_tokens=SignedRefreshTokens("of-the-tests-alone"),
        replays=unused,
        signer=signer,
    )
    verbs.login(stack.order["email"], "x", Device("192.0.2.1", stack.name))


def create_bucket(stack: Stack) -> None:
    administration = BucketAdministration(
        PostgresBuckets(stack.database),
        transaction=stack.database.transaction,
        registry=stack.database.transaction,
        audit=stack.audit,
        authority=PostgresAuthority(stack.database),
    )
    administration.create(stack.who, f"org_{stack.who.org_id}_{stack.name}", None)


def create_with_a_key(stack: Stack) -> None:
    def answer(_: int) -> Recorded:
        create_bucket(stack)
        return Recorded(201, {}, b"")

    keys = IdempotencyKeys("influx", stack.database, CLOCK)
    keys.once("user:1", "timeseries.create_bucket", stack.name, b"", answer)


def delete_file(stack: Stack) -> None:
    stores: Any = SimpleNamespace(
        items=PostgresItems(stack.database, stack.database, PostgresLimits(stack.database, CLOCK, {}), CLOCK),
        objects=SimpleNamespace(delete=lambda _: None),
        audit=stack.audit,
        clock=CLOCK,
        transaction=stack.database.transaction,
        authority=PostgresAuthority(stack.database),
        dead_letters=None,
    )
    Removal(RULES, stores).delete(stack.who, stack.order["thing"])


DEEDS = {
    deed.__name__: deed
    for deed in (
        *(update_user, rename_organization, end_job, register),
        *(log_in, create_with_a_key, delete_file),
    )
}


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            REQUEST_ID.set(order["name"])
            stack = Stack(order)  # kept until the end: a pool that is freed sends one more message
            DEEDS[order["deed"]](stack)
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
