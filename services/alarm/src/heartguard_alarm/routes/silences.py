"""The endpoints of silences."""

from uuid import UUID

from heartguard_alarm.domain.silences import Silence
from heartguard_alarm.errors import NO_SILENCE, UNSOUND
from heartguard_alarm.usecases import UseCases
from heartguard_common import messages
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import LIMIT_REACHED
from heartguard_common.http import paging
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import AlarmSilenceList, AlarmSilenceListQuery, AlarmSilenceRequest

NO_STORE = {"Cache-Control": "no-store"}


def create_alarm_silence(usecases: UseCases, call: Call[AlarmSilenceRequest, NoQuery]) -> Answer[messages.AlarmSilence]:
    """Silence alarms of a person, of a rule, or all of them.

    They are recorded, and nobody gets messages about them until the silence ends.
    """
    return Answer(_document(usecases.silences.create(call.person, call.document)), headers=NO_STORE)


def list_alarm_silences(usecases: UseCases, call: Call[None, AlarmSilenceListQuery]) -> Answer[AlarmSilenceList]:
    """List the silences that have not ended, newest first."""
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    before = paging.decode_cursor(call.query.get("cursor"), UUID)
    found = usecases.silences.list(call.person, str(before[0]) if before else None, limit + 1)
    page = paging.page(found, limit, _document, lambda silence: [silence.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def end_alarm_silence(usecases: UseCases, call: EmptyCall) -> Answer[None]:
    """End a silence now.

    What it held back is notified, where the alarm is still active and nobody has acknowledged it.
    """
    usecases.silences.end(call.person, call.params["silence_id"].lower())
    return Answer(None)


def _document(silence: Silence) -> messages.AlarmSilence:
    document: messages.AlarmSilence = {
        "id": silence.id,
        "reason": silence.reason,
        "starts_at": rfc3339(silence.starts_ns),
        "ends_at": rfc3339(silence.ends_ns),
        "created_by": silence.created_by,
        "created_at": rfc3339(silence.created_ns),
    }
    if silence.person is not None:
        document["user_id"] = silence.person
    if silence.rule_id is not None:
        document["rule_id"] = silence.rule_id
    return document


ROUTES = (
    Route(
        "POST",
        "/alarms/silences",
        create_alarm_silence,
        status=201,
        idempotent=True,
        raises=(UNSOUND, LIMIT_REACHED),
    ),
    Route("GET", "/alarms/silences", list_alarm_silences),
    Route("DELETE", "/alarms/silences/{silence_id}", end_alarm_silence, status=204, raises=(NO_SILENCE,)),
)
