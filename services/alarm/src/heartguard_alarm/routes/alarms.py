"""The endpoints of alarms."""

from collections.abc import Sequence
from uuid import UUID

from heartguard_alarm.documents import alarm_document as _document
from heartguard_alarm.domain.alarms import Alarm, Filter, HistoryEntry
from heartguard_alarm.domain.notifications import Notification
from heartguard_alarm.domain.samples import Sample
from heartguard_alarm.errors import NO_ALARM, WITHDRAWN
from heartguard_alarm.usecases import UseCases
from heartguard_common import messages
from heartguard_common.core.clock import parse_rfc3339, rfc3339
from heartguard_common.http import paging
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import (
    AlarmAcknowledgement,
    AlarmClosure,
    AlarmList,
    AlarmListQuery,
    AlarmNote,
    AlarmNotificationList,
    AlarmNotificationListQuery,
)
from heartguard_common.messages.alarm import NotificationDocument, TransitionDocument

NO_STORE = {"Cache-Control": "no-store"}


def list_alarms(usecases: UseCases, call: Call[None, AlarmListQuery]) -> Answer[AlarmList]:
    """List alarms, those that were found last first.

    A member with the role user gets their own. Withdrawn and merged ones are left out unless they are asked for.
    """
    asked = call.query
    limit = asked.get("limit", paging.DEFAULT_LIMIT)
    before = paging.decode_cursor(asked.get("cursor"), UUID)
    wanted = Filter(
        active=asked.get("active"),
        acknowledged=asked.get("acknowledged"),
        withdrawn=asked.get("withdrawn", False),
        person=asked.get("user_id"),
        rule_id=asked.get("rule_id"),
        severity=asked.get("severity"),
        since_ns=parse_rfc3339(asked["since"]) if "since" in asked else None,
        until_ns=parse_rfc3339(asked["until"]) if "until" in asked else None,
    )
    found = usecases.alarms.list(call.person, wanted, str(before[0]) if before else None, limit + 1)
    page = paging.page(found, limit, _document, lambda alarm: [alarm.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def read_alarm(usecases: UseCases, call: EmptyCall) -> Answer[messages.Alarm]:
    """Read an alarm with its history and the values behind it."""
    alarm, history, values = usecases.alarms.read(call.person, _id(call.params["alarm_id"]))
    document = _document(alarm)
    document["history"] = _history(history)
    document["values"] = [{"time": rfc3339(it.time_ns), "value": it.value} for it in _finite(values)]
    return Answer(document, headers=NO_STORE)


def acknowledge_alarm(usecases: UseCases, call: Call[AlarmAcknowledgement | None, NoQuery]) -> Answer[messages.Alarm]:
    """Acknowledge an alarm: somebody takes care of it.

    It stays active until the values are normal. Who has acknowledged it first stands in the alarm.
    """
    note = None if call.document is None else call.document.get("note")
    return _answer(usecases.alarms.acknowledge(call.person, _id(call.params["alarm_id"]), note))


def record_alarm_note(usecases: UseCases, call: Call[AlarmNote, NoQuery]) -> Answer[messages.Alarm]:
    """Add a note to the history of an alarm."""
    return _answer(usecases.alarms.note(call.person, _id(call.params["alarm_id"]), call.document["note"]))


def close_alarm(usecases: UseCases, call: Call[AlarmClosure, NoQuery]) -> Answer[messages.Alarm]:
    """Close an alarm with a reason.

    Its interval stays as the values make it.
    """
    return _answer(usecases.alarms.close(call.person, _id(call.params["alarm_id"]), call.document["reason"]))


def list_alarm_notifications(
    usecases: UseCases, call: Call[None, AlarmNotificationListQuery]
) -> Answer[AlarmNotificationList]:
    """List the messages about an alarm, and what became of them.

    By repeat, step and channel. What was silenced is there too.
    """
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(call.query.get("cursor"), int, int, UUID)
    position = None if after is None else (after[0], after[1], str(after[2]))
    found = usecases.alarms.notifications(call.person, _id(call.params["alarm_id"]), position, limit + 1)
    page = paging.page(found, limit, _notification, lambda it: [it.repeat, it.step, it.channel_id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def _notification(it: Notification) -> NotificationDocument:
    document: NotificationDocument = {
        "step": it.step,
        "repeat": it.repeat,
        "channel_id": it.channel_id,
        "service": it.service,
        "status": it.status,
        "at": rfc3339(it.at_ns),
        "attempts": it.attempts,
    }
    if it.error is not None:
        document["error"] = it.error
    if it.message_id is not None:
        document["message_id"] = it.message_id
    return document


def _id(text: str) -> str:
    return text.lower()


def _answer(alarm: Alarm) -> Answer[messages.Alarm]:
    return Answer(_document(alarm), headers=NO_STORE)


def _finite(values: Sequence[Sample]) -> Sequence[Sample]:
    return [it for it in values if abs(it.value) <= 1.7e308]


def _history(entries: Sequence[HistoryEntry]) -> list[TransitionDocument]:
    documents = []
    for entry in entries:
        document: TransitionDocument = {"kind": entry.kind, "at": rfc3339(entry.at_ns)}
        if entry.actor is not None:
            document["actor"] = entry.actor
        if entry.note is not None:
            document["note"] = entry.note
        documents.append(document)
    return documents


_OWN = (NO_ALARM, WITHDRAWN)
ROUTES = (
    Route("GET", "/alarms", list_alarms),
    Route("GET", "/alarms/{alarm_id}", read_alarm, expensive=True, raises=(NO_ALARM,)),
    Route("POST", "/alarms/{alarm_id}/acknowledge", acknowledge_alarm, idempotent=True, raises=_OWN),
    Route("POST", "/alarms/{alarm_id}/notes", record_alarm_note, idempotent=True, raises=_OWN),
    Route("POST", "/alarms/{alarm_id}/close", close_alarm, idempotent=True, raises=_OWN),
    Route("GET", "/alarms/{alarm_id}/notifications", list_alarm_notifications, raises=(NO_ALARM,)),
)
