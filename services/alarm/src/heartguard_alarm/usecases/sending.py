"""Sends messages about alarms in the background, and tells by another channel where one fails."""

import logging
from collections.abc import Sequence
from functools import partial

from heartguard_alarm.domain.channels import Channel
from heartguard_alarm.domain.local_times import NANOSECONDS
from heartguard_alarm.domain.notifications import (
    Entry,
    Message,
    Subject,
    Templates,
    Text,
    alarm_text,
    details_of,
    report_text,
)
from heartguard_alarm.ports import Changes, EmailSender, ServiceSender
from heartguard_alarm.usecases.escalating import HOUR_NS, IDLE_SECONDS, NotificationStores
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import ServiceCallError
from heartguard_common.core.retry import AttemptError, RetryPolicy, reason_of
from heartguard_common.core.transactions import Transaction
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_common.jobs.items import ItemRunner
from heartguard_common.messages import AlarmEmailState, Payload

QUEUE = "messages"
# 15 s, 30 s, 1, 2 and 4 minutes: a service that takes no message is given up after about eight minutes.
RETRY = RetryPolicy(max_attempts=6, first_delay=15.0, longest_delay=240.0)
# Another channel reports a message that waits longer, while it goes on being tried.
LATE_NS = 300 * NANOSECONDS
OUTAGE_NS = 10 * NANOSECONDS
_log = logging.getLogger("heartguard.alarm")


class Sending:
    """Sends one message after the other; those that fail are tried again later and delay no other."""

    def __init__(
        self,
        stores: NotificationStores,
        points: Changes,
        *,
        emails: EmailSender,
        services: ServiceSender,
        templates: Templates,
        public_url: str,
        dead_letters: DeadLetterStore,
        audit: AuditTrail,
        transaction: Transaction,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._points = points
        self._emails = emails
        self._services = services
        self._templates = templates
        self._public_url = public_url.rstrip("/")
        self._audit = audit
        self._transaction = transaction
        self._clock = clock
        self._items = ItemRunner(dead_letters, QUEUE, RETRY, outages=(ServiceCallError,))

    def step(self) -> float:
        """Send the message that is due longest; returns the seconds until the next call.

        Raises `ServiceCallError` while the auth service, which sends e-mails, does not answer.
        """
        message = self._stores.messages.claim(self._clock.now_ns())
        if message is None:
            return IDLE_SECONDS
        work = _Attempt(partial(self._deliver, message))
        try:
            self._items.attempt(message.id, work.run, message.org_id, postpone=partial(self._failed, message, work))
        except ServiceCallError as error:
            with self._transaction():
                self._wait(message, OUTAGE_NS, message.attempts, reason_of(error))
            raise
        return 0.0

    def _deliver(self, message: Message) -> None:
        channel = self._stores.channels.find(message.org_id, message.channel_id)
        if channel is None:
            raise AttemptError("the channel was deleted", permanent=True)
        subjects = self._news(message)
        if not subjects:
            self._ended(message, (), sent=False)
        elif channel.kind == "email":
            self._send_email(message, channel, subjects)
        else:
            self._services.send(self._stores.channels.target(channel), self._text(message, channel, subjects))
            self._ended(message, subjects, sent=True)

    def _news(self, message: Message) -> Sequence[Subject]:
        """The alarms that people are still to be notified of; the others are taken out of the message."""
        subjects = self._stores.messages.subjects(message)
        old = [it.episode_id for it in subjects if it.ended is not None]
        if message.handed_over or not old:
            return subjects
        if message.reports is None:
            self._stores.messages.cancel(message, old)
        return [it for it in subjects if it.ended is None]

    def _send_email(self, message: Message, channel: Channel, subjects: Sequence[Subject]) -> None:
        """Hand an e-mail to the outbox of the auth service, or ask what has become of it."""
        to = self._stores.channels.target(channel) if channel.user_id is None else channel.user_id
        text = self._text(message, channel, subjects)
        state = self._call(message, to, text)
        if state["status"] == "failed":
            raise AttemptError(state.get("error", "the e-mail was not sent"), permanent=True)
        if state["status"] == "sent":
            self._ended(message, subjects, sent=True)
            return
        age_ns = self._clock.now_ns() - message.created_ns
        with self._transaction():
            self._wait(
                message,
                min(max(age_ns // 4, NANOSECONDS), 60 * NANOSECONDS),
                state["attempts"],
                state.get("error"),
                handed_over=True,
            )
            self._items.succeeded(message.id)

    def _call(self, message: Message, to: int | str, text: Text) -> AlarmEmailState:
        try:
            return self._emails.send(message.id, message.org_id, to, text)
        except ServiceCallError as error:
            if error.permanent:
                raise AttemptError(
                    _REFUSALS.get(error.code or "", "the auth service refuses the e-mail"), permanent=True
                ) from error
            raise

    def _ended(self, message: Message, subjects: Sequence[Subject], *, sent: bool) -> None:
        now_ns = self._clock.now_ns()
        with self._transaction():
            self._stores.messages.end(message, "sent" if sent else "cancelled", now_ns, message.attempts, None)
            self._items.succeeded(message.id)
            for it in subjects:
                payload: Payload = {"channel": message.channel_id, "message": message.id, "user": it.person}
                name = f"alarm:{it.episode_id}"
                self._audit.changed(None, "alarm.notified", name, org_id=message.org_id, payload=payload)

    def _failed(self, message: Message, attempt: "_Attempt", due_ns: int | None) -> None:
        """Store that an attempt has failed, in the transaction that counts it."""
        attempts = message.attempts + 1
        if due_ns is None:
            self._stores.messages.end(message, "failed", self._clock.now_ns(), attempts, attempt.reason)
            self._report(message)
        else:
            self._wait(message, due_ns - self._clock.now_ns(), attempts, attempt.reason)

    def _wait(
        self, message: Message, delay_ns: int, attempts: int, error: str | None, *, handed_over: bool = False
    ) -> None:
        now_ns = self._clock.now_ns()
        self._stores.messages.postpone(message, now_ns + delay_ns, attempts, error, handed_over=handed_over)
        if now_ns - message.created_ns > LATE_NS:
            self._report(message)

    def _report(self, message: Message) -> None:
        """Tell by another channel of the policy that a message was not sent; once an hour for a channel."""
        since_ns = self._clock.now_ns() - HOUR_NS
        if message.reports is not None or message.reported:
            return
        if self._stores.messages.reported_since(message.org_id, message.channel_id, since_ns):
            return
        policy = self._stores.policies.find(message.org_id, message.policy_id)
        found = [self._stores.channels.find(message.org_id, it) for it in policy.channels] if policy else []
        failing = self._stores.channels.find(message.org_id, message.channel_id)
        others = [it for it in found if it is not None and it.id != message.channel_id and it.verified_ns is not None]
        # What makes one e-mail fail may make the next one fail too.
        others.sort(key=lambda it: failing is not None and it.service == failing.service)
        if others:
            self._stores.messages.report(message, others[0], self._clock.now_ns())
        else:
            _log.error("the message %s is not sent, and there is no other channel that could tell of it", message.id)

    def _text(self, message: Message, channel: Channel, subjects: Sequence[Subject]) -> Text:
        language = self._stores.channels.language(channel)
        entries = [
            Entry(it.severity, f"{self._public_url}/portal/#/alarms/{it.episode_id}", self._details(message, it))
            for it in subjects
        ]
        if message.reports is None:
            return alarm_text(self._templates, language, entries)
        name = self._stores.messages.reported_channel(message)
        return report_text(self._templates, language, name, entries)

    def _details(self, message: Message, subject: Subject) -> str | None:
        """Whom an alarm is about, with the value that raised it, where the policy wants that."""
        if not message.details:
            return None
        measurement, field = subject.settings["measurement"], subject.settings["field"]
        bounds = subject.raised_ns, subject.raised_ns + 1
        try:
            pages = self._points.readings(message.org_id, subject.person, measurement, *bounds)
            values = [it.values[field] for page in pages for it in page if field in it.values]
        except ServiceCallError:
            values = []  # a message without the value is better than none
        return details_of(subject, values[0] if values else None)


_REFUSALS = {"AUTH_085": "the recipient is no active member of the organization"}


class _Attempt:
    """An attempt, and why it failed."""

    def __init__(self, work: partial[None]) -> None:
        self._work = work
        self.reason = ""

    def run(self) -> None:
        """Work; keeps the reason of a failure. Raises as the work."""
        try:
            self._work()
        except Exception as error:
            self.reason = reason_of(error)
            raise
