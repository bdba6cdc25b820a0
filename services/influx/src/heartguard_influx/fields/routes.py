"""The endpoints of the types of fields."""

from typing import Protocol

from heartguard_common.http import paging
from heartguard_common.http.routing import Answer, Call, Route
from heartguard_common.messages import FieldList, FieldListQuery, FieldResetQuery, TypedFieldDocument
from heartguard_influx.deadlines import ANSWER_SECONDS
from heartguard_influx.errors import FIELD_STORED, NO_BUCKET, NO_FIELD
from heartguard_influx.fields.domain import TypedField
from heartguard_influx.fields.usecases import Fields
from heartguard_influx.measurements.domain import NUMBERS


class UseCases(Protocol):
    """What the handlers call."""

    @property
    def fields(self) -> Fields:
        """Lists and resets the types of fields."""


def list_fields(usecases: UseCases, call: Call[None, FieldListQuery]) -> Answer[FieldList]:
    """List the fields of a bucket and their types."""
    wanted = call.query
    limit = wanted.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(wanted.get("cursor"), int) or [0]
    found = usecases.fields.list(call.person, wanted["bucket"], wanted.get("measurement"), after[0], limit + 1)
    page = paging.page(found, limit, _document, lambda field: [field.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor})


def reset_field(usecases: UseCases, call: Call[None, FieldResetQuery]) -> Answer[None]:
    """Reset the type of a field without points.

    The next value that is stored sets the type again.
    """
    usecases.fields.reset(call.person, call.query["bucket"], call.query["measurement"], call.query["field"])
    return Answer(None)


def _document(field: TypedField) -> TypedFieldDocument:
    """A field of a FieldList."""
    fixed = (field.measurement, field.name) in NUMBERS
    return {"measurement": field.measurement, "field": field.name, "type": field.type, "fixed": fixed}


ROUTES = (
    Route("GET", "/timeseries/fields", list_fields, raises=(NO_BUCKET,)),
    Route(
        "DELETE",
        "/timeseries/fields",
        reset_field,
        status=204,
        expensive=True,
        seconds=ANSWER_SECONDS,
        raises=(NO_BUCKET, FIELD_STORED, NO_FIELD),
    ),
)
