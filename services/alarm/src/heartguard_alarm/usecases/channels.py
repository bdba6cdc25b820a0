"""Channels: making, verifying, testing and deleting them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from heartguard_alarm.domain.channels import Channel, Target, hashed_code, masked_address, new_code
from heartguard_alarm.domain.notifications import Templates, channel_test_text, code_text
from heartguard_alarm.errors import IN_USE, NO_CHANNEL, NOT_SENT, UNSOUND, UNVERIFIED, WRONG_CODE
from heartguard_alarm.ports import Channels, EmailSender, People, Policies, ServiceSender, UnacceptableUrl
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import FORBIDDEN, ServiceCallError, ServiceError, Violation
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limits import Limits, require
from heartguard_common.core.retry import AttemptError
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.messages import AlarmChannelRequest, AlarmChannelTest, AlarmChannelUpdate

LIMIT = "alarm_channels"
TESTS = "alarm_channel_tests_per_day"


class ChannelUseCases:
    """The channels of the organization of `principal`."""

    def __init__(
        self,
        channels: Channels,
        policies: Policies,
        people: People,
        *,
        emails: EmailSender,
        services: ServiceSender,
        templates: Templates,
        authority: Authority,
        limits: Limits,
        audit: AuditTrail,
        transaction: Transaction,
        clock: Clock,
    ) -> None:
        self._channels = channels
        self._policies = policies
        self._people = people
        self._emails = emails
        self._services = services
        self._templates = templates
        self._authority = authority
        self._limits = limits
        self._audit = audit
        self._transaction = transaction
        self._clock = clock

    def list(self, principal: Principal, after: str | None, limit: int) -> Sequence[Channel]:
        """Up to `limit` channels behind the id `after`, oldest first."""
        return self._channels.list(_own(principal), after, limit)

    def read(self, principal: Principal, channel_id: str) -> Channel:
        """A channel. Raises ALARM_010."""
        return _existing(self._channels.find(_own(principal), channel_id))

    def create(self, principal: Principal, asked: AlarmChannelRequest) -> Channel:
        """A new channel; to an address a code is sent, and nothing else before it is verified.

        Raises ALARM_014 for a target that can't be used, GEN_409_LIMIT when the organization has no room for it, and
        where the code can't be sent ALARM_016 or GEN_502; then there is no channel.
        """
        org_id, target = _own(principal), self._target(asked)
        code = new_code() if asked["kind"] == "email" and target.text is not None else None
        now_ns = self._clock.now_ns()
        channel = Channel(
            org_id,
            uuid7(self._clock),
            asked["name"],
            asked["kind"],
            target.service,
            target.user_id,
            target.shown,
            asked.get("language", "en"),
            now_ns,
            principal.actor,
            now_ns if code is None else None,
        )
        with self._transaction():
            others = () if target.user_id is None else (target.user_id,)
            self._authority.require_actor(principal, others=others)
            if target.user_id is not None and not self._people.is_member(org_id, target.user_id):
                raise _unsound(Violation("/user_id", "is no member of the organization"))
            self._limits.lock(org_id, LIMIT)
            require(self._limits, org_id, LIMIT, self._channels.count(org_id))
            self._channels.add(channel, target, None if code is None else hashed_code(channel.id, code))
            self._record(principal, "alarm.create_channel", channel)
        if code is not None:
            try:
                self._send_code(channel.id, channel, target.text or "", code)
            except ServiceError:
                with self._transaction():
                    self._channels.delete(channel)
                    self._record(principal, "alarm.delete_channel", channel)
                raise
        return channel

    def update(
        self, principal: Principal, channel_id: str, changes: AlarmChannelUpdate, check: Callable[[Channel], None]
    ) -> Channel:
        """Change name and language of a channel, after calling `check` with the present state. Raises ALARM_010."""
        with self._transaction():
            self._authority.require_actor(principal)
            channel = _existing(self._channels.find(_own(principal), channel_id, lock=True))
            check(channel)
            name, language = changes.get("name", channel.name), changes.get("language", channel.language)
            changed = replace(channel, name=name, language=language)
            if changed != channel:
                self._channels.change(changed)
                self._record(principal, "alarm.update_channel", changed)
        return changed

    def verify(self, principal: Principal, channel_id: str, code: str) -> Channel:
        """Have messages sent to an address whose owner has given the code. Raises ALARM_010, ALARM_015."""
        with self._transaction():
            self._authority.require_actor(principal)
            channel = _existing(self._channels.find(_own(principal), channel_id, lock=True))
            if channel.verified_ns is not None:
                return channel
            sent, now_ns = self._channels.code(channel), self._clock.now_ns()
            if sent is not None and sent.accepts(channel.id, code, now_ns):
                self._channels.verified(channel, now_ns)
                self._record(principal, "alarm.verify_channel", channel)
                return replace(channel, verified_ns=now_ns)
            self._channels.guessed(channel)
        raise ServiceError(WRONG_CODE)

    def send_code(self, principal: Principal, channel_id: str) -> Channel:
        """Send a new code to an address that is not verified; the code before is not accepted any more.

        A channel that needs no code stays as it is. Raises ALARM_010, ALARM_016 or GEN_502 where the code can't be
        sent, GEN_429_LIMIT after too many messages in a day.
        """
        with self._transaction():
            self._authority.require_actor(principal)
            channel = _existing(self._channels.find(_own(principal), channel_id, lock=True))
            if channel.verified_ns is not None:
                return channel
            self._limits.take(channel.org_id, TESTS)
            code = new_code()
            self._channels.replace_code(channel, hashed_code(channel.id, code), self._clock.now_ns())
            address = self._channels.target(channel)
            self._record(principal, "alarm.send_channel_code", channel)
        self._send_code(uuid7(self._clock), channel, address, code)
        return channel

    def test(self, principal: Principal, channel_id: str) -> AlarmChannelTest:
        """Send a message that tries a channel; one by e-mail may still wait.

        Raises ALARM_010, ALARM_017, GEN_429_LIMIT after too many in a day, GEN_502 without the auth service.
        """
        with self._transaction():
            self._authority.require_actor(principal)
            channel = _existing(self._channels.find(_own(principal), channel_id))
            if channel.verified_ns is None:
                raise ServiceError(UNVERIFIED)
            self._limits.take(channel.org_id, TESTS)
            self._record(principal, "alarm.test_channel", channel)
        text = channel_test_text(self._templates, self._channels.language(channel), channel.name)
        try:
            if channel.kind == "apprise":
                self._services.send(self._channels.target(channel), text)
                return {"status": "sent"}
            to = self._channels.target(channel) if channel.user_id is None else channel.user_id
        except AttemptError as error:
            return {"status": "failed", "error": error.reason}
        try:
            state = self._emails.send(uuid7(self._clock), channel.org_id, to, text)
        except ServiceCallError as error:
            if error.permanent:
                return {"status": "failed", "error": "the recipient is no active member of the organization"}
            raise
        found: AlarmChannelTest = {"status": state["status"]}
        if "error" in state:
            found["error"] = state["error"]
        return found

    def delete(self, principal: Principal, channel_id: str) -> None:
        """Delete a channel. Raises ALARM_010, ALARM_013 while a policy has it."""
        with self._transaction():
            self._authority.require_actor(principal)
            channel = _existing(self._channels.find(_own(principal), channel_id, lock=True))
            if self._policies.using(channel.org_id, channel.id):
                raise ServiceError(IN_USE)
            self._channels.delete(channel)
            self._record(principal, "alarm.delete_channel", channel)

    def _target(self, asked: AlarmChannelRequest) -> Target:
        """Where a channel leads to. Raises ALARM_014."""
        wanted = ("url",) if asked["kind"] == "apprise" else ("user_id", "address")
        given = [name for name in ("user_id", "address", "url") if name in asked]
        if len(given) != 1 or given[0] not in wanted:
            raise _unsound(Violation("", f"must have exactly one of {', '.join(wanted)}, and no other target"))
        if "url" in asked:
            try:
                return self._services.accept(asked["url"])
            except UnacceptableUrl as error:
                raise _unsound(Violation("/url", str(error))) from None
        if "address" in asked:
            return Target("email", masked_address(asked["address"]), text=asked["address"])
        user_id = asked.get("user_id")
        return Target("email", f"user:{user_id}", user_id=user_id)

    def _send_code(self, message_id: str, channel: Channel, address: str, code: str) -> None:
        text = code_text(self._templates, channel.language, code)
        if self._emails.send(message_id, channel.org_id, address, text, verifies=True)["status"] == "failed":
            raise ServiceError(NOT_SENT)

    def _record(self, principal: Principal, action: str, channel: Channel) -> None:
        payload = {"kind": channel.kind, "service": channel.service}
        self._audit.changed(
            principal, action, f"alarm_channel:{channel.id}", org_id=channel.org_id, payload={**payload}
        )


def _unsound(violation: Violation) -> ServiceError:
    return ServiceError(UNSOUND, details=(violation,))


def _own(principal: Principal) -> int:
    if principal.org_id is None:
        raise ServiceError(FORBIDDEN)
    return principal.org_id


def _existing(channel: Channel | None) -> Channel:
    if channel is None:
        raise ServiceError(NO_CHANNEL)
    return channel
