"""The endpoints that remove points."""

from typing import Protocol

from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import ErasureRequest, ErasureResult, PointsDelete
from heartguard_influx.deadlines import ANSWER_SECONDS
from heartguard_influx.deletion.usecases import Deletion
from heartguard_influx.errors import NO_BUCKET, NOT_YOURS, OWN_BUCKET, UNFINISHED


class UseCases(Protocol):
    """What the handlers call."""

    @property
    def deletion(self) -> Deletion:
        """Removes points and buckets."""


def delete_points(usecases: UseCases, call: Call[PointsDelete, NoQuery]) -> Answer[None]:
    """Delete the points of a time range."""
    usecases.deletion.delete_points(call.person, call.document)
    return Answer(None)


def delete_bucket(usecases: UseCases, call: EmptyCall) -> Answer[None]:
    """Delete a bucket with its points."""
    usecases.deletion.delete_bucket(call.person, call.params["bucket"])
    return Answer(None)


def erase_points(usecases: UseCases, call: Call[ErasureRequest, NoQuery]) -> Answer[ErasureResult]:
    """Erase the points of an organization, or of one member."""
    wanted = call.document
    removed, again_in = usecases.deletion.erase(call.person, wanted["org_id"], wanted.get("user_id"))
    document: ErasureResult = {"removed": removed}
    if again_in is not None:
        document["again_in"] = again_in
    return Answer(document)


ROUTES = (
    Route(
        "POST",
        "/timeseries/delete",
        delete_points,
        status=204,
        expensive=True,
        seconds=ANSWER_SECONDS,
        raises=(NO_BUCKET, NOT_YOURS),
    ),
    Route(
        "DELETE",
        "/timeseries/buckets/{bucket}",
        delete_bucket,
        status=204,
        expensive=True,
        seconds=ANSWER_SECONDS,
        raises=(NO_BUCKET, OWN_BUCKET, UNFINISHED),
    ),
    Route("POST", "/timeseries/erasures", erase_points, expensive=True, seconds=ANSWER_SECONDS, raises=(UNFINISHED,)),
)
