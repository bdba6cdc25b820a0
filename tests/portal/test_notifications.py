"""Who is notified, in the portal: channels, policies, silences, and the messages about an alarm.

The system of these tests has a mail server, and may send to one host of the operator's list.
"""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.clone import Clone
from tests.mail import Mailbox, mailbox
from tests.portal.browser import Portal, chromium
from tests.portal.seeding import PASSWORD, Organization, found, spike
from tests.portal.test_access import NARROW, violations
from tests.portal.test_alarms import ATTACK
from tests.servers import free_port, until

pytest.importorskip("playwright")
from playwright.sync_api import expect


class Listener(BaseHTTPRequestHandler):
    """Takes what is posted."""

    taken: list[bytes]

    def do_POST(self) -> None:
        self.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def mail() -> Iterator[Mailbox]:
    """The mail server."""
    chromium()
    with mailbox() as it:
        yield it


@pytest.fixture(scope="module")
def chat() -> Iterator[type[Listener]]:
    """A chat service, by the URL `json://127.0.0.1:PORT/`."""
    handler = type("Chat", (Listener,), {"taken": []})
    with ThreadingHTTPServer(("127.0.0.1", free_port()), handler) as server:
        handler.port = server.server_port  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield handler
        server.shutdown()
        thread.join()


NOBODY_LISTENS = free_port()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, mail: Mailbox, chat: Any) -> Iterator[str]:
    """A system of its own, as a person starts it."""
    clone = Clone.make(tmp_path_factory.mktemp("notified"))
    clone.hash_lightly()
    url = f"http://127.0.0.1:{clone.ports['gateway']}"
    hosts = f"127.0.0.1:{chat.port},127.0.0.1:{NOBODY_LISTENS}"
    try:
        started = clone.start(HEARTGUARD_ENV="test", PUBLIC_URL=url, SMTP_URL=mail.url(), ALARM_HOSTS=hosts)
        assert started.returncode == 0, started.stdout + started.stderr
        yield url
    finally:
        clone.stop()


@pytest.fixture
def open_as(context: Any, url: str) -> Iterator[Callable[[str], Portal]]:
    """Opens the portal with somebody logged in; at the end it must be without errors, and have asked for XML only."""
    opened: list[Portal] = []

    def make(email: str) -> Portal:
        opened.append(Portal.opened(context, url))
        opened[-1].log_in(email)
        return opened[-1]

    yield make
    for portal in opened:
        portal.check()


def channel(ours: Organization, name: str, target: str) -> str:
    return str(ours.post("/alarms/channels", {"name": name, "kind": "apprise", "url": target})["id"])


def policy(ours: Organization, name: str, *channels: str, **more: object) -> str:
    steps = [{"after_seconds": 0, "channels": list(channels)}]
    document = {"name": name, "steps": steps, "group_wait_seconds": 0, **more}
    return str(ours.post("/alarms/policies", document)["id"])


def test_an_address_is_verified_by_the_code_that_it_gets(
    url: str, mail: Mailbox, open_as: Callable[[str], Portal]
) -> None:
    found(url, "admin@channels.example", "Channels")
    portal = open_as("admin@channels.example")
    portal.expected = ("422",)
    page = portal.page
    portal.go("alarms")
    page.get_by_role("link", name="Who is notified").click()
    expect(page.get_by_text("HeartGuard is not a medical device.")).to_be_visible()
    expect(page.get_by_text("Nobody gets messages about alarms.")).to_be_visible()
    page.get_by_role("button", name="New channel").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(ATTACK)
    dialog.get_by_label("Member").select_option(label="Dr. Lucía Martín")
    dialog.get_by_role("button", name="Make the channel").click()
    rows = page.get_by_role("region", name="Channels").locator("tbody tr")
    expect(rows).to_contain_text([ATTACK])
    assert page.locator("main img, main script").count() == 0

    page.get_by_role("button", name="New channel").click()
    dialog.get_by_label("Kind").select_option(label="E-mail to an address")
    dialog.get_by_label("Name").fill("Ward phone")
    dialog.get_by_label("E-mail address").fill("ward@channels.example")
    dialog.get_by_role("button", name="Make the channel").click()
    expect(dialog).to_contain_text("A code was sent to w...@channels.example")
    dialog.get_by_label("Code").fill("AAAAA-AAAAA")
    dialog.get_by_role("button", name="Enter the code", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("The code is wrong")
    until(lambda: "ward@channels.example" in mail.recipients, "the code arrived")
    dialog.get_by_role("button", name="Send a new code").click()
    expect(dialog).to_contain_text("A new code is on its way")
    until(lambda: mail.recipients.count("ward@channels.example") == 2, "the new code arrived")
    last = len(mail.recipients) - 1 - mail.recipients[::-1].index("ward@channels.example")
    text = mail.messages[last].get_body(("plain",)).get_content()
    code = re.search(r"\b[2-9A-Z]{5}-[2-9A-Z]{5}\b", text)
    assert code
    dialog.get_by_label("Code").fill(code[0])
    dialog.get_by_role("button", name="Enter the code", exact=True).click()
    expect(rows.nth(1)).to_contain_text("Ready")
    rows.nth(1).get_by_role("button", name="Test Ward phone").click()
    expect(rows.nth(1)).to_contain_text("The test is on its way.")
    until(lambda: mail.recipients.count("ward@channels.example") == 3, "the test arrived")


def test_services_are_tried_changed_and_deleted(url: str, chat: Any, open_as: Callable[[str], Portal]) -> None:
    found(url, "admin@services.example", "Services")
    portal = open_as("admin@services.example")
    portal.expected = ("422",)
    page = portal.page
    portal.go("notifications")
    dialog = page.get_by_role("dialog")
    rows = page.get_by_role("region", name="Channels").locator("tbody tr")
    for name, port, result in (
        ("Chat", chat.port, "The test was sent."),
        ("Dead chat", NOBODY_LISTENS, "The test has failed. The service could not be reached"),
    ):
        page.get_by_role("button", name="New channel").click()
        dialog.get_by_label("Kind").select_option(label="Chat or push service")
        dialog.get_by_label("Name").fill(name)
        dialog.get_by_label("URL of Apprise").fill("json://127.0.0.1:1/")
        dialog.get_by_role("button", name="Make the channel").click()
        expect(dialog.get_by_role("alert")).to_contain_text("This can't be used as it is.")
        expect(dialog.get_by_role("alert")).to_contain_text("names a host that is not in ALARM_HOSTS")
        dialog.get_by_label("URL of Apprise").fill(f"json://127.0.0.1:{port}/secretword")
        dialog.get_by_role("button", name="Make the channel").click()
        row = rows.filter(has_text=f"127.0.0.1:{port}")
        row.get_by_role("button", name=f"Test {name}").click()
        expect(row).to_contain_text(result)
    expect(page.locator("main")).not_to_contain_text("secretword")
    assert chat.taken

    page.get_by_role("button", name="Change Dead chat").click()
    dialog.get_by_label("Name").fill("Old chat")
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Delete Old chat").click()
    assert violations(portal) == []
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(rows).to_have_count(1)


def test_a_policy_is_made_and_changed(url: str, chat: Any, open_as: Callable[[str], Portal]) -> None:
    ours = found(url, "admin@policies.example", "Policies")
    channel(ours, "Chat", f"json://127.0.0.1:{chat.port}/")
    channel(ours, ATTACK, f"json://127.0.0.1:{NOBODY_LISTENS}/")
    portal = open_as("admin@policies.example")
    portal.expected = ("422",)
    page = portal.page
    portal.go("notifications")
    page.get_by_role("link", name="New policy").click()
    expect(page.get_by_text("HeartGuard is not a medical device.")).to_be_visible()
    page.get_by_label("Name", exact=True).fill(ATTACK)
    page.get_by_role("button", name="Make the policy").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose at least one channel for step 1.")
    page.get_by_role("group", name="Step 1").get_by_label("Chat").check()
    page.get_by_role("button", name="Add a step").click()
    second = page.get_by_role("group", name="Step 2")
    second.get_by_label(ATTACK).check()
    second.get_by_label("Minutes after the alarm was raised").fill("0")
    page.get_by_role("button", name="Make the policy").click()
    expect(page.get_by_role("alert")).to_contain_text("steps/1/after_seconds: must be later than the step before")
    second.get_by_label("Minutes after the alarm was raised").fill("7.5")
    page.get_by_text("Quiet hours", exact=True).click()
    page.get_by_role("button", name="Add times").click()
    page.get_by_role("group", name="Times 1").get_by_label("Sun").uncheck()
    page.get_by_label("For all rules that name no other policy").check()
    page.get_by_role("button", name="Make the policy").click()
    policies = page.get_by_role("region", name="Notification policies").locator("tbody tr")
    expect(policies).to_have_count(1)
    expect(policies).to_contain_text("Default")
    expect(policies).to_contain_text("After 30s: Chat")
    expect(policies).to_contain_text(f"After 8m: {ATTACK}")
    expect(policies).to_contain_text("severity and link")
    assert page.locator("main img, main script").count() == 0

    policies.get_by_role("link").click()
    expect(page.get_by_role("group", name="Step 2").get_by_label("Minutes after")).to_have_value("7.5")
    expect(page.get_by_role("group", name="Times 1").get_by_label("Sun")).not_to_be_checked()
    page.get_by_label("Name", exact=True).fill("All")
    page.get_by_role("button", name="Remove step 2").click()
    page.get_by_label("Messages say the name of the person and the value").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All")


def test_a_rule_names_its_policy(url: str, chat: Any, open_as: Callable[[str], Portal]) -> None:
    ours = found(url, "admin@named.example", "Named")
    it = channel(ours, "Chat", f"json://127.0.0.1:{chat.port}/")
    policy(ours, "All", it, default=True)
    night = policy(ours, "Night", it)
    rule = ours.rule("Very high", 150, enabled=False)
    portal = open_as("admin@named.example")
    portal.expected = ("409",)
    page = portal.page
    portal.go("rules")
    expect(page.locator("tbody tr")).to_contain_text(["All"])
    page.get_by_role("link", name="Very high").click()
    notified = page.get_by_label("Who is notified")
    expect(notified.locator("option").first).to_have_text("As by default: All")
    notified.select_option(label="Night")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Versions").locator("tbody tr")).to_have_count(2)
    portal.go("rules")
    expect(page.locator("tbody tr")).to_contain_text(["Night"])
    portal.go(f"notifications/{night}")
    page.get_by_role("button", name="Delete policy").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete policy").click()
    expect(dialog.get_by_role("alert")).to_contain_text("It is still used")
    dialog.get_by_role("button", name="Cancel").click()
    portal.go(f"rules/{rule}")
    notified.select_option(value="")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Versions").locator("tbody tr")).to_have_count(3)
    portal.go("rules")
    expect(page.locator("tbody tr")).to_contain_text(["All"])
    portal.go(f"notifications/{night}")
    page.get_by_role("button", name="Delete policy").click()
    dialog.get_by_role("button", name="Delete policy").click()
    expect(page.get_by_role("region", name="Notification policies").locator("tbody tr")).to_have_count(1)


def test_a_manager_sees_who_is_notified(notified: Organization, open_as: Callable[[str], Portal]) -> None:
    portal = open_as("manager@notified.example")
    page = portal.page
    portal.go("notifications")
    policies = page.get_by_role("region", name="Notification policies").locator("tbody tr")
    expect(policies).to_contain_text("All")
    for name in ("New channel", "Test Chat", "Delete Chat"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    policies.get_by_role("link").click()
    expect(page.get_by_label("Name", exact=True)).to_be_disabled()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)


@pytest.fixture(scope="module")
def notified(url: str, chat: Any) -> Organization:
    """Two people with alarms; messages go to a chat that takes them, and to one that is not there."""
    ours = found(url, "admin@notified.example", "Notified")
    people = [ours.add(name, f"{name.split()[0].lower()}@notified.example") for name in ("Ana García", "Bruno Ruiz")]
    ours.post("/auth/register", {"email": "manager@notified.example", "password": PASSWORD, "role": "manager"})
    alive = channel(ours, "Chat", f"json://127.0.0.1:{chat.port}/")
    dead = channel(ours, "Dead chat", f"json://127.0.0.1:{NOBODY_LISTENS}/")
    policy(ours, "All", alive, dead, default=True)
    ours.rule("High heart rate", 115)
    for person in people:
        spike(ours, person, 124, 131)
    ours.wait_for_alarms(2)
    return ours


def test_messages_show_what_was_sent_and_what_failed(notified: Organization, open_as: Callable[[str], Portal]) -> None:
    ana = next(iter(notified.people))
    alarm = notified.alarms(user_id=str(ana))[0]["id"]
    portal = open_as(notified.admin)
    portal.go(f"alarms/{alarm}")
    messages = portal.page.get_by_role("region", name="Messages")
    refused = messages.locator("tbody tr", has_text="Dead chat")

    def tried() -> bool:
        messages.get_by_role("button", name="Load again").click()
        portal.settle()
        return "did not take the message" in messages.inner_text()

    until(tried, "an attempt has failed", seconds=60)
    expect(refused).to_contain_text("Waits to be sent")
    expect(refused).to_contain_text("Step 1")
    expect(messages.locator("tbody tr").filter(has_text=re.compile("(?<!Dead )Chat"))).to_contain_text(["Sent"])


def test_an_alarm_is_silenced_and_the_silence_is_seen_and_ended(
    notified: Organization, open_as: Callable[[str], Portal]
) -> None:
    bruno = list(notified.people)[1]
    alarm = notified.alarms(user_id=str(bruno))[0]["id"]
    portal = open_as(notified.admin)
    portal.expected = ("422",)
    page = portal.page
    portal.go(f"alarms/{alarm}")
    page.get_by_role("button", name="Silence", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Which alarms").select_option(label="All alarms of Bruno Ruiz")
    dialog.get_by_label("Reason").fill(ATTACK)
    dialog.get_by_label("Until").fill("2020-01-01T10:00")
    dialog.get_by_role("button", name="Silence", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("ends_at: must be later than the begin")
    assert violations(portal) == []
    dialog.get_by_label("Until").fill(page.evaluate("new Date(Date.now() + 86400000).toISOString().slice(0, 16)"))
    dialog.get_by_role("button", name="Silence", exact=True).click()
    shown = page.get_by_role("region", name="Silenced now")
    expect(shown).to_contain_text("All alarms of Bruno Ruiz")
    portal.go(f"alarms/{notified.alarms(user_id=str(next(iter(notified.people))))[0]['id']}")
    expect(page.get_by_role("region", name="Messages")).to_be_visible()
    portal.settle()
    expect(shown).to_have_count(0)
    portal.go("alarms")
    expect(shown.get_by_role("listitem")).to_have_count(1)
    expect(shown).to_contain_text("by Dr. Lucía Martín, until")
    expect(shown).to_contain_text(ATTACK)
    assert page.locator("main img, main script").count() == 0
    assert violations(portal) == []
    shown.get_by_role("button", name="End the silence: All alarms of Bruno Ruiz").click()
    expect(shown).to_have_count(0)


def test_a_member_sees_the_messages_about_own_alarms(notified: Organization, open_as: Callable[[str], Portal]) -> None:
    ana = next(iter(notified.people))
    portal = open_as("ana@notified.example")
    portal.go(f"alarms/{notified.alarms(user_id=str(ana))[0]['id']}")
    expect(portal.page.get_by_role("region", name="Messages")).to_contain_text("Chat or push service")
    expect(portal.page.get_by_role("button", name="Silence", exact=True)).to_have_count(0)
    portal.go("notifications")
    expect(portal.page.get_by_role("heading", level=1)).to_have_text("Ana García")


def test_axe_finds_nothing_and_nothing_is_too_wide(
    notified: Organization, open_as: Callable[[str], Portal], subtests: pytest.Subtests
) -> None:
    portal = open_as(notified.admin)
    alarm = notified.alarms()[0]["id"]
    for path in ("notifications", "notifications/new", f"alarms/{alarm}", "rules"):
        with subtests.test(path):
            portal.page.emulate_media(color_scheme="light")
            portal.page.set_viewport_size({"width": 1280, "height": 900})
            portal.go(path)
            portal.page.locator("h1").wait_for()
            assert violations(portal) == []
            portal.page.emulate_media(color_scheme="dark")
            portal.page.set_viewport_size({"width": NARROW, "height": 740})
            assert violations(portal) == []
            assert portal.page.evaluate("document.documentElement.scrollWidth") <= NARROW
