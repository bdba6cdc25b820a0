"""Requests of every route that stores something, each without its last byte until somebody sends it."""

import json
import socket
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from tests.people import owner
from tests.running_services import RunningServices
from tests.service.user.test_administration import PASSWORD, Clinic
from tests.tokens import service_auth

JSON, ZIP = "application/json", b"PK\x05\x06" + bytes(18)
PHRASE = "another long phrase"
POINT = {"measurement": "heart_rate", "fields": {"bpm": 71}, "timestamp": "2026-03-01T12:00:00Z"}
SILENCE = {"reason": "An exercise test.", "ends_at": f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}
RULE = {"name": "High", "measurement": "heart_rate", "field": "bpm", "condition": "above", "threshold": 120}
REPORT = {"actor": "wanda", "action": "portal.opened", "service": "portal"}
DAY = {"range_start": "2026-03-01T00:00:00Z", "range_stop": "2026-03-02T00:00:00Z"}
# Streams are large enough to be passed through the gateway as they come.
NOTE = b"a line of a note\n" * 8192

NOT_HELD = {
    "auth.erase": "a deletion itself",
    "user.erase": "a deletion itself",
    "media.erase": "a deletion itself",
    "timeseries.erase": "a deletion itself",
    "alarm.erase": "a deletion itself",
    "alarm.rehearse_rule": "nothing is stored",
    "timeseries.listen": "a service asks; until when an organization is watched",
    "timeseries.changes": "a service asks; it takes ranges for a minute, nothing of a person is stored",
    "timeseries.readings": "a service asks; nothing is stored",
    "auth.introspect": "a service asks; nothing is stored",
    "auth.record_key_uses": "a service asks; a time in the row of a key, which goes with it",
    "auth.demo": "nobody asks, and nothing is stored",
    "organization.update_plan": "the operator asks; a state of the organization, which goes with it",
    "organization.update_mode": "the operator asks; a state of the organization, which goes with it",
    "organization.update_limits": "the operator asks; a number of the organization, which goes with it",
    "media.remove_import": "a service asks; it only removes a file",
    "auth.lock_account": "the operator asks; it only takes a right away",
    "auth.unlock_account": "the operator asks; an account that is being deleted is none any more",
    "auth.end_sessions_of": "the operator asks; nothing is stored",
    "auth.invite_into": "the operator asks; an organization that is being deleted is none any more",
    **{
        f"{name}.retry_job": "the operator asks; nothing of a person is stored"
        for name in ("organization", "user", "timeseries")
    },
    **{
        f"{name}.{verb}_dead_letter": "the operator asks; nothing of a person is stored"
        for name in ("auth", "organization", "user", "media", "timeseries", "audit", "alarm")
        for verb in ("retry", "drop")
    },
}
"""Routes without a case, and why."""

NOBODY: Mapping[str, str] = {}


class Subject:
    """An organization with an admin who is going to be deleted, or with it; she has prepared all that requests name."""

    def __init__(self, stack: RunningServices, name: str) -> None:
        self.stack, self.name = stack, name
        clinic = Clinic.__new__(Clinic)
        clinic.stack = stack
        made = clinic.register(self.email("root"), organization_name=name)
        self.org, self.root = made["org_id"], clinic.login(self.email("root"))
        self.id = clinic.register(self.email("wanda"), self.root, role="admin")["user_id"]
        self.ann_id = clinic.register(self.email("ann"), self.root, role="user")["user_id"]
        pair = clinic.try_login(self.email("wanda")).get_json()
        self.who, self.refresh = {"Authorization": "Bearer " + pair["access_token"]}, pair["refresh_token"]
        self.session = self.ask("auth", "GET", "/auth/sessions")["items"][0]["id"]
        clinic.login(self.email("ann"))
        self.ann_session = self.ask("auth", "GET", f"/auth/members/{self.ann_id}/sessions")["items"][0]["id"]
        self.invited = self.ask("auth", "POST", "/auth/invitations", {"email": self.email("new"), "role": "user"})
        clinic.register(self.email("guest"), organization_name=f"{name} guest")
        self.guest = clinic.login(self.email("guest"))
        asked = {"email": self.email("guest"), "role": "user"}
        self.guest_code = self.ask("auth", "POST", "/auth/invitations", asked)["code"]
        self.code = self.ask("auth", "POST", "/auth/password/code", {"user_id": self.id})["code"]
        self.key = self.ask("auth", "POST", "/auth/api-keys", {"kind": "device", "name": "watch"})
        note = {"file_name": "note.txt", "content_type": "text/plain"}
        self.file = self.ask("media", "POST", "/media/upload", {**note, "data_base64": "aGk="})
        self.ticket = self.ask("media", "POST", "/media/uploads", {**note, "size": len(NOTE)})
        self.unwanted = self.ask("media", "POST", "/media/uploads", {**note, "size": 3})
        self.arrived = self.ask("media", "POST", "/media/uploads", {**note, "size": 2})
        assert (
            self.stack.client("media")
            .put(_local(self.arrived["url"]), data=b"hi", headers=self.arrived["headers"])
            .status_code
            == 201
        )
        self.waiting = self.ask("influx", "POST", "/imports", {"file_name": "watch.fit", "size": 2})
        self.rule = self.ask("alarm", "POST", "/alarms/rules", RULE)
        self.channel, self.spare = (
            self.ask("alarm", "POST", "/alarms/channels", {"name": "Ann", "kind": "email", "user_id": self.ann_id})
            for _ in range(2)
        )
        self.policy = self.ask("alarm", "POST", "/alarms/policies", self.new_policy())
        self.silence = self.ask("alarm", "POST", "/alarms/silences", SILENCE)
        self.alarm = self._alarm()
        self.bucket = f"org_{self.org}_trial"
        self.ask("influx", "POST", "/timeseries/buckets", {"bucket": self.bucket})
        self.ask("influx", "POST", "/timeseries/write", {"bucket": f"org_{self.org}", "points": [POINT]})

    def new_policy(self) -> dict[str, Any]:
        return {"name": "Ward", "steps": [{"after_seconds": 0, "channels": [self.channel["id"]]}]}

    def _alarm(self) -> str:
        """An open alarm of Ann."""
        with owner(self.stack.database) as cursor:
            cursor.execute(
                "INSERT INTO heartguard_core.alarm_episodes (org_id, id, rule_id, rule_number, version, user_id,"
                " severity, start_ns, raised_ns, found_at, retrospective)"
                " SELECT org_id, gen_random_uuid(), id, number, 1, %s, 'warning', 0, 0, now(), false"
                " FROM heartguard_core.alarm_rules WHERE org_id = %s AND id = %s RETURNING id::text",
                (self.ann_id, self.org, self.rule["id"]),
            )
            return str(cursor.fetchone()[0])

    def email(self, who: str) -> str:
        return f"{who}@{self.name}.example"

    def ask(self, service: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """What a service answers her."""
        answer = self.stack.client(service).open(path, method=method, json=body, headers=self.who)
        assert answer.status_code < 300, (path, answer.data)
        return dict(answer.get_json())


def _local(url: str) -> str:
    return url.removeprefix("http://heartguard.test")


@dataclass(frozen=True)
class Case:
    """A request: its path, its document or its bytes, its headers, and who sends it if not the subject."""

    path: str
    document: Any = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    who: Mapping[str, str] | None = None

    def bytes_of(self, method: str, who: Mapping[str, str]) -> bytes:
        """The whole request, on a connection that ends with its answer."""
        body = self.body if self.document is None else json.dumps(self.document).encode()
        kind = {} if self.document is None else {"Content-Type": JSON}
        length = {"Content-Length": str(len(body))} if body else {}
        headers = {
            "Host": "heartguard.test",
            "Connection": "close",
            **kind,
            **length,
            **(who if self.who is None else self.who),
            **self.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{method} {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def _persons(subject: Subject) -> dict[str, Any]:
    return {"org_id": subject.org, "user_id": subject.id}


CASES: Mapping[str, Callable[[Subject], Case]] = {
    "auth.register": lambda s: Case(
        "/auth/register", {"email": s.email("late"), "password": PASSWORD, "role": "admin"}
    ),
    "auth.register invited": lambda s: Case(
        "/auth/register", {"email": s.email("new"), "password": PASSWORD, "invitation": s.invited["code"]}, who=NOBODY
    ),
    "auth.login": lambda s: Case("/auth/login", {"email": s.email("wanda"), "password": PASSWORD}),
    "auth.refresh": lambda s: Case("/auth/refresh", {"refresh_token": s.refresh}),
    "auth.logout": lambda _: Case("/auth/logout", {"scope": "all"}),
    "auth.session_end": lambda s: Case(f"/auth/sessions/{s.session}"),
    "auth.password": lambda _: Case("/auth/password", {"current_password": PASSWORD, "new_password": PHRASE}),
    "auth.password_forgot": lambda s: Case("/auth/password/forgot", {"email": s.email("wanda")}),
    "auth.password_reset": lambda s: Case("/auth/password/reset", {"code": s.code, "new_password": PHRASE}),
    "auth.password_code": lambda s: Case("/auth/password/code", {"user_id": s.ann_id}),
    "auth.invite": lambda s: Case("/auth/invitations", {"email": s.email("other"), "role": "user"}),
    "auth.accept_invitation": lambda s: Case("/auth/invitations/accept", {"code": s.guest_code}, who=s.guest),
    "auth.switch": lambda s: Case("/auth/switch", {"org_id": s.org}),
    "auth.end_all_sessions": lambda _: Case("/auth/sessions"),
    "auth.delete_identity": lambda _: Case("/auth/identity"),
    "auth.email_code": lambda s: Case("/auth/email/code", {"email": s.email("wanda")}),
    "auth.confirm_email": lambda _: Case("/auth/email/confirm", {"code": "no such code"}),
    "auth.withdraw_invitation": lambda s: Case(f"/auth/invitations/{s.invited['id']}"),
    "auth.create_api_key": lambda _: Case("/auth/api-keys", {"kind": "device", "name": "phone"}),
    "auth.update_api_key": lambda s: Case(f"/auth/api-keys/{s.key['id']}", {"name": "phone"}),
    "auth.rotate_api_key": lambda s: Case(f"/auth/api-keys/{s.key['id']}/rotate", {"overlap_seconds": 60}),
    "auth.delete_api_key": lambda s: Case(f"/auth/api-keys/{s.key['id']}"),
    "auth.end_member_sessions": lambda s: Case(f"/auth/members/{s.ann_id}/sessions"),
    "auth.end_member_session": lambda s: Case(f"/auth/members/{s.ann_id}/sessions/{s.ann_session}"),
    "auth.lock_end": lambda s: Case(f"/auth/locks/{s.ann_id}"),
    "auth.change_membership": lambda s: Case(
        "/auth/memberships",
        {
            "org_id": s.org,
            "user_id": s.ann_id,
            "actor_id": s.id,
            "actor_role": "admin",
            "actor_session": s.session,
            "seen_role": "user",
            "seen_active": True,
            "role": "admin",
            "active": True,
        },
        who=service_auth("user"),
    ),
    "organization.update": lambda _: Case("/organization", {"policies": "Wanda's"}),
    "organization.update_policies": lambda _: Case("/organization/policies", {"policies": "Wanda's"}),
    "organization.delete": lambda s: Case("/organization", {"name": s.name}),
    "user.update_self": lambda _: Case("/users/me", {"full_name": "Wanda Quixote", "preferences": {"lang": "es"}}),
    "user.administer": lambda s: Case(f"/users/{s.ann_id}", {"role": "admin"}),
    "user.delete": lambda s: Case(f"/users/{s.ann_id}"),
    "user.request_export": lambda _: Case("/users/me/export", headers={"Idempotency-Key": "held"}),
    "media.upload": lambda _: Case(
        "/media/upload",
        {"file_name": "n.txt", "content_type": "text/plain", "data_base64": "aGk="},
        headers={"Idempotency-Key": "held"},
    ),
    "media.upload_bytes": lambda _: Case(
        "/media/upload?file_name=n.txt", body=NOTE, headers={"Content-Type": "text/plain"}
    ),
    "media.announce": lambda _: Case(
        "/media/uploads",
        {"file_name": "n.txt", "content_type": "text/plain", "size": 2},
        headers={"Idempotency-Key": "held"},
    ),
    "media.complete": lambda s: Case(f"/media/uploads/{s.arrived['id']}/complete"),
    "media.cancel_upload": lambda s: Case(f"/media/uploads/{s.unwanted['id']}"),
    "media.delete": lambda s: Case(f"/media/items/{s.file['id']}"),
    # Whoever has the URL needs no token.
    "media.receive": lambda s: Case(_local(s.ticket["url"]), body=NOTE, headers=s.ticket["headers"], who=NOBODY),
    "media.keep_archive": lambda s: Case(
        f"/media/archives?org_id={s.org}&user_id={s.id}",
        body=ZIP,
        headers={"Content-Type": "application/zip"},
        who=service_auth("user"),
    ),
    "media.announce_import": lambda s: Case(
        "/media/imports",
        {"org_id": s.org, "user_id": s.id, "file_name": "watch.fit", "size": 2},
        who=service_auth("influx"),
    ),
    "imports.create": lambda _: Case("/imports", {"file_name": "watch.fit", "size": 2}),
    "imports.cancel": lambda s: Case(f"/imports/{s.waiting['id']}"),
    "alarm.acknowledge": lambda s: Case(f"/alarms/{s.alarm}/acknowledge", {"note": "seen"}),
    "alarm.note": lambda s: Case(f"/alarms/{s.alarm}/notes", {"note": "called"}),
    "alarm.close": lambda s: Case(f"/alarms/{s.alarm}/close", {"reason": "a loose strap"}),
    "alarm.create_channel": lambda s: Case(
        "/alarms/channels", {"name": "Ann", "kind": "email", "user_id": s.ann_id}, headers={"Idempotency-Key": "held"}
    ),
    "alarm.update_channel": lambda s: Case(f"/alarms/channels/{s.channel['id']}", {"language": "es"}),
    "alarm.verify_channel": lambda s: Case(f"/alarms/channels/{s.channel['id']}/verify", {"code": "K7QF2-9XRTM"}),
    "alarm.send_channel_code": lambda s: Case(f"/alarms/channels/{s.channel['id']}/code"),
    "alarm.test_channel": lambda s: Case(f"/alarms/channels/{s.channel['id']}/test"),
    "alarm.delete_channel": lambda s: Case(f"/alarms/channels/{s.spare['id']}"),
    "alarm.create_policy": lambda s: Case("/alarms/policies", s.new_policy(), headers={"Idempotency-Key": "held"}),
    "alarm.update_policy": lambda s: Case(f"/alarms/policies/{s.policy['id']}", {"details": True}),
    "alarm.delete_policy": lambda s: Case(f"/alarms/policies/{s.policy['id']}"),
    "alarm.create_silence": lambda _: Case("/alarms/silences", SILENCE, headers={"Idempotency-Key": "held"}),
    "alarm.end_silence": lambda s: Case(f"/alarms/silences/{s.silence['id']}"),
    "auth.send_alarm_email": lambda s: Case(
        "/auth/alarm-emails",
        {"id": str(uuid.uuid4()), "org_id": s.org, "user_id": s.id, "subject": "An alarm", "text": "Somebody called."},
        who=service_auth("alarm"),
    ),
    "alarm.create_rule": lambda _: Case("/alarms/rules", RULE, headers={"Idempotency-Key": "held"}),
    "alarm.add_default_rules": lambda _: Case("/alarms/rules/defaults"),
    "alarm.update_rule": lambda s: Case(f"/alarms/rules/{s.rule['id']}", {"enabled": True}),
    "alarm.delete_rule": lambda s: Case(f"/alarms/rules/{s.rule['id']}"),
    "timeseries.write": lambda s: Case(
        "/timeseries/write", {"bucket": f"org_{s.org}", "points": [{**POINT, "tags": {"user_id": str(s.id)}}]}
    ),
    "timeseries.write by key": lambda s: Case(
        "/timeseries/write",
        {"bucket": f"org_{s.org}", "points": [POINT]},
        who={"Authorization": f"Bearer {s.key['key']}"},
    ),
    "influxdb.write": lambda s: Case(
        f"/api/v2/write?bucket=org_{s.org}", body=f"heart_rate,user_id={s.id} bpm=1".encode()
    ),
    "influxdb.write_database": lambda s: Case(
        f"/write?db=org_{s.org}", body=f"heart_rate,user_id={s.id} bpm=1".encode()
    ),
    "timeseries.query": lambda s: Case(
        "/timeseries/query", {"bucket": f"org_{s.org}", "measurement": "heart_rate", **DAY}
    ),
    "timeseries.request_export": lambda s: Case("/timeseries/exports", {"bucket": f"org_{s.org}", **DAY}),
    "timeseries.latest": lambda s: Case("/timeseries/latest", {"bucket": f"org_{s.org}", "measurement": "heart_rate"}),
    "timeseries.summary": lambda s: Case(
        "/timeseries/summary", {"bucket": f"org_{s.org}", "day": "2026-03-01", "user_id": s.id}
    ),
    "timeseries.delete_points": lambda s: Case(
        "/timeseries/delete", {"bucket": f"org_{s.org}", "measurement": "heart_rate", **DAY}
    ),
    "timeseries.reset_field": lambda s: Case(f"/timeseries/fields?bucket=org_{s.org}&measurement=heart_rate&field=bpm"),
    "timeseries.create_bucket": lambda s: Case("/timeseries/buckets", {"bucket": f"org_{s.org}_late"}),
    "timeseries.delete_bucket": lambda s: Case(f"/timeseries/buckets/{s.bucket}"),
    "audit.record": lambda _: Case("/audit/events", REPORT),
}
"""The requests of each route of policy.toml that is no GET, by its id and, where there are several, a word more."""

READS = ("timeseries.query", "timeseries.latest", "timeseries.summary")
"""Routes that store nothing: their token is asked about again only when two seconds have passed."""


class Held:
    """A request on its way, whose last byte is still here."""

    def __init__(self, url: str, request: bytes) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._link = socket.create_connection((parts.hostname, parts.port or 80), timeout=30)
        self._last = request[-1:]
        self._link.sendall(request[:-1])

    def close(self) -> None:
        """Let go of the connection."""
        self._link.close()

    def end(self) -> int:
        """Send the last byte; the status of the answer. A server may have answered, and hung up, before."""
        with suppress(OSError):
            self._link.sendall(self._last)
        with self._link, HTTPResponse(self._link) as answer:
            answer.begin()
            return answer.status
