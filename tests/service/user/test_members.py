"""GET /users, GET /users/{user_id} and POST /users/erasures."""

import pytest
from flask.testing import FlaskClient
from lxml import etree

from tests.people import found, join, owner
from tests.servers import Database
from tests.tokens import bearer, service_auth

XML = {"Accept": "application/xml"}
Clinic = dict[str, int]


@pytest.fixture
def clinic(database: Database) -> Clinic:
    org = found(database, "Clinic")
    return {
        "org": org,
        "admin": join(database, org, "admin", email="root@clinic.example", full_name="Élodie Ünal"),
        "manager": join(database, org, "manager", email="boss@clinic.example", full_name="100% O'Hara_x"),
        "user": join(database, org, "user", email="ann@clinic.example", full_name="Ann Straße"),
        "gone": join(database, org, "user", email="bob@clinic.example", active=False),
    }


@pytest.fixture
def stranger(database: Database) -> int:
    return join(database, found(database, "Rival"), "admin", email="spy@rival.example", full_name="Spy")


def ids(client: FlaskClient, clinic: Clinic, query: str = "", role: str = "admin") -> list[int]:
    answer = client.get(f"/users{query}", headers=bearer(clinic[role], role, clinic["org"]))
    assert answer.status_code == 200, answer.data
    return [item["id"] for item in answer.get_json()["items"]]


def test_a_list_shows_only_members_of_the_organization(client: FlaskClient, clinic: Clinic, stranger: int) -> None:
    everyone = [clinic["admin"], clinic["manager"], clinic["user"], clinic["gone"]]
    assert ids(client, clinic) == everyone
    assert ids(client, clinic, role="manager") == everyone


def test_the_member_list_in_xml(client: FlaskClient, clinic: Clinic) -> None:
    answer = client.get("/users?limit=1", headers=bearer(clinic["admin"], "admin", clinic["org"]) | XML)
    root = etree.fromstring(answer.data)
    assert root.tag == "UserList"
    assert root.findtext("items/item/full_name") == "Élodie Ünal"
    assert root.findtext("next_cursor")


FILTERS = [
    ("?role=user", ["user", "gone"]),
    ("?active=false", ["gone"]),
    ("?active=true&role=user", ["user"]),
    ("?q=STRASSE", ["user"]),
    ("?q=Stra%C3%9Fe", ["user"]),
    ("?q=%C3%A9LODIE", ["admin"]),
    ("?q=boss@", ["manager"]),
    ("?q=%25", ["manager"]),
    ("?q=_", ["manager"]),
    ("?q=%27", ["manager"]),
    ("?q=clinic.example&role=manager", ["manager"]),
    ("?q=spy", []),
]


def test_filters_of_the_member_list(
    subtests: pytest.Subtests, client: FlaskClient, clinic: Clinic, stranger: int
) -> None:
    for query, shown in FILTERS:
        with subtests.test(query):
            assert ids(client, clinic, query) == [clinic[name] for name in shown]


def test_pages_of_members_have_no_gap_or_overlap(client: FlaskClient, database: Database, clinic: Clinic) -> None:
    auth = bearer(clinic["admin"], "admin", clinic["org"])
    first = client.get("/users?limit=3", headers=auth).get_json()
    late = join(database, clinic["org"])
    second = client.get(f"/users?limit=3&cursor={first['next_cursor']}", headers=auth).get_json()
    seen = [item["id"] for item in first["items"] + second["items"]]
    assert seen == [clinic["admin"], clinic["manager"], clinic["user"], clinic["gone"], late]
    assert second["next_cursor"] is None


WRONG_QUERIES = [
    ("?limit=0", "/limit"),
    ("?limit=501", "/limit"),
    ("?limit=x", "/limit"),
    ("?limit=1&limit=2", "/limit"),
    ("?cursor=!!", "/cursor"),
    ("?cursor=WyJhIl0", "/cursor"),
    ("?cursor=W3RydWVd", "/cursor"),
    ("?role=root", "/role"),
    ("?active=maybe", "/active"),
    ("?q=", "/q"),
    ("?sort=name", "/sort"),
    ("?format=yaml", "/format"),
]


def test_query_parameters_are_validated(subtests: pytest.Subtests, client: FlaskClient, clinic: Clinic) -> None:
    for query, path in WRONG_QUERIES:
        with subtests.test(query):
            answer = client.get(f"/users{query}", headers=bearer(clinic["admin"], "admin", clinic["org"]))
            assert answer.status_code == 422
            assert [fault["path"] for fault in answer.get_json()["error"]["details"]] == [path]


def test_a_route_without_parameters_refuses_any(client: FlaskClient, clinic: Clinic) -> None:
    answer = client.get("/users/me?verbose=1", headers=bearer(clinic["user"], "user", clinic["org"]))
    assert answer.status_code == 422
    assert answer.get_json()["error"]["details"][0]["path"] == "/verbose"


def test_a_user_cannot_list_members(client: FlaskClient, clinic: Clinic) -> None:
    answer = client.get("/users", headers=bearer(clinic["user"], "user", clinic["org"]) | XML)
    assert answer.status_code == 403
    assert etree.fromstring(answer.data).findtext("code") == "GEN_403"


def test_an_admin_reads_a_member(client: FlaskClient, clinic: Clinic) -> None:
    answer = client.get(f"/users/{clinic['gone']}", headers=bearer(clinic["admin"], "admin", clinic["org"]))
    assert answer.status_code == 200
    assert answer.get_json()["active"] is False
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["ETag"].startswith('W/"')


def test_members_of_other_organizations_are_not_found(client: FlaskClient, clinic: Clinic, stranger: int) -> None:
    auth = bearer(clinic["admin"], "admin", clinic["org"])
    real = client.get(f"/users/{stranger}", headers=auth)
    invented = client.get("/users/999999999999999999", headers=auth)
    for answer in (real, invented):
        assert answer.status_code == 404
        assert answer.get_json()["error"]["code"] == "USER_001"
    messages = [answer.get_json()["error"]["message"] for answer in (real, invented)]
    assert messages[0] == messages[1]


@pytest.mark.parametrize("role", ["manager", "user"])
def test_other_roles_can_read_only_themselves(client: FlaskClient, clinic: Clinic, stranger: int, role: str) -> None:
    auth = bearer(clinic[role], role, clinic["org"])
    assert client.get(f"/users/{clinic[role]}", headers=auth).status_code == 200
    assert client.get(f"/users/{clinic['admin']}", headers=auth).status_code == 403
    for nobody in (stranger, 999_999_999):  # an id of another organization answers as an unknown one
        assert client.get(f"/users/{nobody}", headers=auth).status_code == 404


NO_IDS = ["0", "-1", "01", "abc", "1.0", "%31%00", "1000000000000000000", "%D9%A1"]


def test_an_invalid_id_is_not_found(subtests: pytest.Subtests, client: FlaskClient, clinic: Clinic) -> None:
    for user_id in NO_IDS:
        with subtests.test(user_id):
            auth = bearer(clinic["admin"], "admin", clinic["org"])
            for headers in (auth, {}):
                answer = client.get(f"/users/{user_id}", headers=headers)
                assert answer.status_code == 404
                assert answer.get_json()["error"]["code"] == "GEN_404"


def test_a_service_can_erase_members(client: FlaskClient, database: Database, clinic: Clinic, stranger: int) -> None:
    ann = bearer(clinic["user"], "user", clinic["org"])
    client.put("/users/me", headers=ann, json={"preferences": {"a": 1, "b": 2}})
    auth = service_auth("organization")
    one = client.post("/users/erasures", headers=auth, json={"org_id": clinic["org"], "user_id": clinic["user"]})
    assert one.get_json() == {"removed": 3}
    rest = client.post("/users/erasures", headers=auth, json={"org_id": clinic["org"]})
    assert rest.get_json() == {"removed": 2}
    again = client.post("/users/erasures", headers=auth | XML, json={"org_id": clinic["org"]})
    assert etree.fromstring(again.data).findtext("removed") == "0"
    with owner(database) as cursor:
        cursor.execute("SELECT full_name FROM heartguard_core.users WHERE full_name IS NOT NULL")
        assert cursor.fetchall() == [("Spy",)]


def test_other_callers_cannot_erase_members(client: FlaskClient, clinic: Clinic) -> None:
    answer = client.post(
        "/users/erasures", headers=bearer(clinic["admin"], "admin", clinic["org"]), json={"org_id": clinic["org"]}
    )
    assert answer.status_code == 403
