"""What other services ask for: erasures, and the files and archives of a person whose data are exported."""

from heartguard_common import messages
from heartguard_common.core.errors import UNSUPPORTED_MEDIA_TYPE, ServiceError
from heartguard_common.http import exports
from heartguard_common.http.routing import ANY_TYPE, CSV, NDJSON, Answer, Call, NoQuery, Route, StreamAnswer, StreamCall
from heartguard_common.messages import ArchiveQuery, ErasureRequest, ErasureResult, ExportQuery, MediaDownload
from heartguard_media.domain.items import ArchiveContent, Scope
from heartguard_media.errors import CUT_SHORT, NO_ITEM
from heartguard_media.routes.answers import NO_STORE, blocks, document
from heartguard_media.usecases import MediaUseCases


def erase_files(media: MediaUseCases, call: Call[ErasureRequest, NoQuery]) -> Answer[ErasureResult]:
    """Erase the files of an organization, or of one member."""
    org_id, user_id = call.document["org_id"], call.document.get("user_id")
    archives = media.archives.erase(org_id, user_id)
    files, again_in = media.removal.erase(call.person, org_id, user_id)
    result: ErasureResult = {"removed": archives + files}
    if again_in is not None:
        result["again_in"] = again_in
    return Answer(result)


def export_files(media: MediaUseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """Export the metadata of a person's files.

    The answer is NDJSON, one line for each file.
    """
    return exports.answer(media.archives.records(*_whose(call)))


def export_file_content(media: MediaUseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """Export the bytes of one of a person's files."""
    item, content = media.archives.content(*_whose(call), call.params["item_id"])
    headers = {**NO_STORE, "Content-Length": str(item.size)}
    return StreamAnswer(content, item.content_type, headers=headers)


def keep_archive(media: MediaUseCases, call: StreamCall[ArchiveQuery]) -> Answer[messages.MediaItem]:
    """Keep an archive of a person's data for 7 days, or a file of points for one."""
    query, content_type = call.query, call.body_type or ""
    kind = query.get("kind", "person")
    if (content_type == _ZIP) is not (kind == "person"):
        raise ServiceError(UNSUPPORTED_MEDIA_TYPE)
    content = ArchiveContent(kind, content_type, query.get("about"))
    owner = Scope(query["org_id"], query["user_id"])
    return Answer(document(media.archives.keep(owner, content, blocks(call.stream))), headers=NO_STORE)


def read_archive(media: MediaUseCases, call: Call[None, ExportQuery]) -> Answer[MediaDownload]:
    """Get a signed URL of the archive of a person's data."""
    url, expires_at = media.reading.link(media.archives.find(*_whose(call), call.params["item_id"]))
    return Answer({"url": url, "expires_at": expires_at}, headers=NO_STORE)


def _whose(call: Call[None, ExportQuery]) -> tuple[int, int]:
    return call.query["org_id"], call.query["user_id"]


_ZIP = "application/zip"
ROUTES = (
    Route("GET", "/media/exports", export_files, offers=(NDJSON,)),
    Route("GET", "/media/exports/{item_id}", export_file_content, offers=ANY_TYPE, raises=(NO_ITEM,)),
    Route(
        "PUT",
        "/media/archives",
        keep_archive,
        status=201,
        accepts=(_ZIP, CSV, "application/vnd.apache.parquet"),
        raises=(NO_ITEM, CUT_SHORT),
    ),
    Route("GET", "/media/archives/{item_id}", read_archive, raises=(NO_ITEM,)),
    Route("POST", "/media/erasures", erase_files),
)
