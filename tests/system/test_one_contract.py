"""One contract for both formats, through the gateway: same verdict and pointers for generated documents."""

import copy

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartguard_common.contract.json_documents import dump_json
from tests.contract.cases import CONTRACTS, oracle, plain_xml
from tests.contract.documents import changed, documents

CALM = settings(
    max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
# Routes whose answer to the same document is the same twice.
STEADY = {
    "LoginRequest": ("POST", "/auth/login"),
    "RefreshRequest": ("POST", "/auth/refresh"),
    "OrganizationUpdate": ("PUT", "/organization"),
    "OrganizationPoliciesUpdate": ("PUT", "/organization/policies"),
    "UserUpdate": ("PUT", "/users/me"),
    "WriteRequest": ("POST", "/timeseries/write"),
    "QueryRequest": ("POST", "/timeseries/query"),
    "AuditEventRequest": ("POST", "/audit/events"),
}


@pytest.mark.parametrize("message", [name for name in STEADY if name in CONTRACTS.names()])
def test_both_formats_get_the_same_verdict(running_system, plan_founder, message):
    method, path = STEADY[message]
    seen = set()

    def verdict(session, document, media_type):
        body = dump_json(document) if media_type == "application/json" else plain_xml(message, copy.deepcopy(document))
        headers = {**plan_founder["bearer"], "Content-Type": media_type, "Accept": "application/json"}
        answer = session.request(method, running_system.gateway_url + path, data=body, headers=headers, timeout=20)
        assert answer.status_code < 500
        details = answer.json().get("error", {}).get("details", []) if answer.content else []
        broken = answer.status_code == 422 and answer.json()["error"]["code"] == "GEN_422"
        return broken, answer.status_code, [detail["path"] for detail in details]

    with requests.Session() as session:

        @CALM
        @given(documents(message) | changed(message) | st.just({}))
        def check(document):
            in_json = verdict(session, document, "application/json")
            assert verdict(session, document, "application/xml") == in_json
            if not oracle(message).is_valid(document):
                assert in_json[0]
            seen.add(in_json[0])

        check()
    assert True in seen
