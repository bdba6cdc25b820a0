"""The endpoints of imports."""

from typing import Protocol
from uuid import UUID

from heartguard_common import messages
from heartguard_common.core.errors import LIMIT_FOR_NOW, LIMIT_REACHED, NOT_FOUND
from heartguard_common.http import paging
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import ImportList, ImportListQuery, ImportRequest, ImportTicket
from heartguard_influx.errors import (
    IMPORT_ENDED,
    NO_BUCKET,
    NO_IMPORT,
    NO_ROOM_FOR_FILE,
    NOT_YOURS,
    TOO_LARGE_TO_IMPORT,
)
from heartguard_influx.imports import documents
from heartguard_influx.imports.usecases import Importing

NO_STORE = {"Cache-Control": "no-store"}


class UseCases(Protocol):
    """What the handlers call."""

    @property
    def importing(self) -> Importing:
        """Asks for imports, lists and cancels them."""


def create_import(usecases: UseCases, call: Call[ImportRequest, NoQuery]) -> Answer[ImportTicket]:
    """Import a file that a device or a health app has exported.

    The answer says where to send the bytes of the file; then a job reads it and stores its points. Importing a file
    once more changes nothing: its points have the same series and times.
    """
    ticket = usecases.importing.announce(call.person, call.document)
    return Answer(documents.ticket_of(ticket), headers=NO_STORE)


def list_imports(usecases: UseCases, call: Call[None, ImportListQuery]) -> Answer[ImportList]:
    """List the imports.

    Newest first, those of the last 30 days; members see their own.
    """
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    cursor = paging.decode_cursor(call.query.get("cursor"), UUID)
    before = cursor[0] if cursor else None
    found = usecases.importing.list(call.person, call.query.get("user_id"), before, limit + 1)
    page = paging.page(found, limit, documents.import_of, lambda it: [it.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def read_import(usecases: UseCases, call: EmptyCall) -> Answer[messages.Import]:
    """Read how far an import has come."""
    found = usecases.importing.find(call.person, call.params["import_id"].lower())
    return Answer(documents.import_of(found), headers=NO_STORE)


def cancel_import(usecases: UseCases, call: EmptyCall) -> Answer[None]:
    """Cancel an import.

    What it has stored stays; its file is removed.
    """
    usecases.importing.cancel(call.person, call.params["import_id"].lower())
    return Answer(None)


ROUTES = (
    Route(
        "POST",
        "/imports",
        create_import,
        status=201,
        idempotent=True,
        raises=(
            *(NO_BUCKET, NOT_YOURS, NOT_FOUND, TOO_LARGE_TO_IMPORT, NO_ROOM_FOR_FILE),
            *(LIMIT_REACHED, LIMIT_FOR_NOW),
        ),
    ),
    Route("GET", "/imports", list_imports, raises=(NOT_YOURS,)),
    Route("GET", "/imports/{import_id}", read_import, raises=(NO_IMPORT,)),
    Route("DELETE", "/imports/{import_id}", cancel_import, status=204, raises=(NO_IMPORT, IMPORT_ENDED)),
)
