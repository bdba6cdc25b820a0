"""The endpoints that export and erase, for other services."""

from heartguard_alarm.usecases import UseCases
from heartguard_common.http import exports
from heartguard_common.http.routing import NDJSON, Answer, Call, NoQuery, Route, StreamAnswer
from heartguard_common.messages import ErasureRequest, ErasureResult, ExportQuery


def export_alarms(usecases: UseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """Export the alarms of a person, and what rules say about them.

    The answer is NDJSON, one line for each.
    """
    return exports.answer(usecases.personal_data.export(call.query["org_id"], call.query["user_id"]))


def erase_alarms(usecases: UseCases, call: Call[ErasureRequest, NoQuery]) -> Answer[ErasureResult]:
    """Erase the rules and alarms of an organization, or what is stored of one member."""
    wanted = call.document
    return Answer({"removed": usecases.personal_data.erase(call.person, wanted["org_id"], wanted.get("user_id"))})


ROUTES = (
    Route("GET", "/alarms/exports", export_alarms, offers=(NDJSON,), expensive=True),
    Route("POST", "/alarms/erasures", erase_alarms),
)
