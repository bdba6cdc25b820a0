"""What Google Cloud Storage has besides: V4 signed URLs, and days on which it does not answer."""

import hashlib
from types import SimpleNamespace
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from heartguard_common.core.errors import ServiceError
from heartguard_media.domain.items import MediaItem
from heartguard_media.store.gcs import open_bucket
from tests.gcs import BUCKET, service_account

ITEM = MediaItem("abc", 1, 2, 'ñ "x".png', "image/png", 9, "0" * 64, "ready", "2026-01-01T00:00:00Z")


@pytest.fixture
def account(tmp_path):
    file = tmp_path / "account.json"
    return SimpleNamespace(public_key=service_account(file), file=file)


def verify(public_key, method, url):
    """Check a V4 signature from its specification alone. Raises InvalidSignature; returns the parameters."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, strict_parsing=True))
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    assert query["X-Goog-SignedHeaders"] == "host"
    canonical_query = "&".join(f"{quote(name, safe='')}={quote(query[name], safe='')}" for name in sorted(query))
    request = "\n".join([method, parts.path, canonical_query, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"])
    scope = query["X-Goog-Credential"].split("/", 1)[1]
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join([query["X-Goog-Algorithm"], query["X-Goog-Date"], scope, digest])
    public_key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return query


def test_a_direct_url_is_signed_as_the_specification_says(account):
    url = open_bucket(BUCKET, account.file, None).direct_url(ITEM, 900)
    assert url.startswith(f"https://storage.googleapis.com/{BUCKET}/org_1/user_2/abc?")
    query = verify(account.public_key, "GET", url)
    assert (query["X-Goog-Algorithm"], query["X-Goog-Expires"]) == ("GOOG4-RSA-SHA256", "900")
    assert query["X-Goog-Credential"].startswith("media@heartguard-test.iam.gserviceaccount.com/")
    assert query["response-content-disposition"].startswith("attachment;")
    assert query["response-content-type"] == "image/png"


@pytest.mark.parametrize(
    ("method", "old", "new"),
    [
        ("PUT", "", ""),
        ("DELETE", "", ""),
        ("GET", "user_2/abc", "user_2/abd"),
        ("GET", "Expires=900", "Expires=9000"),
        ("GET", "attachment", "inline"),
        ("GET", "image%2Fpng", "text%2Fhtml"),
    ],
)
def test_no_part_of_a_direct_url_can_be_altered(account, method, old, new):
    url = open_bucket(BUCKET, account.file, None).direct_url(ITEM, 900)
    assert old in url
    with pytest.raises(InvalidSignature):
        verify(account.public_key, method, url.replace(old, new, 1))


PUT_HEADERS = {
    "Content-Type": "image/png",
    "x-goog-content-length-range": "9,9",
    "x-goog-if-generation-match": "0",
}


def verify_upload(public_key, url, headers):
    """As `verify`, for a URL that binds headers too."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, strict_parsing=True))
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    bound = sorted({**{name.lower(): value for name, value in headers.items()}, "host": parts.netloc}.items())
    names = ";".join(name for name, _ in bound)
    assert query["X-Goog-SignedHeaders"] == names
    canonical_query = "&".join(f"{quote(name, safe='')}={quote(query[name], safe='')}" for name in sorted(query))
    lines = "".join(f"{name}:{value}\n" for name, value in bound)
    request = f"PUT\n{parts.path}\n{canonical_query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
    scope = query["X-Goog-Credential"].split("/", 1)[1]
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join([query["X-Goog-Algorithm"], query["X-Goog-Date"], scope, digest])
    public_key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return query


def test_an_upload_url_fixes_type_and_size_and_works_once(account):
    ticket = open_bucket(BUCKET, account.file, None).direct_upload(ITEM, 900)
    assert ticket.headers == PUT_HEADERS
    assert ticket.url.startswith(f"https://storage.googleapis.com/{BUCKET}/org_1/user_2/abc?")
    assert verify_upload(account.public_key, ticket.url, ticket.headers)["X-Goog-Expires"] == "900"


@pytest.mark.parametrize(
    ("old", "new", "headers"),
    [
        ("user_2/abc", "user_2/abd", {}),
        ("Expires=900", "Expires=9000", {}),
        ("", "", {"Content-Type": "text/html"}),
        ("", "", {"x-goog-content-length-range": "0,99999999"}),
        ("", "", {"x-goog-if-generation-match": "7"}),
    ],
)
def test_no_part_of_an_upload_url_can_be_altered(account, old, new, headers):
    ticket = open_bucket(BUCKET, account.file, None).direct_upload(ITEM, 900)
    with pytest.raises(InvalidSignature):
        verify_upload(account.public_key, ticket.url.replace(old, new, 1), {**ticket.headers, **headers})


def test_without_a_key_there_is_no_direct_url():
    store = open_bucket(BUCKET, None, "http://127.0.0.1:1")
    assert (store.direct_url(ITEM, 900), store.direct_upload(ITEM, 900)) == (None, None)


def test_a_file_that_is_no_key_is_refused(tmp_path):
    file = tmp_path / "account.json"
    file.write_text('{"type": "service_account"}')
    with pytest.raises(ValueError, match="was not in the expected format"):
        open_bucket(BUCKET, file, None)


CALLS = {
    "write": lambda store: store.write("org_1/user_1/a", [b"x"]),
    "read": lambda store: store.read("org_1/user_1/a", 0, 1),
    "delete": lambda store: store.delete("org_1/user_1/a"),
    "list": lambda store: list(store.older_than(0)),
    "ping": lambda store: store.ping(),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_unreachable_object_store_is_503(call):
    store = open_bucket(BUCKET, None, "http://127.0.0.1:1", retry_seconds=0.1)
    with pytest.raises(ServiceError) as refused:
        CALLS[call](store)
    assert refused.value.row.status == 503


@pytest.mark.parametrize("call", ["write", "list", "ping"])
def test_a_bucket_that_does_not_exist_is_503(call, gcs):
    with pytest.raises(ServiceError) as refused:
        CALLS[call](open_bucket("another-bucket", None, gcs.url, retry_seconds=0.1))
    assert refused.value.row.status == 503
