"""The files of exports, which media keeps."""

from collections.abc import Iterable, Mapping

from heartguard_common.core.errors import ServiceCallError
from heartguard_common.messages import MediaDownload, MediaItem, SeriesExportFormat
from heartguard_common.stores.service_client import ServiceClient

TYPES: Mapping[SeriesExportFormat, str] = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


class MediaExportFiles:
    """See `ports.ExportFiles`."""

    def __init__(self, media: ServiceClient) -> None:
        self._media = media

    def keep(
        self, org_id: int, owner: int, about: int | None, kind: SeriesExportFormat, blocks: Iterable[bytes]
    ) -> str:
        """Store a file; returns its id."""
        whose = "" if about is None else f"&about={about}"
        target = f"/media/archives?org_id={org_id}&user_id={owner}&kind=series{whose}"
        return self._media.put(target, blocks, TYPES[kind], MediaItem)["id"]

    def url(self, file: str, org_id: int, owner: int) -> str | None:
        """A signed URL of a file; None when it is no longer kept."""
        try:
            answer = self._media.get(f"/media/archives/{file}?org_id={org_id}&user_id={owner}", MediaDownload)
        except ServiceCallError as error:
            if error.status == 404:
                return None
            raise
        return answer["url"]
