"""Alarms as documents of the contract."""

from heartguard_alarm.domain.alarms import Alarm, HistoryEntry
from heartguard_common import messages
from heartguard_common.core.clock import rfc3339


def alarm_document(alarm: Alarm) -> messages.Alarm:
    """An alarm without its history and the values behind it."""
    asked = alarm.settings
    document: messages.Alarm = {
        "id": alarm.id,
        "rule_id": alarm.rule_id,
        "rule_version": alarm.version,
        "rule_name": asked["name"],
        "user_id": alarm.person,
        "measurement": asked["measurement"],
        "field": asked["field"],
        "condition": asked["condition"],
        "severity": alarm.severity,
        "start": rfc3339(alarm.start_ns),
        "raised_at": rfc3339(alarm.raised_ns),
        "active": alarm.end_ns is None,
        "acknowledged": alarm.acknowledged_ns is not None,
        "closed": alarm.closed_ns is not None,
        "retrospective": alarm.retrospective,
        "withdrawn": alarm.withdrawn,
        "found_at": rfc3339(alarm.found_ns),
    }
    if alarm.end_ns is not None:
        document["end"] = rfc3339(alarm.end_ns)
    if alarm.acknowledged_ns is not None and alarm.acknowledged_by is not None:
        document |= {"acknowledged_at": rfc3339(alarm.acknowledged_ns), "acknowledged_by": alarm.acknowledged_by}
    if alarm.closed_ns is not None and alarm.closed_by is not None:
        document |= {"closed_at": rfc3339(alarm.closed_ns), "closed_by": alarm.closed_by}
    if alarm.merged_into is not None:
        document["merged_into"] = alarm.merged_into
    return document


def stream_document(alarm: Alarm, entry: HistoryEntry) -> messages.StreamAlarm:
    """What live streams show of an entry of the alarm's history."""
    document: messages.StreamAlarm = {
        "number": entry.number,
        "kind": entry.kind,
        "at": rfc3339(entry.at_ns),
        "alarm": alarm_document(alarm),
    }
    if entry.actor is not None:
        document["actor"] = entry.actor
    if entry.note is not None:
        document["note"] = entry.note
    return document
