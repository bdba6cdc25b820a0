"""Registers, logs in, writes, queries, is refused and uploads, with the client that openapi-python-client has made.

The arguments are the URL of the gateway and an e-mail address; prints what came back as one JSON document.
"""

import base64
import datetime as dt
import io
import json
import sys

from heartguard_client import AuthenticatedClient, Client
from heartguard_client.api.auth import log_in, register
from heartguard_client.api.media import read_file, upload_bytes, upload_file
from heartguard_client.api.timeseries import query_points, write_points
from heartguard_client.models import (
    Error,
    Fields,
    LoginRequest,
    LoginResponse,
    MediaUpload,
    Point,
    QueryRequest,
    RegisterRequest,
    Tags,
    WriteRequest,
)
from heartguard_client.types import File

url, email = sys.argv[1:]
PASSWORD = "one long password 1"
anyone = Client(base_url=url)

account = register.sync(
    client=anyone, body=RegisterRequest(email=email, password=PASSWORD, organization_name=f"Clinic {email}")
)
refused = log_in.sync(client=anyone, body=LoginRequest(email=email, password="another password 1"))
assert isinstance(refused, Error), refused
tokens = log_in.sync(client=anyone, body=LoginRequest(email=email, password=PASSWORD))
assert isinstance(tokens, LoginResponse), tokens
member = AuthenticatedClient(base_url=url, token=tokens.access_token)

bucket, start = f"org_{account.org_id}", dt.datetime(2024, 6, 1, 10, tzinfo=dt.UTC)
tags, fields = Tags(), Fields()
tags["user_id"], fields["bpm"] = str(account.user_id), 72
point = Point(measurement="heart_rate", tags=tags, fields=fields, timestamp=start)
written = write_points.sync(client=member, body=WriteRequest(bucket=bucket, points=[point]))
found = query_points.sync(
    client=member,
    body=QueryRequest(
        bucket=bucket,
        measurement="heart_rate",
        range_start=start,
        range_stop=start + dt.timedelta(minutes=1),
    ),
)
invalid = query_points.sync(
    client=member,
    body=QueryRequest(bucket=bucket, measurement="heart_rate", range_start=start, range_stop=start, every="never"),
)
assert isinstance(invalid, Error), invalid
raw = upload_bytes.sync(client=member, file_name="raw.bin", body=File(payload=io.BytesIO(b"\x00\xffraw")))
note = MediaUpload(
    file_name="note.txt", content_type="text/plain", data_base64=base64.b64encode(b"HeartGuard").decode()
)
small = upload_file.sync(client=member, body=note)
kept = read_file.sync(small.id, client=member)

print(
    json.dumps(
        {
            "refused": refused.error.code,
            "written": written.inserted,
            "found": found.series[0].points[0].fields["bpm"],
            "invalid": [invalid.error.code, invalid.error.details[0].path],
            "raw": raw.size,
            "kept": [kept.file_name, kept.size],
        }
    )
)
