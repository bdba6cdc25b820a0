"""The example requests of the plan's sections 6 and 12, sent through the gateway as printed (base64 completed).

`plan_founder` is whoever sent the plan's registration first, to a system without any data: user 1 of organization 1.
"""

import re
import zipfile
from io import BytesIO

import pytest
import requests
from lxml import etree

from heartguard_common.core.registry import SERVICES

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# The plan prints "iVBORw0...": the beginning of every PNG. This is the smallest whole one.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
EXAMPLES = {
    "organization": ("PUT", "/organization", 200, {"name": "HeartGuard", "policies": "ISO27001"}),
    "user": ("PUT", "/users/me", 200, {"preferences": {"lang": "es"}}),
    "media": (
        "POST",
        "/media/upload",
        201,
        {"file_name": "logo.png", "content_type": "image/png", "data_base64": PNG},
    ),
    "timeseries": (
        "POST",
        "/timeseries/write",
        200,
        {
            "bucket": "org_1",
            "points": [
                {
                    "measurement": "heart_rate",
                    "tags": {"user_id": "1"},
                    "fields": {"bpm": 72},
                    "timestamp": "2024-06-01T10:00:00Z",
                }
            ],
        },
    ),
    "audit": ("POST", "/audit/events", 201, {"actor": "user@hg.io", "action": "LOGIN", "service": "auth"}),
}
# What the plan prints of each XML answer: root, then element and text (None: some text).
PRINTED_XML = {
    "organization": ("Organization", {"id": "1", "name": "HeartGuard", "policies": "ISO27001"}),
    "user": ("User", {"id": "1", "preferences/lang": "es"}),
    "media": ("MediaItem", {"id": UUID, "file_name": "logo.png"}),
    "timeseries": ("WriteResult", {"success": "true", "inserted": "1"}),
    "audit": ("AuditEvent", {"id": UUID, "status": "recorded"}),
}
PRINTED_JSON = {
    "organization": {"id": 1, "name": "HeartGuard", "policies": "ISO27001"},
    "user": {"id": 1, "preferences": {"lang": "es"}},
    "media": {"id": UUID, "file_name": "logo.png"},
    "timeseries": {"success": True, "inserted": 1},
    "audit": {"id": UUID, "status": "recorded"},
}


def send(system, founder, name, accept):
    method, path, status, body = EXAMPLES[name]
    headers = {"Authorization": f"Bearer {founder['access_token']}", "Accept": accept}
    answer = requests.request(method, system.gateway_url + path, json=body, headers=headers, timeout=60)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith(accept)
    return answer


def is_printed(expected, found):
    return bool(expected.fullmatch(found)) if isinstance(expected, re.Pattern) else found == expected


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_xml_answer_has_the_printed_members(running_system, plan_founder, name):
    root = etree.fromstring(send(running_system, plan_founder, name, "application/xml").content)
    printed_root, elements = PRINTED_XML[name]
    assert root.tag == printed_root
    for place, expected in elements.items():
        assert is_printed(expected, root.findtext(place))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_json_answer_has_the_same_members(running_system, plan_founder, name):
    document = send(running_system, plan_founder, name, "application/json").json()
    for member, expected in PRINTED_JSON[name].items():
        assert is_printed(expected, document[member])


def test_the_plans_registration(plan_founder):
    assert (plan_founder["user_id"], plan_founder["email"]) == (1, "user@hg.io")


def test_the_plans_login_gives_the_printed_answer(running_system, plan_founder):
    body = {"email": "admin@heartguard.io", "password": "Secret123"}
    url = running_system.gateway_url + "/auth/"
    assert requests.post(url + "register", json=body, timeout=60).status_code in (201, 409)
    in_json = requests.post(url + "login", json=body, timeout=60).json()
    assert list(in_json) == ["access_token", "refresh_token", "expires_in", "token_type"]
    assert (in_json["expires_in"], in_json["token_type"]) == (3600, "Bearer")
    answer = requests.post(url + "login", json=body, headers={"Accept": "application/xml"}, timeout=60)
    root = etree.fromstring(answer.content)
    assert root.tag == "LoginResponse"
    assert [element.tag for element in root] == ["access_token", "refresh_token", "expires_in", "token_type"]
    assert (root.findtext("expires_in"), root.findtext("token_type")) == ("3600", "Bearer")


def test_the_plans_error_body_in_both_formats(running_system, plan_founder):
    body = {"email": "user@hg.io", "password": "not-the-password"}
    url = running_system.gateway_url + "/auth/login"
    error = requests.post(url, json=body, timeout=60).json()["error"]
    assert (error["code"], error["message"]) == ("AUTH_001", "Invalid credentials")
    root = etree.fromstring(requests.post(url, json=body, headers={"Accept": "text/xml"}, timeout=60).content)
    assert (root.tag, root.findtext("code"), root.findtext("message")) == ("Error", "AUTH_001", "Invalid credentials")


def test_health_and_metrics_of_every_service(subtests, running_system):
    for prefix in [service.prefix for service in SERVICES.values()]:
        for path in ["/health", "/metrics"]:
            with subtests.test(f"{prefix}{path}"):
                answer = requests.get(
                    f"{running_system.gateway_url}{prefix}{path}", headers=running_system.operator, timeout=60
                )
                assert answer.status_code == 200
                if path == "/metrics":
                    assert "heartguard_requests_total" in answer.text


def test_an_uploaded_file_is_downloaded_unchanged(running_system, plan_founder):
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("beat.txt", "72")
    headers = {"Authorization": f"Bearer {plan_founder['access_token']}", "Content-Type": "application/zip"}
    url = running_system.gateway_url + "/media/"
    item = requests.put(url + "upload?file_name=beat.zip", data=packed.getvalue(), headers=headers, timeout=60).json()
    signed = requests.get(f"{url}items/{item['id']}/download", headers=headers, timeout=60).json()["url"]
    assert requests.get(signed, timeout=60).content == packed.getvalue()
