"""The files of imports, for the influx service."""

from heartguard_common.core.errors import LIMIT_REACHED
from heartguard_common.http.routing import ANY_TYPE, Answer, Call, NoQuery, Route, StreamAnswer
from heartguard_common.messages import ExportQuery, ImportUpload, UploadTicket
from heartguard_media.errors import NO_ITEM, NOT_ARRIVED, OVER_QUOTA, TOO_LARGE
from heartguard_media.routes.answers import NO_STORE
from heartguard_media.usecases import MediaUseCases


def announce_import_file(media: MediaUseCases, call: Call[ImportUpload, NoQuery]) -> Answer[UploadTicket]:
    """Announce the file of an import and get a URL for its bytes."""
    sent = call.document
    item, ticket, expires_at = media.imports.announce(
        sent["org_id"], sent["user_id"], sent["file_name"], sent["size"], direct=sent.get("direct", True)
    )
    document: UploadTicket = {
        "id": item.id,
        "url": ticket.url,
        "method": "PUT",
        "headers": dict(ticket.headers),
        "expires_at": expires_at,
    }
    return Answer(document, headers=NO_STORE)


def read_import_file(media: MediaUseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """Read the bytes of the file of an import."""
    whose = call.query["org_id"], call.query["user_id"]
    item, content = media.imports.content(*whose, call.params["item_id"])
    return StreamAnswer(content, item.content_type, headers={**NO_STORE, "Content-Length": str(item.size)})


def delete_import_file(media: MediaUseCases, call: Call[None, ExportQuery]) -> Answer[None]:
    """Delete the file of an import."""
    media.imports.remove(call.query["org_id"], call.query["user_id"], call.params["item_id"])
    return Answer(None)


ROUTES = (
    Route(
        "POST",
        "/media/imports",
        announce_import_file,
        status=201,
        raises=(NO_ITEM, TOO_LARGE, OVER_QUOTA, LIMIT_REACHED),
    ),
    Route("GET", "/media/imports/{item_id}", read_import_file, offers=ANY_TYPE, raises=(NO_ITEM, NOT_ARRIVED)),
    Route("DELETE", "/media/imports/{item_id}", delete_import_file, status=204),
)
