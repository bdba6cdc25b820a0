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

from heartguard_auth.domain import Device, Subjects
from heartguard_auth.store.accounts import PostgresAccounts
from heartguard_auth.store.refresh_tokens import SignedRefreshTokens
from heartguard_auth.store.sessions import PostgresSessions
from heartguard_auth.usecases.registration import Registration
from heartguard_auth.usecases.sessions import SessionUseCases
from heartguard_common.audit_log import AuditLog
from heartguard_common.authority_store import PostgresAuthority
from heartguard_common.clock import SystemClock
from heartguard_common.database import Database
from heartguard_common.idempotency import IdempotencyKeys, Recorded
from heartguard_common.identity import Principal
from heartguard_common.job_store import PostgresJobs
from heartguard_common.jobs import JobRunner, told
from heartguard_common.limit_store import PostgresLimits
from heartguard_common.outbox import Outbox
from heartguard_common.spool import Spool
from heartguard_common.store_redis import make_redis
from heartguard_common.trace import REQUEST_ID
from heartguard_influx.store import PostgresBuckets
from heartguard_influx.usecases import Keeping
from heartguard_media.store.items import PostgresItems
from heartguard_media.usecases.removal import Removal
from heartguard_organization.store import PostgresOrganizations
from heartguard_organization.usecases import OrganizationUseCases
from heartguard_user.store.users import PostgresUsers
from heartguard_user.usecases import UserUseCases

CLOCK = SystemClock()


class House:
    """The stores of one service, as its wiring opens them."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.database = Database(order["database"], pool_size=2)
        redis, spool = make_redis(order["redis"]), Spool(Path(order["spool"]) / f"{order['service']}.events")
        self.audit = AuditLog(order["service"], redis, spool, CLOCK, Outbox(self.database))
        self.who = Principal("person", "admin", user_id=order["user"], org_id=order["org"])
        self.name = str(order["name"])
        self.order = order

    def auth(self) -> Any:
        hasher = SimpleNamespace(hash=lambda _: "hash", verify=lambda *_: True, outdated=lambda _: False)
        return SimpleNamespace(
            transactions=self.database,
            accounts=PostgresAccounts(self.database, CLOCK),
            sessions=PostgresSessions(self.database, CLOCK, unused_seconds=600),
            hasher=hasher,
            guesses=SimpleNamespace(subjects=lambda *_: Subjects("account", "address")),
            refresh_tokens=SignedRefreshTokens("of-the-tests-alone"),
            signer=SimpleNamespace(sign=lambda _: ("token", "key")),
            limits=PostgresLimits(self.database, CLOCK, {}),
            audit=self.audit,
            clock=CLOCK,
        )


RULES: Any = SimpleNamespace(
    registration="open",
    common_passwords=frozenset(),
    access_seconds=60,
    refresh_seconds=600,
    issuer="i",
    audience="a",
    pseudonym=str,
)


def update_user(house: House) -> None:
    users: Any = PostgresUsers(house.database)
    verbs = UserUseCases(users, None, PostgresAuthority(house.database), house.audit, house.database.transaction)  # type: ignore[arg-type]
    verbs.update_self(house.who, {"full_name": house.name}, lambda _: None)


def organizations(house: House) -> OrganizationUseCases:
    store, jobs = PostgresOrganizations(house.database), PostgresJobs(house.database)
    return OrganizationUseCases(
        store,
        jobs,
        PostgresAuthority(house.database),
        house.audit,
        house.database.transaction,
        CLOCK,
        lambda: None,
    )


def rename_organization(house: House) -> None:
    organizations(house).update(house.who, "organization.update", {"name": house.name}, lambda _: None)


def end_job(house: House) -> None:
    jobs = PostgresJobs(house.database)
    ended = told(house.audit, "organization", "organization.deleted")
    JobRunner("organization.delete", jobs, lambda job: job.advanced(100), ended, CLOCK).step(house.order["thing"])


def register(house: House) -> None:
    Registration(RULES, house.auth()).register({"email": f"{house.name}@hg.io", "password": "Long-enough-7"}, None)


def log_in(house: House) -> None:
    guard: Any = SimpleNamespace(attempt=lambda *_: nullcontext())
    SessionUseCases(RULES, house.auth(), guard).login(house.order["email"], "x", Device("192.0.2.1", house.name))


def create_bucket(house: House) -> None:
    stores: Any = SimpleNamespace(
        buckets=PostgresBuckets(house.database),
        audit=house.audit,
        transaction=house.database.transaction,
        authority=PostgresAuthority(house.database),
        registry=house.database.transaction,
    )
    Keeping(stores).create(house.who, f"org_{house.who.org_id}_{house.name}", None)


def create_with_a_key(house: House) -> None:
    def answer(_: int) -> Recorded:
        create_bucket(house)
        return Recorded(201, {}, b"")

    keys = IdempotencyKeys("influx", house.database, CLOCK)
    keys.once("user:1", "timeseries.create_bucket", house.name, b"", answer)


def delete_file(house: House) -> None:
    stores: Any = SimpleNamespace(
        items=PostgresItems(house.database, house.database, PostgresLimits(house.database, CLOCK, {}), CLOCK),
        objects=SimpleNamespace(delete=lambda _: None),
        audit=house.audit,
        clock=CLOCK,
        transaction=house.database.transaction,
        authority=PostgresAuthority(house.database),
        letters=None,
    )
    Removal(RULES, stores).delete(house.who, house.order["thing"])


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
            DEEDS[order["deed"]](House(order))
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
