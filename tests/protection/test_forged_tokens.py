"""No forged token is anybody, at the gateway and at each service called directly, in JSON and in XML.

Sources: RFC 8725 (JWT best current practices), RFC 7515 and 7519, CVE-2015-9235 (alg none and confusion),
CVE-2018-0114 (the token brings its key), CVE-2022-21449 (r = s = 0), CVE-2020-28042 and others of the kind.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from lxml import etree

from tests.protection import forgery
from tests.protection.forgery import ORDER, STRANGER, Forge, es256, fixed, hs256, pair, public_jwk, token
from tests.protection.stack import JSON, XML, ProtectedStack, claims_of
from tests.service.gateway.stack import GunicornProcess

# The gateway's own route shows its own verdict, the others may be refused by it or by the service behind it.
TARGETS = {
    "gateway itself": ("gateway", "/gateway/services", 403),
    "through the gateway": ("gateway", "/users/me", 200),
    "auth": ("auth", "/auth/profile", 200),
    "organization": ("organization", "/organization", 200),
    "user": ("user", "/users/me", 200),
    "media": ("media", "/media/items", 200),
    "influx": ("influx", "/timeseries/measurements", 200),
    "audit": ("audit", "/audit/events", 200),
}
YEAR = 365 * 86_400


def algorithms(forge: Forge) -> dict[str, str]:
    """RFC 8725 section 3.1: the algorithm is the key's, never the token's."""
    kept = forgery.decoded(forge.person.access_token.split(".")[2])
    made = {}
    for name in ("none", "None", "NONE", "nOnE"):
        made[f"alg {name}"] = token(forge.header(alg=name), forge.claims, fixed(b""))
        made[f"alg {name}, signature kept"] = token(forge.header(alg=name), forge.claims, fixed(kept))
    for alg in ("", None, 0, ["ES256"], "es256", "ES384", "ES256K", "RS256", "PS256", "EdDSA", "HS512", "dir"):
        made[f"alg {alg!r}"] = forge.headed(alg=alg)
    made["no alg"] = token({"typ": "JWT", "kid": forge.kid}, forge.claims, es256(forge.key))
    for form, secret in forgery.public_forms(forge.key).items():
        made[f"HS256 under {form}"] = token(forge.header(alg="HS256"), forge.claims, hs256(secret))
        made[f"HS256 under {form}, no kid"] = token({"alg": "HS256"}, forge.claims, hs256(secret))
    other = list(forge.keys)[-1]
    for form, secret in forgery.public_forms(forge.keys[other]).items():
        header = forge.header(alg="HS256", kid=other)
        made[f"HS256 under {form} of the last key"] = token(header, forge.claims, hs256(secret))
    return made


def keys(forge: Forge) -> dict[str, str]:
    """A key that nobody published verifies nothing, wherever the token says it can be found."""
    there = f"{forge.listener}/keys"
    certificate = forgery.encoded(b"0\x82").replace("-", "+")
    brought: dict[str, dict[str, Any]] = {
        "jku": {"jku": there},
        "x5u": {"x5u": there},
        "jwk": {"jwk": public_jwk(STRANGER, kid=forge.kid)},
        "x5c": {"x5c": [certificate]},
        "all of them": {"jku": there, "x5u": there, "jwk": public_jwk(STRANGER), "x5c": [certificate]},
    }
    made = {"a stranger's key": forge.headed(STRANGER), "no kid": forge.headed(kid=None)}
    made["no kid member"] = token({"alg": "ES256", "typ": "JWT"}, forge.claims, es256(forge.key))
    for name, members in brought.items():
        made[f"{name}, its kid"] = forge.headed(STRANGER, kid="stranger", **members)
        made[f"{name}, our kid"] = forge.headed(STRANGER, **members)
        made[f"{name}, our kid and key"] = forge.headed(**members)
        made[f"{name} as kid"] = forge.headed(STRANGER, kid=there)
    for place in ("../../../../etc/passwd", "/dev/null", "keys/../" + forge.kid, "file:///dev/null", f"{there}#1"):
        made[f"kid {place[:20]}"] = forge.headed(STRANGER, kid=place)
        made[f"kid {place[:20]}, HS256"] = token(forge.header(alg="HS256", kid=place), forge.claims, hs256(b""))
    for text in ("' OR '1'='1", "x' UNION SELECT 'key'--", "'; DROP TABLE heartguard_core.signing_keys; --"):
        made[f"kid {text}"] = forge.headed(STRANGER, kid=text)
    for kid in (7, True, [forge.kid], {"kid": forge.kid}, "", forge.kid + "\x00", forge.kid + " ", "k" * 2000):
        made[f"kid {str(kid)[:20]!r}"] = forge.headed(kid=kid)
    return made


def claims(forge: Forge) -> dict[str, str]:
    """Signed by the right key: what the claims say must hold as well."""
    now = forge.now
    wrong: dict[str, list[Any]] = {
        "iss": [None, "", "other", "heartguard.example", ["heartguard"], 1],
        "aud": [None, "", "other", ["other"], [], 1, {"heartguard": 1}],
        "exp": [None, now - 1, now - YEAR, str(now + YEAR), float(now + 600), True, 0, -1],
        "nbf": [now + 60, now + YEAR, "0", 1.5],
        "iat": [None, now + 60, now + YEAR, str(now), 1.5, True],
        "sub": [None, "", "0", "-1", " 1", "1_0", "1.0", "admin", 12, ["1"], "1" * 19, "\u0661"],
        "org_id": [None, "1", 1.0, True, [1]],
        "role": [None, "", "root", "Admin", "operator", "service", ["admin"], 1],
        "jti": [None, 7, ["j"]],
        "sid": [None, 7, {"s": 1}],
    }
    made = {f"{name} {value!r}"[:60]: forge.signed(**{name: value}) for name, some in wrong.items() for value in some}
    for name in ("role", "org_id", "sub", "exp"):
        body = forgery.twice(forge.claims, **{name: forge.claims[name]})
        made[f"{name} said twice"] = token(forge.header(), body, es256(forge.key))
    made["role said twice, the stronger last"] = token(
        forge.header(), forgery.twice({**forge.claims, "role": "user"}, role="admin"), es256(forge.key)
    )
    for body in (b"[]", b"null", b"1", b"", b'"claims"', b"{", b"\xef\xbb\xbf" + json.dumps(forge.claims).encode()):
        made[f"claims {body[:8]!r}"] = token(forge.header(), body, es256(forge.key))
    made["claims with NaN"] = token(forge.header(), forgery.twice(forge.claims, x=float("nan")), es256(forge.key))
    made["other role"] = forge.tampered(role="manager")
    made["other organization"] = forge.tampered(org_id=forge.claims["org_id"] + 1)
    made["other person"] = forge.tampered(sub="1")
    made["later end"] = forge.tampered(exp=forge.claims["exp"] + YEAR)
    return made


def headers(forge: Forge) -> dict[str, str]:
    """Extensions that we don't know must not be passed over (RFC 7515 section 4.1.11, RFC 7797)."""
    said_twice = forgery.twice(forge.header(), kid=forge.kid)
    alg_twice = forgery.twice({**forge.header(), "alg": "none"}, alg="ES256")
    made = {
        "crit exp": forge.headed(crit=["exp"]),
        "crit of a stranger": forge.headed(crit=["http://example.com/x"], **{"http://example.com/x": 1}),
        "crit empty": forge.headed(crit=[]),
        "crit null": forge.headed(crit=None),
        "b64 false, not critical": forge.headed(b64=False),
        "b64 false": forge.headed(b64=False, crit=["b64"]),
        "b64 true": forge.headed(b64=True, crit=["b64"]),
        "zip": forge.headed(zip="DEF"),
        "cty": forge.headed(cty="JWT"),
        "kid said twice": token(said_twice, forge.claims, es256(forge.key)),
        "alg said twice": token(alg_twice, forge.claims, es256(forge.key)),
    }
    for typ in ("JWE", "refresh", "logout+jwt", "", 1, ["JWT"], "at+jwt", "JWT;x"):
        made[f"typ {typ!r}"] = forge.headed(typ=typ)
    for header in (b"[]", b"null", b"{}", b"", b'{"alg":"ES256"', b'{"alg":"ES256","x":' + b"[" * 900 + b"}"):
        made[f"header {header[:20]!r}"] = token(header, forge.claims, es256(forge.key))
    return made


def spellings(forge: Forge) -> dict[str, str]:
    """A token has one spelling, and three segments."""
    good = forge.person.access_token
    head, body, signature = good.split(".")
    raw = es256(forge.key)
    long_body = json.dumps({**forge.claims, "x": "a"}).encode()
    while len(long_body) % 3 == 0:
        long_body += b" "
    spaced = token(forge.header(), long_body, raw)
    made = {
        "two segments": f"{head}.{body}",
        "one segment": head,
        "four segments": f"{good}.{signature}",
        "five segments": f"{good}.{signature}.{signature}",
        "only dots": "..",
        "a dot too many": good + ".",
        "a dot before": "." + good,
        "no signature": f"{head}.{body}.",
        "no header": f".{body}.{signature}",
        "no claims": f"{head}..{signature}",
        "a short signature": f"{head}.{body}.{signature[:-4]}",
        "a long signature": f"{head}.{body}.{signature}AAAA",
        "half of it": good[: len(good) // 2],
        "its last character gone": good[:-1],
        "unused bits in the signature": f"{head}.{body}.{forgery.respelled(signature)}",
        "unused bits in the claims": _respelled_claims(spaced, raw),
        "padding": f"{head}.{body}.{signature}==",
        "a letter of no alphabet": f"{head}.{body}.{signature[:10]}!{signature[10:]}",
        "a comma behind": good + ",",
        "two tokens": f"{good}, Bearer {good}",
        "Bearer twice": f"Bearer {good}",
        "in quotes": f'"{good}"',
        "r = s = 0": token(forge.header(), forge.claims, pair(0, 0)),
        "r = 0": token(forge.header(), forge.claims, pair(0, 1)),
        "r = s = n": token(forge.header(), forge.claims, pair(ORDER, ORDER)),
        "r = s = 1": token(forge.header(), forge.claims, pair(1, 1)),
        "s before r": _turned_round(forge),
        "a signature in ASN.1": token(forge.header(), forge.claims, forgery.der(forge.key)),
        "the refresh token": forge.person.refresh_token,
        "the refresh token in segments": ".".join([forge.person.refresh_token] * 3),
        "the refresh token as kid": forge.headed(STRANGER, kid=forge.person.refresh_token),
    }
    assert made["unused bits in the signature"] != good
    return made


def _respelled_claims(text: str, sign: Callable[[bytes], bytes]) -> str:
    head, body, _ = text.split(".")
    signed = f"{head}.{forgery.respelled(body)}"
    return f"{signed}.{forgery.encoded(sign(signed.encode()))}"


def _turned_round(forge: Forge) -> str:
    head, body, signature = forge.person.access_token.split(".")
    raw = forgery.decoded(signature)
    return f"{head}.{body}.{forgery.encoded(raw[32:] + raw[:32])}"


FAMILIES = (algorithms, keys, claims, headers, spellings)


class Listener:
    """A server that a token points to, and that nobody must ever ask."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listener.asked.append(self.path)
                body = json.dumps({"keys": [public_jwk(STRANGER, kid="stranger", alg="ES256", use="sig")]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_HEAD = do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    server = Listener()
    yield server
    server.close()


@pytest.fixture(scope="module")
def forge(protected_stack: ProtectedStack, listener: Listener) -> Forge:
    """The ring has two keys at least, and the person is an admin whose own token is accepted everywhere."""
    person = protected_stack.found("forged")
    ring = protected_stack.private_keys()
    return Forge(ring, claims_of(person.access_token), person, int(time.time()), listener.url)


def ask(gateway: GunicornProcess, path: str, accept: str, credentials: str) -> tuple[int, dict[str, str], bytes]:
    answer = gateway.ask("GET", path, {"Accept": accept, "Authorization": f"Bearer {credentials}"})
    return answer.status, answer.headers, answer.body


def code_of(body: bytes, accept: str) -> str | None:
    return json.loads(body)["error"]["code"] if accept == JSON else etree.fromstring(body).findtext("code")


@pytest.mark.parametrize("accept", [JSON, XML])
@pytest.mark.parametrize("target", TARGETS)
def test_a_good_token_made_in_the_same_way_is_accepted(
    protected_stack: ProtectedStack, forge: Forge, target: str, accept: str
) -> None:
    """The control: were the tools broken, every forgery would be refused for the wrong reason."""
    entry_point, path, status = TARGETS[target]
    last = list(forge.keys)[-1]
    by_each_key = (forge.signed(), forge.headed(forge.keys[last], kid=last))
    allowed = (forge.signed(nbf=forge.now), forge.signed(aud=["heartguard"]))
    for good in (forge.person.access_token, *by_each_key, *allowed):
        found, headers_, body = ask(protected_stack.entry_points[entry_point], path, accept, good)
        assert found == status, (body, good)
        assert headers_["content-type"].startswith(accept)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
@pytest.mark.parametrize("target", TARGETS)
def test_no_forged_token_is_accepted(
    protected_stack: ProtectedStack, forge: Forge, target: str, family: Callable[[Forge], dict[str, str]]
) -> None:
    entry_point, path, _ = TARGETS[target]
    accepted = []
    for name, forged in family(forge).items():
        for accept in (JSON, XML):
            status, headers_, body = ask(protected_stack.entry_points[entry_point], path, accept, forged)
            if status != 401:
                accepted.append((name, accept, status, body[:200]))
                continue
            assert code_of(body, accept) == "GEN_401_TOKEN", name
            assert headers_["www-authenticate"].startswith("Bearer"), name
    assert accepted == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_kid_of_a_megabyte_does_not_fit_into_a_header(
    protected_stack: ProtectedStack, forge: Forge, target: str
) -> None:
    """Refused by the HTTP parser with 431 (RFC 6585 section 5), which may hang up before all is read."""
    entry_point, path, status = TARGETS[target]
    huge = forge.headed(kid="k" * 1_000_000)
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {huge}\r\n\r\n".encode()
    answer = b""
    with (
        socket.create_connection(("127.0.0.1", protected_stack.entry_points[entry_point].port), timeout=60) as link,
        contextlib.suppress(ConnectionError),
    ):
        link.sendall(request)
        while block := link.recv(65536):
            answer += block
    assert answer == b"" or answer.split(b" ", 2)[1] == b"431"
    assert ask(protected_stack.entry_points[entry_point], path, JSON, forge.person.access_token)[0] == status


def test_no_url_from_a_forged_token_was_requested(protected_stack: ProtectedStack, listener: Listener) -> None:
    """Stands behind the tests above: they have sent hundreds of tokens that name this listener."""
    assert listener.asked == []
