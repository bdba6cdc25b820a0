"""POST /auth/token/introspect (RFC 7662): whatever is no living access token is `active: false` and nothing else."""

import jwt
import pytest
from lxml import etree

from heartguard_auth.keys import main
from tests.people import owner
from tests.service.auth.conftest import sign_up, with_token
from tests.tokens import service_auth

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
DEAD = b"<Introspection><active>false</active></Introspection>"


def asked(client, **question):
    """The same question in JSON, in XML and as a form: the three answers, which must agree."""
    me = service_auth("media")
    (name, value), *_ = question.items()
    in_json = client.post("/auth/token/introspect", json=question, headers=me)
    body = f"<IntrospectRequest><{name}>{value}</{name}></IntrospectRequest>"
    xml = {"Content-Type": "application/xml", "Accept": "application/xml"}
    in_xml = client.post("/auth/token/introspect", data=body, headers=me | xml)
    form = client.post("/auth/token/introspect", data=question, headers=me | FORM)
    assert (in_json.status_code, in_xml.status_code, form.status_code) == (200, 200, 200)
    assert form.json == in_json.json
    assert (etree.fromstring(in_xml.data).findtext("active") == "true") is in_json.json["active"]
    if not in_json.json["active"]:
        assert in_xml.data.endswith(DEAD)
    return in_json.json


def logout(client, person, **_):
    assert client.post("/auth/logout", headers=with_token(person)).status_code == 204


def disable(client, person, database, **_):
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.users SET active = false WHERE id = %s", (person["user_id"],))


def delete(client, person, **_):
    ask = {"org_id": person["org_id"], "user_id": person["user_id"]}
    assert client.post("/auth/erasures", json=ask, headers=service_auth("user")).json == {"removed": 1}


def expire(client, person, clock, **_):
    clock.forward(3601)


def retire(client, person, environ, **_):
    assert main(["retire", jwt.get_unverified_header(person["access_token"])["kid"]], environ) == 0


@pytest.mark.parametrize("end", [logout, disable, delete, expire, retire], ids=lambda it: it.__name__)
def test_a_token_that_has_ended_is_nothing(client, founder, end, database, clock, environ):
    token = founder["access_token"]
    alive = asked(client, token=token)
    assert (alive["active"], alive["sub"]) == (True, str(founder["user_id"]))
    jti = alive["jti"]
    assert asked(client, jti=jti) == alive
    end(client, founder, database=database, clock=clock, environ=environ)
    assert asked(client, token=token) == {"active": False}
    assert asked(client, jti=jti) == {"active": False}


def test_a_refresh_token_is_inactive_for_other_services(client, founder):
    assert asked(client, token=founder["refresh_token"]) == {"active": False}


@pytest.mark.parametrize("text", ["x", "a.b.c", "../../etc/passwd", "' OR 1=1 --", "x" * 8000])
def test_nonsense_is_nothing(client, founder, text):
    assert asked(client, token=text) == {"active": False}


def test_a_token_of_another_person_is_introspected_with_their_claims(client, founder):
    other = sign_up(client, "other@hg.io")
    found = asked(client, token=other["access_token"])
    assert (found["sub"], found["org_id"]) == (str(other["user_id"]), other["org_id"])


@pytest.mark.parametrize(
    "body", ["jti=%00", "token=a%00b", "jti=" + "x" * 5000, "jti=a&other=b", "jti=a&jti=b", "%ff=%ff"]
)
def test_a_form_has_the_contract_of_a_document(client, body):
    answer = client.post("/auth/token/introspect", data=body, headers=service_auth("media") | FORM)
    assert answer.status_code in (400, 422), answer.data
