"""The endpoint that exports the points of a person."""

from typing import Protocol

from heartguard_common.http import exports
from heartguard_common.http.routing import NDJSON, Call, Route, StreamAnswer
from heartguard_common.messages import ExportQuery
from heartguard_influx.exports.usecases import Exporting


class UseCases(Protocol):
    """What the handlers call."""

    @property
    def exporting(self) -> Exporting:
        """Reads all points of one person."""


def export_points(usecases: UseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """Export the points of a person.

    The answer is NDJSON, one line for each point with the person's tag.
    """
    return exports.answer(usecases.exporting.export(call.query["org_id"], call.query["user_id"]))


ROUTES = (
    Route(
        "GET",
        "/timeseries/exports",
        export_points,
        offers=(NDJSON,),
        expensive=True,
    ),
)
