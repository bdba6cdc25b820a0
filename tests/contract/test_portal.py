"""The portal against the policy, its texts in two languages, what it vendors, and what it weighs."""

import fnmatch
import gzip
import hashlib
import re
import tomllib

import pytest

from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.identity import policy

PORTAL = REPO_ROOT / "portal"
ROUTES = tomllib.loads((PORTAL / "routes.toml").read_text(encoding="utf-8"))
RULES = policy.load().rules
SCRIPTS = {
    path: path.read_text(encoding="utf-8")
    for folder in ("core", "screens")
    for path in sorted((PORTAL / folder).glob("*.js"))
    if path.name != "contract.js"
}
TEXT = re.compile(r'^  ("[^"]+"): ("(?:[^"\\]|\\.)*"),$', re.MULTILINE)
FIRST_VIEW = 150_000  # bytes as they are sent, of the page and all that it loads until somebody can log in
LOGIN = ("core", "vendor", "styles")
LATER = ("uplot.js", "data.js", "windows.js")


def left_out(rule: policy.RouteRule) -> list[str]:
    """The reasons for which routes.toml leaves out a rule."""
    who = set(rule.who) if not isinstance(rule.who, str) else set()
    words = {"operator" if who == {"operator"} else "", "service" if who == {"service"} else ""}
    return [
        group["reason"]
        for group in ROUTES["left_out"]
        if any(name in words or fnmatch.fnmatchcase(rule.id, name) for name in group["routes"])
    ]


def texts(language: str) -> dict[str, str]:
    """The texts of a language by key."""
    body = (PORTAL / "texts" / f"{language}.js").read_text(encoding="utf-8")
    found = TEXT.findall(body)
    assert len(found) == body.count("\n") - 3, "a line that is no text"
    return {key.strip('"'): value.strip('"') for key, value in found}


def test_every_route_is_called_or_left_out_for_a_reason() -> None:
    for rule in RULES:
        reasons = left_out(rule)
        assert (rule.id in ROUTES["used"]) != bool(reasons), (rule.id, reasons)
    names = {rule.id for rule in RULES}
    for group in ROUTES["left_out"]:
        for name in group["routes"]:
            assert name in {"operator", "service"} or fnmatch.filter(names, name), f"{name} is no route"


def test_the_code_calls_what_the_list_says() -> None:
    source = "\n".join(SCRIPTS.values())
    called = set(re.findall(r'\b(?:call|upload|useJob|stream)\("([a-z_.]+)"', source))
    assert called == set(ROUTES["used"])


def test_both_languages_have_the_same_texts() -> None:
    english, spanish = texts("en"), texts("es")
    assert english.keys() == spanish.keys()
    for key, text in english.items():
        assert text, key
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", spanish[key])), key


def test_every_text_that_is_asked_for_exists_and_every_text_is_asked_for() -> None:
    known = set(texts("en"))
    source = "\n".join(SCRIPTS.values())
    asked = set(re.findall(r'\bt\(\s*"([\w.]+)"', source))
    asked |= {word for test in re.findall(r"\bt\([^()`]*\?[^()`]*", source) for word in re.findall(r'"([\w.]+)"', test)}
    shown = {key.removesuffix(".one").removesuffix(".other") for key in known}
    assert {key for key in asked if "." in key} <= shown
    assert {key for key in asked if "." not in key} - shown <= {""}
    beginnings = (*re.findall(r"(?:\bt|has)\(`([\w.]+)\$", source), "error.", "nav.")
    assert {key for key in shown if key not in asked and not key.startswith(beginnings)} == set()


def test_vendored_libraries_are_the_recorded_bytes_with_their_licence() -> None:
    """`python services/gateway/vendor.py` makes the same files again from the registry."""
    directory = PORTAL / "vendor"
    libraries = tomllib.loads((directory / "vendored.toml").read_text(encoding="utf-8"))["libraries"]
    for library in libraries:
        body = (directory / library["file"]).read_bytes()
        assert hashlib.sha256(body).hexdigest() == library["sha256"], library["file"]
        assert library["licence"] in (directory / f"{library['file']}.LICENSE").read_text(encoding="utf-8")
        assert re.fullmatch(r"\d+\.\d+\.\d+", library["version"])
    names = {library["file"] for library in libraries}
    types = {name.replace(".js", ".d.ts") for name in names if name.endswith(".js")}
    licences = {f"{name}.LICENSE" for name in names}
    assert {path.name for path in directory.iterdir()} == {"vendored.toml", *names, *types, *licences}


@pytest.mark.parametrize(
    "forbidden", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
)
def test_no_script_makes_markup_or_code_of_text(forbidden: str) -> None:
    assert [path.name for path, text in SCRIPTS.items() if forbidden in text] == []


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere() -> None:
    page = (PORTAL / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|https?://", page)
    assert page.count("VERSION") == page.count("/portal/VERSION/")


def test_the_first_view_is_light() -> None:
    files = [path for folder in LOGIN for path in (PORTAL / folder).iterdir() if path.suffix in (".js", ".css")]
    files += [PORTAL / "index.html", PORTAL / "screens/login.js", PORTAL / "texts/es.js"]
    sent = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files if path.name not in LATER)
    assert sent < FIRST_VIEW


def test_files_are_small() -> None:
    assert {path.name: text.count("\n") for path, text in SCRIPTS.items() if text.count("\n") > 400} == {}
