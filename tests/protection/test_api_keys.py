"""API keys at the gateway and at a service's own port: what they may do, and when they end."""

import random
import string
import threading
import time
from collections.abc import Callable

import pytest

from heartguard_common.core.clock import rfc3339
from heartguard_common.identity.api_key import checksum
from tests.audit_events import recorded_events
from tests.people import owner
from tests.protection.api_keys import ENTRY_POINTS, Key, change, full_rights, make, statuses, write
from tests.protection.stack import Person, ProtectedStack
from tests.servers import until

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def test_a_device_key_writes_its_owners_points_and_reads_the_catalogue(protected_stack: ProtectedStack) -> None:
    admin = protected_stack.found("keys.admin")
    member = protected_stack.join(admin, "user", "keys.member")
    key = make(protected_stack, admin)
    assert statuses(protected_stack, key, admin.org_id) == [200, 200]
    for entry_point in ENTRY_POINTS:
        of_another = write(protected_stack, key, admin.org_id, entry_point, tags={"user_id": str(member.user_id)})
        assert of_another.json["results"][0]["status"] == "rejected", of_another.body
        for accept, start in (("application/json", b"{"), ("application/xml", b"<?xml")):
            headers = {**key.bearer, "Accept": accept}
            catalogue = protected_stack.entry_points[entry_point].ask("GET", "/timeseries/measurements", headers)
            assert (catalogue.status, catalogue.body[: len(start)]) == (200, start)
            refused = protected_stack.entry_points[entry_point].ask("GET", "/timeseries/buckets", headers)
            assert (refused.status, b"GEN_403" in refused.body) == (403, True)


def test_an_integration_key_does_what_its_scopes_name(protected_stack: ProtectedStack) -> None:
    admin = protected_stack.found("scopes.admin")
    member = protected_stack.join(admin, "user", "scopes.member")
    writes = make(protected_stack, admin, "integration", scopes=["points_write"])
    reads = make(protected_stack, admin, "integration", scopes=["user.list"])
    for entry_point in ENTRY_POINTS:
        written = write(protected_stack, writes, admin.org_id, entry_point, tags={"user_id": str(member.user_id)})
        assert written.json["inserted"] + sum(it["status"] == "duplicate" for it in written.json["results"]) == 1
        assert write(protected_stack, reads, admin.org_id, entry_point).status == 403
    for entry_point in ("gateway", "user"):
        assert protected_stack.entry_points[entry_point].ask("GET", "/users", reads.bearer).status == 200
        assert protected_stack.entry_points[entry_point].ask("GET", "/users", writes.bearer).status == 403


def test_no_key_registers_a_member_on_the_route_that_reads_credentials_if_there_are_any(
    protected_stack: ProtectedStack,
) -> None:
    admin = protected_stack.found("register.admin")
    asked = {"email": "new.of.key@example.com", "password": "Secret123", "role": "admin"}
    for key in (make(protected_stack, admin), full_rights(protected_stack, admin)):
        assert protected_stack.post("/auth/register", asked, key.bearer).status == 403


def bad_keys(good: Key, foreign: Key, ended: list[Key]) -> list[str]:
    """Forged, damaged, foreign and ended keys."""
    draw = random.Random(7)
    forged = []
    for kind in ("dev", "int"):
        for _ in range(60):
            drawn = "".join(draw.choice(BASE62) for _ in range(30))
            forged.append(f"hg_{kind}_{drawn}{checksum(drawn)}")
    damaged = []
    for place in range(len(good.secret)):
        other = "x" if good.secret[place] != "x" else "y"
        damaged.append(good.secret[:place] + other + good.secret[place + 1 :])
        damaged.append(good.secret[:place] + good.secret[place + 1 :])
        damaged.append(good.secret[:place] + "%" + good.secret[place:])
        damaged.append(good.secret[:place])
    drawn = good.secret[7:37]
    own = [f"hg_int_{drawn}{checksum(drawn)}", good.secret.upper(), good.secret.swapcase(), good.secret + "0"]
    return [*forged, *damaged, *own, *(key.secret for key in ended), foreign.secret]


def test_300_forged_damaged_foreign_and_ended_keys_are_refused(protected_stack: ProtectedStack) -> None:
    admin, stranger = protected_stack.found("bad.admin"), protected_stack.found("bad.stranger")
    member = protected_stack.join(admin, "user", "bad.member")
    good, foreign = make(protected_stack, member), make(protected_stack, stranger)
    ended = [make(protected_stack, member) for _ in range(20)]
    for key in ended:
        assert write(protected_stack, key, admin.org_id).status == 200  # each is known to the gateway
        change(protected_stack, member, "DELETE", f"/auth/api-keys/{key.id}")
    tried = bad_keys(good, foreign, ended)
    assert len(tried) >= 300
    for secret in tried:
        found = statuses(protected_stack, Key("", secret), admin.org_id)
        # another organization's key is a good one, which finds no such bucket
        assert found == ([404, 404] if secret == foreign.secret else [401, 401]), secret
    assert statuses(protected_stack, good, admin.org_id) == [200, 200]


def test_a_rotation_under_load_fails_no_request(protected_stack: ProtectedStack) -> None:
    """Each caller takes a new key in its own time; the next rotation waits until all have."""
    admin = protected_stack.found("rotate.admin")
    current = make(protected_stack, admin)
    stop, seen, used = threading.Event(), set[int](), dict[int, Key]()

    def load(number: int, entry_point: str) -> None:
        while not stop.is_set():
            key = current
            seen.add(write(protected_stack, key, admin.org_id, entry_point).status)
            used[number] = key

    threads = [threading.Thread(target=load, args=caller) for caller in enumerate(ENTRY_POINTS * 2)]
    for thread in threads:
        thread.start()
    former = current
    for _ in range(10):
        former = current
        path = f"/auth/api-keys/{former.id}/rotate"
        rotated = change(protected_stack, admin, "POST", path, {"overlap_seconds": 600}).json
        assert statuses(protected_stack, former, admin.org_id) == [200, 200]
        current = newest = Key(former.id, rotated["key"])
        until(lambda newest=newest: list(used.values()) == [newest] * len(threads), "every caller taking the new key")
    stop.set()
    for thread in threads:
        thread.join()
    assert seen == {200}
    change(protected_stack, admin, "POST", f"/auth/api-keys/{former.id}/rotate", {"overlap_seconds": 0})
    assert statuses(protected_stack, former, admin.org_id) == [401, 401]
    assert statuses(protected_stack, current, admin.org_id) == [401, 401]


def deleted(stack: ProtectedStack, admin: Person, _: Person, key: Key) -> None:
    change(stack, admin, "DELETE", f"/auth/api-keys/{key.id}")


def disabled(stack: ProtectedStack, admin: Person, member: Person, _: Key) -> None:
    change(stack, admin, "PATCH", f"/users/{member.user_id}", {"active": False})


def demoted(stack: ProtectedStack, admin: Person, member: Person, _: Key) -> None:
    change(stack, admin, "PATCH", f"/users/{member.user_id}", {"role": "user"})


def left(stack: ProtectedStack, admin: Person, member: Person, _: Key) -> None:
    change(stack, admin, "DELETE", f"/users/{member.user_id}")


Ends = Callable[[ProtectedStack, Person, Person, Key], None]
REDIS, HANGING = "redis", "hanging redis"
ENDS: list[tuple[str, str, Ends, int]] = [
    (REDIS, "device", deleted, 401),
    (REDIS, "device", disabled, 401),
    (REDIS, "device", left, 401),
    (REDIS, "integration", deleted, 401),
    (REDIS, "integration", disabled, 401),
    (REDIS, "integration", demoted, 403),
    (HANGING, "device", deleted, 401),
    (HANGING, "device", left, 401),
    (HANGING, "integration", demoted, 403),
]


@pytest.mark.parametrize(("redis", "kind", "ends", "status"), ENDS, ids=lambda it: getattr(it, "__name__", str(it)))
def test_what_ends_a_key_takes_effect_in_time(
    protected_stack: ProtectedStack, redis: str, kind: str, ends: Ends, status: int
) -> None:
    stack, name = protected_stack, f"{kind}.{ends.__name__}.{redis[:4]}"
    admin = stack.found(f"boss.{name}")
    manager = stack.join(admin, "manager", f"manager.{name}")
    key = make(stack, manager, kind, **({"scopes": ["points_write"]} if kind == "integration" else {}))
    assert statuses(stack, key, admin.org_id) == [200, 200]
    if redis == REDIS:
        ends(stack, admin, manager, key)
        if ends is not left:  # the deletion of a person is a job
            assert statuses(stack, key, admin.org_id) == [status, status]
    else:
        stack.valkey.freeze()
        try:
            assert statuses(stack, key, admin.org_id) == [200, 200]
            ends(stack, admin, manager, key)
            # After UNCONFIRMED_SECONDS, which tests/unit/common/test_api_keys.py measures with a clock of its own.
            until(lambda: statuses(stack, key, admin.org_id) == [status, status], f"{name} being refused")
        finally:
            stack.valkey.thaw()
    until(lambda: statuses(stack, key, admin.org_id) == [status, status], f"{name} being refused")
    assert statuses(stack, key, admin.org_id) == [status, status]


def test_an_admin_adopts_the_integration_key_of_a_manager_who_has_left(protected_stack: ProtectedStack) -> None:
    stack = protected_stack
    admin = stack.found("adopt.admin")
    manager = stack.join(admin, "manager", "adopt.manager")
    keys = [make(stack, manager, "integration", scopes=["points_write"]) for _ in range(2)]
    change(stack, admin, "DELETE", f"/users/{manager.user_id}")
    until(lambda: _orphaned(stack, admin, keys[0]), "the key waiting for an admin")
    assert [statuses(stack, key, admin.org_id) for key in keys] == [[200, 200]] * 2
    adopted = change(stack, admin, "PATCH", f"/auth/api-keys/{keys[0].id}", {"adopt": True}).json
    assert (adopted["created_by"], "adopt_before" in adopted) == (admin.user_id, False)
    with owner(stack.database) as cursor:  # seven days later, when what is remembered has been forgotten
        cursor.execute("UPDATE heartguard_core.api_keys SET adopt_before = now() WHERE adopt_before IS NOT NULL")
    fresh = change(stack, admin, "PATCH", f"/auth/api-keys/{keys[1].id}", {"name": "looked up again"})
    assert fresh.json["name"] == "looked up again"
    assert [statuses(stack, key, admin.org_id) for key in keys] == [[200, 200], [401, 401]]


def _orphaned(stack: ProtectedStack, admin: Person, key: Key) -> bool:
    return "adopt_before" in change(stack, admin, "GET", f"/auth/api-keys/{key.id}").json


def test_buckets_networks_and_expiry_restrict_a_key(protected_stack: ProtectedStack) -> None:
    stack = protected_stack
    admin = stack.found("restrict.admin")
    ward = f"org_{admin.org_id}_ward"
    assert stack.post("/timeseries/buckets", {"bucket": ward}, admin.bearer).status == 201
    only_ward = make(stack, admin, "integration", scopes=["points_write", "points_read"], buckets=[ward])
    elsewhere = make(stack, admin, networks=["192.0.2.0/24"])
    here = make(stack, admin, networks=["127.0.0.0/8", "2001:db8::/32"])
    for entry_point in ENTRY_POINTS:
        assert write(stack, only_ward, admin.org_id, entry_point, bucket=ward).status == 200
        assert write(stack, only_ward, admin.org_id, entry_point).status == 404
        listed = stack.entry_points[entry_point].ask("GET", "/timeseries/buckets", only_ward.bearer)
        assert [it["bucket"] for it in listed.json["items"]] == [ward]
        refused = write(stack, elsewhere, admin.org_id, entry_point)
        assert (refused.status, "network" in refused.json["error"]["message"]) == (403, True)
        assert write(stack, here, admin.org_id, entry_point).status == 200
    change(stack, admin, "PATCH", f"/auth/api-keys/{here.id}", {"networks": ["192.0.2.0/24"]})
    assert statuses(stack, here, admin.org_id) == [403, 403]
    soon = rfc3339(time.time_ns() + 3_000_000_000)
    short = make(stack, admin, expires_at=soon)
    assert statuses(stack, short, admin.org_id) == [200, 200]
    until(lambda: statuses(stack, short, admin.org_id) == [401, 401], "the expiry")


def test_each_use_is_attributed_and_the_last_one_is_shown(protected_stack: ProtectedStack) -> None:
    stack = protected_stack
    admin = stack.found("trail.admin")
    device = make(stack, admin)
    program = make(stack, admin, "integration", scopes=["points_write"])
    for key in (device, program):
        assert write(stack, key, admin.org_id).status == 200
    events = [
        (event["actor"], event["org_id"], event["payload"]["api_key"], event["payload"]["owner"])
        for event in recorded_events(stack.database, stack.valkey.url)
        if event["action"] == "timeseries.write" and event["payload"].get("api_key") in (device.id, program.id)
    ]
    assert events == [
        (f"user:{admin.user_id}", admin.org_id, device.id, f"user:{admin.user_id}"),
        (f"api_key:{program.id}", admin.org_id, program.id, f"organization:{admin.org_id}"),
    ]
    for key in (device, program):
        until(lambda key=key: "last_used_at" in change(stack, admin, "GET", f"/auth/api-keys/{key.id}").json, "the use")
        shown = change(stack, admin, "GET", f"/auth/api-keys/{key.id}").json
        assert (shown["last_used_address"], shown["last_used_at"][-4:]) == ("127.0.0.1", ":00Z")
        assert "key" not in shown
