"""Cross-origin requests to the running system: one origin is allowed, and nothing that only resembles it."""

import pytest
import requests

from tests.protection.callers import PASSWORD, World
from tests.running import PORTAL
from tests.security.raw_requests import bearer, request, send

FOREIGN_ORIGINS = [
    "null", "*", "https://evil.example", "http://portal.example", "https://portal.example:8443",
    "https://portal.example:443", "https://portal.example.", "https://portal.example/", "https://portal.example.evil.example",
    "https://evil-portal.example", "https://evilportal.example", "https://sub.portal.example", "https://portal.exampl",
    "https://portal.example@evil.example", "https://user@portal.example", "HTTPS://PORTAL.EXAMPLE", "https://Portal.example",
    "https://portal.example, https://evil.example", "https://evil.example, https://portal.example",
    "https://portal.example https://evil.example", "https://portal.example%00.evil.example", "https://portal.example#x",
    "portal.example", "//portal.example", "https:portal.example", "https://p\u043ertal.example", "file://", "https://",
]  # fmt: skip


def allowed(answer: requests.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower().startswith("access-control-")}


def test_a_foreign_origin_gets_no_cors_headers(subtests: pytest.Subtests, world: World) -> None:
    for origin in FOREIGN_ORIGINS:
        with subtests.test(origin):
            who = world.regulars["user"]
            asked = {"Origin": origin.encode(), "Access-Control-Request-Method": "PUT"}
            for method, path, more in (
                ("OPTIONS", "/users/me", {"Access-Control-Request-Headers": "Authorization, X-Evil"}),
                ("OPTIONS", "/nowhere", {}),
                ("GET", "/users/me", who.bearer),
                ("GET", "/users/me", {}),
                ("GET", "/nowhere", {}),
                ("GET", "/openapi.json", {}),
                ("GET", "/users/%2e", {}),
            ):
                answer = requests.request(method, world.urls["gateway"] + path, headers={**asked, **more}, timeout=60)
                assert not allowed(answer), (method, path)
                assert "Origin" in answer.headers["Vary"]


def test_the_portal_gets_exactly_the_cors_headers_it_needs(world: World) -> None:
    url = world.urls["gateway"] + "/users/me"
    asked = {
        "Origin": PORTAL, "Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "X-Evil, X-Role",
        "Access-Control-Request-Private-Network": "true",
    }  # fmt: skip
    preflight = requests.options(url, headers=asked, timeout=60)
    assert (preflight.status_code, preflight.content) == (204, b"")
    headers = allowed(preflight)
    assert headers["Access-Control-Allow-Origin"] == PORTAL
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert {word.strip() for word in headers["Access-Control-Allow-Methods"].split(",")} == {
        "GET",
        "HEAD",
        "OPTIONS",
        "PUT",
    }
    assert not {"x-evil", "x-role", "*"} & {
        word.strip() for word in headers["Access-Control-Allow-Headers"].lower().split(",")
    }
    assert "Access-Control-Allow-Private-Network" not in headers
    plain = allowed(requests.get(url, headers={**world.regulars["user"].bearer, "Origin": PORTAL}, timeout=60))
    assert plain["Access-Control-Allow-Origin"] == PORTAL
    assert "*" not in plain.values()


def test_a_page_of_the_same_origin_uses_the_cookie(world: World) -> None:
    """The portal, whose requests the browser itself marks; the cookie goes with no request of another site."""
    who, url = world.member("user"), world.urls["gateway"] + "/auth/"
    login = requests.post(url + "login?cookie=1", json={"email": who.email, "password": PASSWORD}, timeout=60)
    words = login.headers["Set-Cookie"].split("; ")[1:]
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/auth"} <= set(words)
    (cookie,) = login.cookies
    headers = {"Cookie": f"{cookie.name}={cookie.value}", "Sec-Fetch-Site": "same-origin"}
    assert requests.post(url + "refresh", headers=headers, timeout=60).status_code == 200


def test_two_origin_headers_match_no_origin(world: World) -> None:
    for origins in ((PORTAL, "https://evil.example"), ("https://evil.example", PORTAL), (PORTAL, PORTAL)):
        lines = [f"Origin: {origin}" for origin in origins]
        data = request("GET", "/users/me", *lines, *bearer(world.regulars["user"].bearer), "Connection: close")
        answer = send(world.urls["gateway"], data)
        assert not [name for name, _ in answer.fields if name.startswith("access-control-")]


@pytest.mark.parametrize("entry_point", ["auth", "user", "media"])
def test_services_send_no_cors_headers(world: World, entry_point: str) -> None:
    path = {"auth": "/auth/profile", "user": "/users/me", "media": "/media/items"}[entry_point]
    headers = {**world.regulars["user"].bearer, "Origin": PORTAL}
    assert not allowed(requests.get(world.urls[entry_point] + path, headers=headers, timeout=60))


def test_no_other_origin_uses_the_cookie(world: World) -> None:
    """A foreign page makes the browser send it; only the portal's request counts."""
    who, url = world.member("user"), world.urls["gateway"] + "/auth/"
    login = requests.post(url + "login?cookie=1", json={"email": who.email, "password": PASSWORD}, timeout=60)
    (cookie,) = login.cookies
    sent = {"Cookie": f"{cookie.name}={cookie.value}"}
    for origin in (*FOREIGN_ORIGINS, ""):
        answer = requests.post(url + "refresh", headers={**sent, "Origin": origin.encode()}, timeout=60)
        assert answer.status_code == 403, origin
        assert "Set-Cookie" not in answer.headers
    assert requests.post(url + "refresh", headers=sent, timeout=60).status_code == 403
    for site in ("same-site", "cross-site", "none", "same-origin, cross-site", "Same-Origin"):
        answer = requests.post(url + "refresh", headers={**sent, "Sec-Fetch-Site": site}, timeout=60)
        assert answer.status_code == 403, site
    assert requests.post(url + "refresh", headers={**sent, "Origin": PORTAL}, timeout=60).status_code == 200
