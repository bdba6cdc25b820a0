"""Line protocol on POST /timeseries/write."""

import gzip

import pytest

from tests.people import found
from tests.tokens import bearer

TIME = 1717236000 * 10**9  # 2024-06-01T10:00:00Z


@pytest.fixture
def send(client, org, admin):
    def send(body, *, bucket=f"org_{org}", query="", headers=None, **more):
        where = f"/timeseries/write?bucket={bucket}{query}" if bucket else f"/timeseries/write?{query}"
        lines = {"Content-Type": "text/plain; charset=utf-8", **more}
        return client.post(where, data=body, headers=(headers or admin) | lines)

    return send


def refusal(answer):
    return answer.status_code, answer.get_json()["error"]


def test_lines_are_the_points_that_json_writes(send, query, write):
    body = f"heart_rate,user_id=7,place=left\\ wrist bpm=72,ok=t {TIME}\nheart_rate,user_id=7 bpm=73i {TIME + 1}\r\n"
    statuses = [{"status": "created"}, {"status": "created"}]
    assert send(body.encode()).get_json() == {"success": True, "inserted": 2, "results": statuses}
    again = send(gzip.compress(body.encode()), **{"Content-Encoding": "gzip"})
    assert again.get_json()["results"] == [{"status": "duplicate"}] * 2
    same = {
        "measurement": "heart_rate",
        "tags": {"user_id": "7", "place": "left wrist"},
        "fields": {"bpm": 72, "ok": True},
        "timestamp": "2024-06-01T10:00:00Z",
    }
    assert write(same).get_json()["results"] == [{"status": "duplicate"}]
    times = [point["time"] for series in query().get_json()["series"] for point in series["points"]]
    assert sorted(times) == ["2024-06-01T10:00:00.000000001Z", "2024-06-01T10:00:00Z"]


def test_precision_and_time_of_receipt_of_lines(send, query, clock):
    assert send(f"heart_rate bpm=1 {TIME // 10**6}", query="&precision=ms").get_json()["success"]
    assert query().get_json()["series"][0]["points"][0]["time"] == "2024-06-01T10:00:00Z"
    assert send(b"heart_rate bpm=2").get_json()["success"]
    code, error = refusal(send(b"heart_rate bpm=1 1", query="&precision=min"))
    assert (code, error["details"][0]["path"]) == (422, "/precision")


def test_a_malformed_line_stores_nothing(send, query):
    code, error = refusal(send(f"heart_rate bpm=1 {TIME}\n#\nheart_rate bpm=x {TIME}"))
    assert (code, error["code"]) == (400, "GEN_400")
    assert error["message"].startswith("Line 3: ")
    assert query().get_json()["series"] == []


def test_the_contract_holds_for_lines_too(send):
    for body, path in [
        (b"", "/points"),
        (b"m,t=a\x01b v=1", "/points/0/tags/t"),
        (b"m" * 129 + b" v=1", "/points/0/measurement"),
        (b"m v=1\n" * 10_001, "/points"),
    ]:
        code, error = refusal(send(body))
        assert (code, error["details"][0]["path"]) == (422, path)


def test_atomic_and_rejected_lines(send, query, member):
    mine_and_not = f"heart_rate bpm=70 {TIME}\nheart_rate,user_id=8 bpm=71 {TIME}"
    code, error = refusal(send(mine_and_not, headers=member, query="&atomic=true"))
    assert (code, error["details"][0]["path"]) == (422, "/points/1")
    assert query().get_json()["series"] == []
    answer = send(mine_and_not, headers=member).get_json()
    assert [result["status"] for result in answer["results"]] == ["created", "rejected"]
    assert query().get_json()["series"][0]["tags"] == {"user_id": "7"}


def test_no_bucket_and_no_other_organizations_bucket(send, database):
    code, error = refusal(send(b"m v=1", bucket=None))
    assert (code, error["details"][0]["path"]) == (422, "/bucket")
    other = found(database)
    assert send(b"m v=1", bucket=f"org_{other}").status_code == 404
    for spelling in (f"ORG_{other}", f"%6frg_{other}", f"org%5F{other}"):
        assert send(b"m v=1", bucket=spelling).status_code == 404
    for spelling in (f"org_{other}%20", f"org_{other}%00", f"%EF%BD%8Frg_{other}", f"org_{other}/../x"):
        assert send(b"m v=1", bucket=spelling).status_code == 422
    assert send(b"m v=1", headers=bearer(5, "admin", other)).status_code == 404


def test_queries_and_documents_do_not_mix(client, org, admin, send):
    document = {"bucket": f"org_{org}", "points": [{"measurement": "m", "fields": {"v": 1}}]}
    answer = client.post(f"/timeseries/write?precision=s&bucket=org_{org}", json=document, headers=admin)
    code, error = refusal(answer)
    assert (code, [detail["path"] for detail in error["details"]]) == (422, ["/bucket", "/precision"])
    assert send(b"m v=1", query="&db=x").status_code == 422
    assert send(b"m v=1", **{"Content-Type": "text/csv"}).status_code == 415


def test_flux_sql_and_quotes_are_data(send, query):
    hard = r"""a';\ DROP\ TABLE\ points;--\,"|>\ drop()\=\${x}\\{NULL}"""
    text = r'"\") |> to(bucket: \"x\")' + "\n'; --\""
    assert send(f"heart_rate,user_id=7,note={hard} bpm=1,text={text} {TIME}").get_json()["inserted"] == 1
    (series,) = query().get_json()["series"]
    assert series["tags"]["note"] == """a'; DROP TABLE points;--,"|> drop()=\\${x}\\\\{NULL}"""
    assert series["points"][0]["fields"] == {"bpm": 1.0, "text": '") |> to(bucket: "x")\n\'; --'}
    assert len(query(tags={"note": series["tags"]["note"]}).get_json()["series"]) == 1
