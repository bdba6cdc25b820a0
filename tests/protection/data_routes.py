"""The same for the routes of media, time series and audit."""

from urllib.parse import urlsplit

from tests.protection.callers import DAY, TICKET, Ask, Situation, asks


@asks("POST", "/media/upload")
def upload(_: Situation) -> Ask:
    note = {"file_name": "note.txt", "content_type": "text/plain", "data_base64": "aGk="}
    return Ask("/media/upload", "MediaUpload", note)


@asks("PUT", "/media/upload")
def upload_bytes(_: Situation) -> Ask:
    return Ask("/media/upload?file_name=note.txt", body=b"hi", headers={"Content-Type": "text/plain"})


@asks("POST", "/media/uploads")
def begin_upload(_: Situation) -> Ask:
    return Ask("/media/uploads", "UploadRequest", TICKET)


@asks("DELETE", "/media/uploads/{item_id}")
def cancel_upload(case: Situation) -> Ask:
    return Ask(f"/media/uploads/{case.thing('open upload', case.owner)}")


@asks("POST", "/media/uploads/{item_id}/complete")
def complete_upload(case: Situation) -> Ask:
    return Ask(f"/media/uploads/{case.thing('sent upload', case.owner)}/complete")


@asks("GET", "/media/items/{item_id}")
def read_item(case: Situation) -> Ask:
    return Ask(f"/media/items/{case.world.thing_of('media', case.owner)}")


@asks("GET", "/media/items/{item_id}/download")
def download_item(case: Situation) -> Ask:
    return Ask(f"/media/items/{case.world.thing_of('media', case.owner)}/download")


@asks("DELETE", "/media/items/{item_id}")
def delete_item(case: Situation) -> Ask:
    return Ask(f"/media/items/{case.thing('media', case.owner)}")


@asks("GET", "/media/content/{item_id}")
def read_content(case: Situation) -> Ask:
    return Ask(_signed_for_another(case))


@asks("PUT", "/media/content/{item_id}")
def put_content(case: Situation) -> Ask:
    return Ask(_signed_for_another(case), body=b"hi", headers={"Content-Type": "text/plain"})


def _signed_for_another(case: Situation) -> str:
    """The content of an item, under the signature of another item of the same person."""
    item, other = case.world.thing_of("media", case.owner), case.world.thing_of("signed media", case.owner)
    url = case.world.call("GET", f"/media/items/{other}/download", case.owner)["url"]
    return f"/media/content/{item}?{urlsplit(url).query}"


@asks("POST", "/timeseries/write")
def write(case: Situation) -> Ask:
    tags = {"user_id": str(case.owner.user_id)}
    point = {"measurement": "heart_rate", "tags": tags, "fields": {"bpm": 71}, "timestamp": "2026-03-01T12:00:00Z"}
    return Ask("/timeseries/write?atomic=true", "WriteRequest", {"bucket": f"org_{case.org_id}", "points": [point]})


for _path, _bucket in (("/api/v2/write", "bucket"), ("/write", "db")):

    @asks("POST", _path)
    def write_lines(case: Situation, path: str = _path, bucket: str = _bucket) -> Ask:
        body = f"heart_rate,user_id={case.owner.user_id} bpm=71 1772366400000000000"
        target = f"{path}?{bucket}=org_{case.org_id}"
        return Ask(target, body=body.encode(), headers={"Content-Type": "text/plain"})


@asks("POST", "/timeseries/exports", fresh=True)
def request_series_export(case: Situation) -> Ask:
    period = {"range_start": "2026-03-01T00:00:00Z", "range_stop": "2026-03-02T00:00:00Z"}
    document = {"bucket": f"org_{case.org_id}", "user_id": case.owner.user_id, **period}
    return Ask("/timeseries/exports", "SeriesExportRequest", document)


@asks("GET", "/timeseries/exports/{job_id}")
def read_series_export(_: Situation) -> Ask:
    return Ask("/timeseries/exports/0198c0de-0000-7000-8000-000000000000")


def about_points(path: str, message: str, **more: str) -> None:
    """A question about, or the removal of, somebody's heart rate."""

    @asks("POST", path)
    def ask(case: Situation) -> Ask:
        whose = {"tags": {"user_id": str(case.owner.user_id)}, "measurement": "heart_rate"}
        return Ask(path, message, {"bucket": f"org_{case.org_id}", **whose, **more})


about_points("/timeseries/query", "QueryRequest", **DAY)
about_points("/timeseries/latest", "LatestRequest")
about_points("/timeseries/delete", "PointsDelete", **DAY)


@asks("POST", "/timeseries/summary")
def summary(case: Situation) -> Ask:
    whose = {"bucket": f"org_{case.org_id}", "user_id": case.owner.user_id}
    return Ask("/timeseries/summary", "SummaryRequest", {**whose, "day": "2026-03-01"})


@asks("POST", "/timeseries/buckets")
def make_bucket(case: Situation) -> Ask:
    return Ask("/timeseries/buckets", "BucketRequest", {"bucket": f"org_{case.org_id}_b{case.world.number()}"})


@asks("DELETE", "/timeseries/buckets/{bucket}")
def delete_bucket(case: Situation) -> Ask:
    return Ask(f"/timeseries/buckets/{case.thing('bucket', case.admin)}")


@asks("GET", "/timeseries/fields")
def list_fields(case: Situation) -> Ask:
    return Ask(f"/timeseries/fields?bucket=org_{case.org_id}")


@asks("DELETE", "/timeseries/fields")
def reset_field(case: Situation) -> Ask:
    name = case.thing("emptied field", case.admin)
    return Ask(f"/timeseries/fields?bucket=org_{case.org_id}&measurement={name}&field=phase")


@asks("POST", "/audit/events")
def record(case: Situation) -> Ask:
    said = {"actor": f"user:{case.me.user_id}", "action": "portal.opened", "service": "portal"}
    return Ask("/audit/events", "AuditEventRequest", said)


@asks("GET", "/audit/events/{event_id}")
def read_event(case: Situation) -> Ask:
    return Ask(f"/audit/events/{case.world.thing_of('event', case.owner)}")


@asks("POST", "/imports")
def create_import(_: Situation) -> Ask:
    return Ask("/imports", "ImportRequest", {"file_name": "export.zip", "size": 2})


@asks("GET", "/imports/{import_id}")
def read_import(case: Situation) -> Ask:
    return Ask(f"/imports/{case.world.thing_of('import', case.owner)}")


@asks("DELETE", "/imports/{import_id}")
def cancel_import(case: Situation) -> Ask:
    return Ask(f"/imports/{case.thing('import', case.owner)}")
