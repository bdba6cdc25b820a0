"""What a change or the end of a membership means for the API keys that the person is responsible for."""

from collections.abc import Iterator
from dataclasses import replace

from heartguard_auth.api_keys.domain import ADOPTION_DAYS, DAY_NS, MAKERS
from heartguard_auth.api_keys.ports import StoredKeys
from heartguard_auth.api_keys.usecases.versions import EndVersions, VersionRevocation
from heartguard_auth.mail.domain import render_email
from heartguard_auth.mail.ports import Outbox
from heartguard_auth.shared.ports import CommonPorts, Rules
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limits import LimitError
from heartguard_common.http.exports import Record
from heartguard_common.identity.api_key import DEVICE
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import Role


class MemberKeys:
    """The keys of members: called in the transaction that changes the membership."""

    def __init__(
        self, rules: Rules, common: CommonPorts, *, keys: StoredKeys, revocation: VersionRevocation, outbox: Outbox
    ) -> None:
        self._rules = rules
        self._common = common
        self._keys = keys
        self.revocation = revocation
        self._outbox = outbox

    def changed(self, org_id: int, user_id: int, end: EndVersions) -> None:
        """The role or activity of a member has changed: their keys are looked up again, with the new rights."""
        for key in self._keys.of_person(org_id, user_id):
            self._keys.replace(replace(key, version=uuid7(self._common.clock)))
            end([key.version], "membership")

    def left(self, actor: Principal, org_id: int, user_id: int, role: Role, end: EndVersions) -> None:
        """A member has left: device keys end; admins have seven days to adopt integration keys, and get an e-mail."""
        waiting = []
        for key in self._keys.of_person(org_id, user_id):
            end([key.version], "erasure")
            if key.kind == DEVICE or key.adopt_before is not None or role not in MAKERS:
                self._remove(actor, org_id, key.id)
            else:
                until = self._common.clock.now_ns() + ADOPTION_DAYS * DAY_NS
                version = uuid7(self._common.clock)
                self._keys.replace(replace(key, version=version, adopt_before=until, kept_role=role))
                self._common.audit.changed(
                    actor,
                    "auth.api_key_orphaned",
                    f"api_key:{key.id}",
                    org_id=org_id,
                    payload={"adopt_before": rfc3339(until)},
                )
                waiting.append(key.name)
        if waiting:
            self._ask_admins(org_id, user_id, waiting)

    def ended(self, actor: Principal, org_id: int, user_id: int | None, end: EndVersions) -> None:
        """A member or organization is erased: nothing but integration keys that can be adopted may be left."""
        for key in self._keys.of_person(org_id, user_id):
            if user_id is None or key.adopt_before is None:
                end([key.version], "erasure")
                self._remove(actor, org_id, key.id)

    def export(self, org_id: int, user_id: int) -> Iterator[Record]:
        """What is stored of the keys that a person is responsible for, without digests."""
        for key in self._keys.page(org_id, user_id, None, None):
            times = ("created_at", "expires_at", "last_used_at")
            values: dict[str, object] = {name: getattr(key, name) for name in ("id", "kind", "name", "hint")}
            values["last_used_address"] = key.last_used_address
            yield "api_key", values | {name: _text(getattr(key, name)) for name in times}

    def _remove(self, actor: Principal, org_id: int, key_id: str) -> None:
        self._keys.delete(org_id, key_id)
        self._common.audit.changed(actor, "auth.api_key_ended", f"api_key:{key_id}", org_id=org_id)

    def _ask_admins(self, org_id: int, user_id: int, names: list[str]) -> None:
        """Ask the admins to adopt keys. The leaving of a member does not depend on how many e-mails may be sent."""
        listed = "\n".join(f"    {name}" for name in names)
        for admin_id, address in self._keys.admins(org_id):
            if admin_id == user_id:
                continue
            text = render_email(
                self._rules.email_templates["adopt_keys"], address, keys=listed, days=ADOPTION_DAYS, person=user_id
            )
            try:
                self._outbox.enqueue(text.to, text.subject, text.text, org_id=org_id, sender=admin_id)
            except LimitError:
                return


def _text(time_ns: int | None) -> str | None:
    return None if time_ns is None else rfc3339(time_ns)
