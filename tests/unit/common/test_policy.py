"""The policy file: its checks, and the decisions by its rules."""

from pathlib import Path

import pytest

from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.api_key import DEVICE, INTEGRATION, ApiKey, Kind
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.policy import Policy, PolicyError, authorize, load, parse

HEAD = """
[classes]
default = 1.0
address = 20
[bodies]
none = 16
document = 64
[parameters]
user_id = "integer"
item_id = "uuid"
name = "text"
"""


def rule(**changes: str) -> str:
    entry = {
        "id": '"user.read"',
        "method": '"GET"',
        "path": '"/users/{user_id}"',
        "upstream": '"user"',
        "who": '{ admin = "own", user = "self" }',
        "limit": '"default"',
        "audited": "true",
        **changes,
    }
    return "[[route]]\n" + "".join(f"{key} = {value}\n" for key, value in entry.items() if value)


def person(role: str, user_id: int = 7) -> Principal:
    return Principal("person", role, user_id=user_id, org_id=1)


def code(policy: Policy, principal: Principal | None, *, inner: bool = False) -> str:
    try:
        authorize(policy.rules[0], principal, inner=inner)
    except ServiceError as error:
        return error.error_code.code
    return "passed"


FAULTY = [
    (HEAD + rule(who=""), "missing who"),
    (HEAD + rule(colour='"red"'), "unknown key colour"),
    (HEAD + rule(limit='"daily"'), "limit names no class"),
    (HEAD + rule(method='"FETCH"'), "method must be one of"),
    (HEAD + rule(method='"HEAD"'), "method must be one of"),
    (HEAD + rule(upstream='"billing"'), "upstream must be one of"),
    (HEAD + rule(audited='"yes"'), "audited must be true or false"),
    (HEAD + rule(versioned="1"), "versioned must be true or false"),
    (HEAD + rule(errors='"soap"'), "errors must be one of influxdb"),
    (HEAD + rule(path='"/api/v1/users/{user_id}"'), "path must not begin with /api/v1"),
    (HEAD + rule(deprecated='"2027-01-31"'), "deprecated must be a date and time with an offset"),
    (HEAD + rule(deprecated="2027-01-31T00:00:00"), "deprecated must be a date and time with an offset"),
    (HEAD + rule(deprecated="2027-01-31"), "deprecated must be a date and time with an offset"),
    (HEAD + rule(sunset="2027-01-31T00:00:00Z"), "sunset needs deprecated"),
    (
        HEAD + rule(deprecated="2027-01-31T00:00:00Z", sunset="2027-01-31T00:59:59+01:00"),
        "sunset must not be before deprecated",
    ),
    (HEAD + rule(id='"User Read"'), "id must look like"),
    (HEAD + rule(path='"/users/{other_id}"'), "not in the table parameters"),
    (HEAD + rule(path='"users"'), "begin with a slash"),
    (HEAD + rule(path='"/users/"'), "plain segments"),
    (HEAD + rule(path='"/users/../x"'), "plain segments"),
    (HEAD + rule(who="{}"), "who must be"),
    (HEAD + rule(who='"everyone"'), "who must be"),
    (HEAD + rule(who='{ root = "any" }'), "root must be a role"),
    (HEAD + rule(who='{ user = "all" }'), "user must be a role"),
    (HEAD + rule(who='{ operator = "own" }'), "belongs to no organization"),
    (HEAD + rule(who='{ service = "any" }'), "a list of different services"),
    (HEAD + rule(who="{ service = [] }"), "a list of different services"),
    (HEAD + rule(who='{ service = ["user", "portal"] }'), "a list of different services"),
    (HEAD + rule(who='{ service = ["user", "user"] }'), "a list of different services"),
    (HEAD + rule(credentials='"optional"'), "credentials can only be"),
    (HEAD + rule(who='"anyone"', credentials='"none"'), "credentials can only be"),
    (HEAD + rule() + rule(), "user.read stands twice"),
    (HEAD + rule() + rule(id='"user.other"'), "can match one request"),
    (HEAD + rule() + rule(id='"user.other"', path='"/users/12"'), "can match one request"),
    (HEAD + rule() + rule(id='"user.other"', path='"/users/{name}"'), "can match one request"),
    (HEAD.replace("default = 1.0\n", "") + rule(limit='"address"'), "default is missing"),
    (HEAD.replace("address = 20", "address = 0") + rule(), "address must be a number"),
    (HEAD.replace('"uuid"', '"number"') + rule(), "item_id must be one of"),
    (HEAD.replace("document = 64\n", "") + rule(), "document is missing"),
    (HEAD.replace("none = 16", "none = 0") + rule(), "none must be KiB"),
    (HEAD.replace("none = 16", "none = 16\nstream = 1") + rule(), "stream is a reserved name"),
    (HEAD + rule(body='"huge"'), "body names no class"),
    (HEAD + "[extra]\n" + rule(), "unknown table extra"),
    ("[classes", "not TOML"),
]


def test_an_invalid_policy_is_refused_with_its_problems(subtests: pytest.Subtests) -> None:
    for text, says in FAULTY:
        with subtests.test(says), pytest.raises(PolicyError, match=says):
            parse(text)


@pytest.mark.parametrize(
    "text",
    [
        (HEAD + "# política\n" + rule()).encode("latin-1"),
        (HEAD + rule(limit='["write"]')).encode(),
        (HEAD + rule(method='["GET"]')).encode(),
        (HEAD + rule(upstream="{}")).encode(),
        (HEAD + rule(who="3")).encode(),
        (HEAD + rule().replace("[[route]]", "[route]")).encode(),
        b"classes = 3\n" + rule().encode(),
        b"route = 3\n" + HEAD.encode(),
    ],
)
def test_values_of_other_types_are_refused(tmp_path: Path, text: bytes) -> None:
    """At SIGHUP any other exception would end gunicorn's master, and with it the service (D50)."""
    (tmp_path / "policy.toml").write_bytes(text)
    with pytest.raises(PolicyError):
        load(tmp_path / "policy.toml")


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        parse(HEAD + rule(limit='"daily"') + rule(id='"user.other"', method='"FETCH"'))
    assert "route 1 (user.read)" in str(caught.value)
    assert "route 2 (user.other)" in str(caught.value)


def test_parameters_of_different_types_may_share_a_place() -> None:
    policy = parse(
        HEAD + rule() + rule(id='"user.me"', path='"/users/me"') + rule(id='"user.x"', path='"/users/{item_id}"')
    )
    assert [found.id for found in policy.rules] == ["user.read", "user.me", "user.x"]


def test_a_path_may_have_a_rule_for_each_method() -> None:
    policy = parse(HEAD + rule() + rule(id='"user.update"', method='"PUT"'))
    assert policy.rule("PUT", "/users/{user_id}") is policy.rules[1]
    assert policy.rule("HEAD", "/users/{user_id}") is policy.rules[0]
    assert policy.rule("POST", "/users/{user_id}") is None


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (None, "GEN_401"),
        (person("admin"), "passed"),
        (person("user"), "passed"),  # whose id it is, and of which organization, the use case knows
        (person("manager"), "GEN_403"),
        (Principal("operator", "operator"), "GEN_403"),
        (Principal("service", "service", name="auth"), "GEN_403"),
    ],
)
def test_the_role_decides_access(principal: Principal | None, expected: str) -> None:
    assert code(parse(HEAD + rule()), principal) == expected


@pytest.mark.parametrize(
    ("principal", "inner", "expected"),
    [
        (None, True, "passed"),
        (None, False, "GEN_401"),
        (person("admin"), False, "GEN_403"),
        (Principal("operator", "operator"), False, "passed"),
        (Principal("service", "service", name="auth"), False, "GEN_403"),
    ],
)
def test_inner_routes_are_for_the_operator_and_the_inner_network(
    principal: Principal | None, inner: bool, expected: str
) -> None:
    assert code(parse(HEAD + rule(who='"inner"')), principal, inner=inner) == expected


@pytest.mark.parametrize(("name", "expected"), [("user", "passed"), ("media", "GEN_403"), (None, "GEN_403")])
def test_a_service_route_is_for_the_named_services(name: str | None, expected: str) -> None:
    parsed = parse(HEAD + rule(who='{ service = ["user", "audit"] }'))
    assert code(parsed, Principal("service", "service", name=name)) == expected


def test_the_inner_network_opens_only_inner_routes() -> None:
    assert code(parse(HEAD + rule()), None, inner=True) == "GEN_401"


def test_open_routes_need_no_credentials() -> None:
    assert code(parse(HEAD + rule(who='"anyone"')), None) == "passed"


# Written from the table of endpoints, not from policy.toml.
WHO = [
    ("POST", "/auth/login", "anyone"),
    ("POST", "/auth/refresh", "anyone"),
    ("GET", "/.well-known/jwks.json", "anyone"),
    ("GET", "/openapi.json", "anyone"),
    ("GET", "/media/content/{item_id}", "anyone"),
    ("GET", "/users/health", "anyone"),
    ("GET", "/timeseries/metrics", "inner"),
    ("GET", "/gateway/ready", "inner"),
    ("GET", "/gateway/services", {"operator"}),
    ("GET", "/openapi-internal.json", {"operator"}),
    ("POST", "/auth/token/introspect", {"service"}),
    ("POST", "/media/erasures", {"service"}),
    ("GET", "/auth/profile", {"admin", "manager", "user"}),
    ("PUT", "/organization", {"admin", "manager"}),
    ("DELETE", "/organization", {"admin"}),
    ("PUT", "/organization/policies", {"admin"}),
    ("GET", "/users", {"admin", "manager"}),
    ("DELETE", "/media/items/{item_id}", {"admin"}),
    ("POST", "/timeseries/buckets", {"admin"}),
    ("GET", "/timeseries/buckets", {"admin", "manager"}),
    ("GET", "/audit/events", {"admin", "operator"}),
    ("POST", "/audit/events", {"admin", "service"}),
]


def test_the_policy_says_who_may_call_each_route(subtests: pytest.Subtests) -> None:
    for method, path, roles in WHO:
        with subtests.test(f"{method} {path}"):
            found = load().rule(method, path)
            assert found is not None
            assert (found.who if isinstance(found.who, str) else set(found.who)) == roles


def test_only_probes_and_documents_are_not_audited() -> None:
    silent = {found.path.rsplit("/", 1)[-1] for found in load().rules if not found.audited}
    pages = {"", "docs", "errors", "schemas", "{file}", "{asset}", "portal", "openapi.json", "jwks.json"}
    # Auth records these in the organization that they concern.
    identities = {"switch", "mine", "identity", "accept"}
    assert silent == {"health", "ready", "metrics", "ping", *pages, *identities}


def test_the_permissions_of_a_role_are_its_rules() -> None:
    policy = load()
    assert "organization.delete" in policy.permissions("admin")
    assert "organization.delete" not in policy.permissions("manager")
    assert "auth.login" not in policy.permissions("user")


SHOWN = [
    ("/users/me", "/users/me"),
    ("/users/12", "/users/12"),
    ("/user/12/", "/*/12/"),
    ("/users/ann%40clinic.example", "/users/*"),
    ("/Secret123", "/*"),
    ("/timeseries/buckets/org_3_lab", "/timeseries/buckets/org_3_lab"),
    ("/timeseries/buckets/a%20long%2Fphrase%0a", "/timeseries/buckets/*/*"),
    ("/schemas/common.xsd", "/schemas/common.xsd"),
    (
        "/media/items/01890a5d-ac96-774b-bcce-b302099a8057/%ff",
        "/media/items/01890a5d-ac96-774b-bcce-b302099a8057/*",
    ),
]


def test_logged_paths_contain_only_known_segments(subtests: pytest.Subtests) -> None:
    for path, shown in SHOWN:
        with subtests.test(path):
            assert load().redact(path) == shown


def test_a_body_has_the_limit_of_its_class_and_a_class_by_its_method() -> None:
    rules = [
        rule(),
        rule(id='"user.update"', method='"PUT"'),
        rule(id='"user.patch"', method='"PATCH"', body='"none"'),
        rule(id='"user.post"', method='"POST"', body='"stream"'),
    ]
    assert [found.max_body for found in parse(HEAD + "".join(rules)).rules] == [16_384, 65_536, 16_384, None]


def key_of(kind: Kind, *scopes: str) -> ApiKey:
    return ApiKey("1", kind, "v", "admin", scopes=frozenset(scopes))


def test_api_keys_reach_only_what_a_rule_names() -> None:
    policy = parse(
        HEAD
        + '[scopes]\npeople = ["user.read"]\n'
        + rule(keys='["integration"]')
        + rule(id='"user.list"', path='"/users"', keys='["device", "integration"]')
        + rule(id='"user.open"', path='"/open"', who='"anyone"', credentials='"optional"')
        + rule(id='"user.own"', path='"/own"', who='{ admin = "self" }', keys='["device", "integration"]')
    )
    reached = {
        (kind, scopes): [entry.id for entry in policy.rules if reaches(policy, entry.id, key_of(kind, *scopes))]
        for kind, scopes in ((DEVICE, ()), (INTEGRATION, ("people",)), (INTEGRATION, ("user.list", "user.own")))
    }
    assert list(reached.values()) == [["user.list", "user.own"], ["user.read"], ["user.list"]]


def reaches(policy: Policy, rule_id: str, key: ApiKey) -> bool:
    caller = Principal("person", key.member_role, user_id=7, org_id=1, api_key=key)
    try:
        authorize(next(entry for entry in policy.rules if entry.id == rule_id), caller)
    except ServiceError:
        return False
    return True


@pytest.mark.parametrize(
    ("scopes", "entry", "problem"),
    [
        ("", {"keys": '["person"]'}, "keys must be a list of device or integration"),
        ("", {"keys": "[]"}, "keys must be a list of device or integration"),
        ("", {"keys": '["device"]', "who": '"anyone"'}, "only a route with roles can be reached by API keys"),
        ('people = ["user.read"]', {}, "people names user.read, which no integration key may reach"),
        ('people = ["user.read"]', {"keys": '["device"]'}, "people names user.read, which no integration key may"),
        ('"user.read" = ["user.read"]', {"keys": '["integration"]'}, "user.read must be a name that no rule has"),
        ("people = []", {}, "people must be a list of rules"),
    ],
)
def test_wrong_keys_and_scopes_are_named(scopes: str, entry: dict[str, str], problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        parse(f"{HEAD}[scopes]\n{scopes}\n{rule(**entry)}")
