"""The write API of InfluxDB: good lines are stored, bad ones are named; buckets and the organization by name and id."""

import gzip
import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.people import found, limit, owner
from tests.servers import Database

TIME = 1717236000 * 10**9  # 2024-06-01T10:00:00Z
WAYS = {"2": "/api/v2/write?bucket=", "1": "/write?db="}
Send = Callable[..., Any]


@pytest.fixture(params=WAYS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def send(client: FlaskClient, org: int, admin: dict[str, str], version: str) -> Send:
    def send(body: str | bytes, query: str = "", *, bucket: str = f"org_{org}", **more: Any) -> Any:
        headers = more.pop("headers", admin) | {name.replace("_", "-"): text for name, text in more.items()}
        return client.post(f"{WAYS[version]}{bucket}{query}", data=body, headers=headers)

    return send


def message(answer: Any, version: str) -> str:
    """The text of an error; each version has it in another member, and Accept changes nothing."""
    assert set(answer.json) == ({"code", "message"} if version == "2" else {"error"})
    return str(answer.json["message" if version == "2" else "error"])


def beats(query: Callable[..., Any]) -> list[float]:
    """The stored heart rates."""
    return [point["fields"]["bpm"] for series in query().json["series"] for point in series["points"]]


def test_all_lines_are_stored_whatever_the_client_says_of_them(send: Send, query: Callable[..., Any]) -> None:
    body = f"heart_rate,user_id=7 bpm=72 {TIME}\n# nothing\n\nheart_rate,user_id=7 bpm=73i {TIME + 1}\r\n".encode()
    for more in (
        {},
        {"Content_Type": "application/octet-stream", "Accept": "application/x-msgpack"},
        {"Content_Type": "application/x-www-form-urlencoded", "Accept": "application/xml"},
    ):
        answer = send(body, **more)
        assert (answer.status_code, answer.data) == (204, b"")
    assert send(gzip.compress(body), Content_Encoding="gzip").status_code == 204
    assert beats(query) == [72.0, 73.0]


def test_a_body_without_a_length_is_read_to_its_end(
    client: FlaskClient, org: int, admin: dict[str, str], query: Callable[..., Any]
) -> None:
    answer = client.post(
        f"/api/v2/write?bucket=org_{org}",
        input_stream=io.BytesIO(gzip.compress(f"heart_rate bpm=72 {TIME}".encode())),
        headers={**admin, "Transfer-Encoding": "chunked", "Content-Encoding": "gzip"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 204, answer.data
    assert beats(query) == [72.0]


def test_an_empty_body_is_no_error_where_the_bucket_exists(send: Send) -> None:
    for body in ("", "\n", "# only a comment\n"):
        assert send(body).status_code == 204
    assert send("", bucket="org_999999999").status_code == 404


def test_good_lines_are_stored_and_bad_ones_counted_and_named(
    send: Send, version: str, query: Callable[..., Any]
) -> None:
    body = b"\n".join(
        (
            b"heart_rate bpm=61 %d" % TIME,
            b"no fields",
            b'heart_rate bpm=62,note="two\nheart_rate bpm=1" %d' % (TIME + 1),
            b'heart_rate,t=\xff bpm=63,note="x" %d' % (TIME + 2),
            b"heart_rate bpm=64 4102444800000000000",  # in the year 2100
            b"heart_rate bpm=true %d" % (TIME + 3),
            b"%s bpm=65 %d" % (b"m" * 200, TIME + 4),
            b"heart_rate bpm=66 %d" % (TIME + 5),
        )
    )
    answer = send(body)
    assert answer.status_code == 400
    text = message(answer, version)
    assert text.startswith("partial write: line 2: there is no field name=value; line 5: is not UTF-8; line 6: ")
    assert text.endswith(" dropped=5")
    assert "line 8: /measurement" in text
    assert sorted(beats(query)) == [61.0, 62.0, 66.0]
    if version == "2":
        assert (answer.json["code"], answer.headers["X-Platform-Error-Code"]) == ("invalid", "invalid")


@pytest.mark.parametrize(
    ("version", "precision", "unit"),
    [
        ("2", "ns", 1),
        ("2", "us", 10**3),
        ("2", "ms", 10**6),
        ("2", "s", 10**9),
        *(("1", name, unit) for name, unit in {"n": 1, "u": 10**3, "m": 60 * 10**9, "h": 3600 * 10**9}.items()),
    ],
)
def test_precision(send: Send, query: Callable[..., Any], precision: str, unit: int) -> None:
    assert send(f"heart_rate bpm=72 {TIME // unit}", f"&precision={precision}").status_code == 204
    assert query().json["series"][0]["points"][0]["time"] == "2024-06-01T10:00:00Z"


def test_what_a_client_must_not_send_again_is_no_failure_of_the_server(send: Send, version: str) -> None:
    for answer, status, words in (
        (send(b"\x1f\x8b broken", Content_Encoding="gzip"), 400, "gzip"),
        (send("m f=1", Content_Encoding="br"), 415, "gzip"),
        (send("m f=1", "&precision=fortnight"), 422, "/precision"),
        (send("m f=1\n" * 10_001), 413, "10000 lines"),
        (send(b"#" * (8192 * 1024 + 1)), 413, "bytes"),
        (send("m f=1", bucket="nobodys"), 404, "no such bucket"),
        (send("m f=1", headers={}), 401, ""),
    ):
        assert (answer.status_code, words in message(answer, version)) == (status, True), answer.data


def test_a_member_writes_their_own_points_only(send: Send, version: str, member: dict[str, str]) -> None:
    answer = send(f"heart_rate bpm=72 {TIME}\nheart_rate,user_id=1 bpm=99 {TIME}", headers=member)
    assert (answer.status_code, message(answer, version)) == (
        400,
        "partial write: line 2: the tag user_id names somebody else dropped=1",
    )


def test_a_full_organization_is_asked_again_later(
    send: Send, version: str, database: Database, org: int, query: Callable[..., Any]
) -> None:
    limit(database, org, stored_points=1)
    assert send(f"heart_rate bpm=72 {TIME}").status_code == 204
    answer = send(f"heart_rate bpm=73 {TIME + 1}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "600")
    assert "stored_points" in message(answer, version)
    assert beats(query) == [72.0]


def test_buckets_and_the_organization_have_names_and_ids(
    client: FlaskClient, org: int, admin: dict[str, str], member: dict[str, str], database: Database
) -> None:
    def buckets(query: str = "", headers: dict[str, str] = admin) -> dict[str, str]:
        answer = client.get(f"/api/v2/buckets?{query}", headers=headers)
        assert answer.status_code == 200, answer.data
        return {bucket["name"]: bucket["id"] for bucket in answer.json["buckets"]}

    before = buckets()
    assert list(before) == [f"org_{org}"]
    days = {"bucket": f"org_{org}_study", "retention_days": 30}
    assert client.post("/timeseries/buckets", json=days, headers=admin).status_code == 201
    both = buckets()
    for name, number in both.items():
        assert buckets(f"name={name}") == buckets(f"id={number}&limit=1") == {name: number}
        assert buckets(f"name={name}", member) == {name: number}
        target = f"/api/v2/write?bucket={number}"
        assert client.post(target, data="heart_rate bpm=72", headers=admin).status_code == 204
    assert buckets() == both
    assert both[f"org_{org}"] == before[f"org_{org}"]
    assert buckets("offset=1") == {f"org_{org}_study": both[f"org_{org}_study"]}
    assert buckets(headers=member) == before
    stranger = found(database)
    for other in (
        f"name=org_{stranger}",
        "name=nothing",
        f"name=org_{org}&id={both[f'org_{org}_study']}",
        "id=" + "f" * 16,
    ):
        assert buckets(other) == {}
    with owner(database) as cursor:
        cursor.execute("SELECT name FROM heartguard_core.organizations WHERE id = %s", (org,))
        name = cursor.fetchone()[0]
    (shown,) = client.get("/api/v2/orgs", headers=member).json["orgs"]
    assert (shown["name"], shown["id"], shown["status"]) == (name, f"{org:016x}", "active")
    for given in (f"org={name}", f"org={org}", f"orgID={org:016x}", "org="):
        assert client.get(f"/api/v2/orgs?{given}", headers=admin).status_code == 200
        assert client.post(f"/api/v2/write?bucket=org_{org}&{given}", headers=admin).status_code == 204
    for target in (f"/api/v2/write?bucket=org_{org}&", "/api/v2/orgs?", "/api/v2/buckets?"):
        method = "POST" if "write" in target else "GET"
        answer = client.open(f"{target}org=elsewhere", method=method, headers=admin)
        assert (answer.status_code, answer.json["code"]) == (404, "not found")


def test_a_database_has_one_retention_policy(client: FlaskClient, org: int, admin: dict[str, str]) -> None:
    asked = {name: client.post(f"/write?db=org_{org}&rp={name}", headers=admin) for name in ("", "autogen", "weekly")}
    assert {name: answer.status_code for name, answer in asked.items()} == {"": 204, "autogen": 204, "weekly": 404}
