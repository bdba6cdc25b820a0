"""Alarms and rules in the portal: found, acknowledged, closed; made, rehearsed, changed."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.portal.browser import Portal
from tests.portal.seeding import Organization, found, spike
from tests.portal.test_access import NARROW, violations
from tests.servers import until

pytest.importorskip("playwright")
from playwright.sync_api import expect

ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>&amp;'\"]]>"

LISTEN = """() => {
    const said = document.getElementById("said");
    window.heard = [];
    new MutationObserver(() => window.heard.push(said.textContent)).observe(said, { childList: true });
}"""


@pytest.fixture
def staff(open_portal: Callable[[], Portal], alarmed: Organization) -> Portal:
    """The portal with the ward's admin logged in."""
    portal = open_portal()
    portal.log_in(alarmed.admin)
    return portal


def test_an_alarm_is_first_and_is_acknowledged_noted_and_closed(staff: Portal, alarmed: Organization) -> None:
    page = staff.page
    rows = page.locator(".people .rows .line")
    expect(rows.nth(0)).to_contain_text("Ana García")
    expect(rows.nth(0)).to_contain_text("Critical +1")
    expect(rows.nth(1)).to_contain_text("Bruno Ferreira")
    expect(rows.nth(3)).to_contain_text("David Okafor")
    expect(page.get_by_role("navigation").get_by_role("link", name="Alarms 4")).to_be_visible()
    rows.nth(2).get_by_role("link", name="Warning: High heart rate, Carla Ruiz").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("High heart rate")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.locator("dl.pairs").first).to_contain_text("Heart rate: above 115 bpm")
    expect(page.locator("dl.pairs").first).to_contain_text("Over")
    page.get_by_text(re.compile("^Show .* as a table")).click()
    region = page.get_by_role("region", name="The values of the chart")
    expect(region.locator("tbody td.number")).to_have_text(["121 ", "119 ", "90 "])
    page.get_by_label("Note").fill("I have called her")
    page.get_by_role("button", name="Acknowledge").click()
    history = page.locator("ol.history li")
    expect(history.first).to_contain_text("Acknowledged · Dr. Lucía Martín")
    expect(history.first.locator("blockquote")).to_have_text("I have called her")
    page.get_by_role("button", name="Add a note").click()
    page.get_by_role("dialog").get_by_label("Note").fill(ATTACK)
    page.get_by_role("dialog").get_by_role("button", name="Add a note").click()
    expect(history.first.locator("blockquote")).to_have_text(ATTACK)
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("dialog").get_by_label("Reason").fill("She was running")
    page.get_by_role("dialog").get_by_role("button", name="Close", exact=True).last.click()
    expect(history.first).to_contain_text("Closed")
    expect(page.get_by_role("navigation").get_by_role("link", name="Alarms 3")).to_be_visible()
    stored = {str(it["user_id"]): it for it in alarmed.alarms(acknowledged="true")}
    assert [it["closed"] for it in stored.values()] == [True]


def test_the_inbox_is_filtered_and_acknowledges_at_once(staff: Portal, alarmed: Organization) -> None:
    page = staff.page
    staff.go("alarms")
    rows = page.locator("table.inbox tbody tr")
    expect(rows.first).to_contain_text("Critical")
    page.get_by_label("Severity").select_option("critical")
    expect(rows).to_have_count(1)
    page.get_by_label("Severity").select_option("")
    page.get_by_label("Person").select_option(label="Bruno Ferreira")
    expect(rows).to_have_count(1)
    rows.get_by_role("button", name="Acknowledge: High heart rate, Bruno Ferreira").click()
    expect(rows).to_contain_text("Active · acknowledged")
    page.get_by_role("button", name="Not acknowledged").click()
    expect(page.get_by_text("No alarm matches the filters.")).to_be_visible()
    page.get_by_label("Person").select_option("")
    page.get_by_role("button", name="All", exact=True).click()
    page.get_by_label("Rule", exact=True).select_option(label="High heart rate")
    expect(rows).to_have_count(3)
    page.reload()
    expect(rows).to_have_count(3)  # the address has the filters


def test_a_new_alarm_is_announced_on_any_screen(open_portal: Callable[[], Portal], alarmed: Organization) -> None:
    portal = open_portal()
    portal.page.clock.install()
    portal.log_in(alarmed.admin)
    portal.go("members")
    expect(portal.page.get_by_role("navigation").get_by_role("link", name=re.compile("Alarms [0-9]"))).to_be_visible()
    portal.page.evaluate(LISTEN)
    before = len(alarmed.alarms())
    spike(alarmed, list(alarmed.people)[3], 190)
    alarmed.wait_for_alarms(before + 2)
    portal.page.clock.fast_forward(61_000)  # for a system whose stream has no alarms
    wanted = "New alarm, Critical: Very high heart rate, David Okafor. And 1 more."
    until(lambda: wanted in portal.page.evaluate("() => window.heard"), "the alarm is announced", seconds=30)


def test_a_member_sees_their_own_alarms_and_can_not_acknowledge(
    open_portal: Callable[[], Portal], alarmed: Organization
) -> None:
    portal = open_portal()
    portal.expected = ("404",)
    portal.log_in("bruno@ward.example")
    portal.page.get_by_role("navigation").get_by_role("link", name=re.compile("Alarms")).click()
    portal.page.get_by_role("button", name="All", exact=True).click()
    rows = portal.page.locator("table.inbox tbody tr")
    expect(rows).to_have_count(1)
    expect(portal.page.get_by_role("button", name=re.compile("Acknowledge"))).to_have_count(0)
    rows.get_by_role("link").click()
    expect(portal.page.get_by_role("heading", level=1)).to_have_text("High heart rate")
    expect(portal.page.get_by_text("Your organization sees this alarm too")).to_be_visible()
    expect(portal.page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    other = alarmed.alarms(user_id=str(next(iter(alarmed.people))))[0]["id"]
    portal.go(f"alarms/{other}")
    expect(portal.page.get_by_role("alert")).to_contain_text("This alarm does not exist, or is not yours to see.")
    portal.go("rules")
    expect(portal.page.get_by_role("heading", level=1)).to_have_text("Bruno Ferreira")


def test_a_rule_is_rehearsed_on_real_values_before_it_is_made(
    open_portal: Callable[[], Portal], place: Organization
) -> None:
    ours = found(place.url, "rules@rules.example", "Rules")
    person = ours.add("Ana García", "ana@rules.example")
    hour = 3600
    now = int(time.time())
    high = {now - 30 * hour: 151, now - 20 * hour: 163, now - 10 * hour: 170}  # three times, each for one sample
    calm = [(at, 70) for at in range(now - 40 * hour, now - hour, 120) if all(abs(at - it) > 90 for it in high)]
    ours.write(iter([f"heart_rate,user_id={person} bpm={bpm} {at}" for at, bpm in [*calm, *high.items()]]))
    portal = open_portal()
    portal.expected = ("422",)
    portal.log_in("rules@rules.example")
    portal.go("rules")
    page = portal.page
    expect(page.get_by_text("HeartGuard is not a medical device.")).to_be_visible()
    page.get_by_role("link", name="New rule").click()
    expect(page.get_by_text("HeartGuard is not a medical device.")).to_be_visible()
    page.get_by_label("Name").fill(ATTACK)
    page.get_by_label("Threshold (bpm)").first.fill("150")
    page.get_by_label("For how long, in minutes").fill("0")
    page.get_by_text("End, gaps and tolerance").click()
    page.get_by_label("Normal for, in minutes").fill("0")
    page.get_by_role("button", name="Try it").click()
    result = page.locator(".result")
    expect(result.get_by_role("status")).to_contain_text("3 alarms")
    expect(result.get_by_role("figure")).to_be_visible()
    expect(result.locator("tbody tr")).to_have_count(3)
    page.get_by_label("Threshold (bpm)").first.fill("165")
    expect(result).to_contain_text("The rule has changed since.")
    page.get_by_role("button", name="Try it").click()
    expect(result.get_by_role("status")).to_contain_text("1 alarm")
    page.get_by_label("Normal again at").first.fill("180")
    page.get_by_role("button", name="Make the rule").click()
    expect(page.get_by_role("alert")).to_contain_text("contradict")
    page.get_by_label("Normal again at").first.fill("150")
    page.get_by_role("button", name="Make the rule").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(ATTACK)


def test_a_rule_is_changed_turned_on_and_deleted(open_portal: Callable[[], Portal], place: Organization) -> None:
    ours = found(place.url, "changes@rules.example", "Changes")
    made = ours.rule(ATTACK, 150, enabled=False)
    portal = open_portal()
    portal.log_in("changes@rules.example")
    portal.go(f"rules/{made}")
    page = portal.page
    page.get_by_label("Name").fill("Very high")
    page.get_by_role("button", name="Save").click()
    versions = page.get_by_role("region", name="Versions").locator("tbody tr")
    expect(versions).to_have_count(2)
    expect(versions.first).to_contain_text("version 2")
    expect(versions.last).to_contain_text(ATTACK)
    expect(page.get_by_role("heading", level=1)).to_have_text("Very high")
    portal.go("rules")
    page.get_by_role("switch", name="Very high is on").click()
    expect(page.get_by_role("switch", name="Very high is on")).to_be_checked()
    page.get_by_role("button", name="Add default rules").click()
    expect(page.get_by_role("link", name="Low heart rate at rest")).to_be_visible()
    page.get_by_role("link", name="Very high", exact=True).click()
    page.get_by_role("button", name="Delete rule").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete rule").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rules")
    expect(page.get_by_role("link", name="Very high", exact=True)).to_have_count(0)


def test_a_rule_about_missing_values_is_rehearsed_and_made(
    open_portal: Callable[[], Portal], place: Organization
) -> None:
    ours = found(place.url, "silent@rules.example", "Silent")
    person = ours.add("Ana García", "ana@silent.example")
    now = int(time.time())
    ours.write(iter([f"heart_rate,user_id={person} bpm=70 {at}" for at in range(now - 7200, now - 3600, 60)]))
    portal = open_portal()
    portal.log_in("silent@rules.example")
    portal.go("rules/new")
    page = portal.page
    page.get_by_label("Name").fill("No values")
    page.get_by_label("Condition").select_option("no_data")
    expect(page.get_by_label("For how long, in minutes")).to_have_count(0)
    page.get_by_label("No value for, in minutes").fill("20")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator(".result").get_by_role("status")).to_contain_text("1 alarm")  # from 20 minutes after the last
    expect(page.locator(".result tbody tr")).to_contain_text("until the end")
    page.get_by_role("button", name="Make the rule").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No values")
    portal.go("rules")
    expect(page.get_by_role("row").filter(has_text="No values")).to_contain_text("Heart rate: no data for 20m")


def test_a_rule_for_some_people_at_some_times_is_kept(staff: Portal, alarmed: Organization) -> None:
    page = staff.page
    staff.go("rules/new")
    page.get_by_label("Name").fill("At night")
    page.get_by_label("Condition").select_option("below")
    page.get_by_label("Threshold (bpm)").first.fill("42.5")
    page.get_by_label("Only these").check()
    page.get_by_label("Add a person", exact=True).select_option(label="Carla Ruiz")
    page.get_by_label("Add a person", exact=True).select_option(label="Ana García")
    page.get_by_role("button", name="Without Ana García").click()
    page.get_by_text("Other values for single people").click()
    page.get_by_label("Add a person with own values").select_option(label="Carla Ruiz")
    page.get_by_role("group", name="Carla Ruiz").get_by_label("Threshold (bpm)").fill("38")
    page.get_by_text("Only at certain times").click()
    page.get_by_role("button", name="Add times").click()
    page.get_by_role("group", name="Times 1").get_by_label("Sun").uncheck()
    page.get_by_role("button", name="Make the rule").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("At night")
    page.reload()
    expect(page.get_by_label("Name")).to_have_value("At night")
    expect(page.get_by_label("Threshold (bpm)").first).to_have_value("42.5")
    expect(page.locator(".chips li")).to_contain_text(["Carla Ruiz"])
    expect(page.get_by_role("group", name="Carla Ruiz").get_by_label("Threshold (bpm)")).to_have_value("38")
    expect(page.get_by_role("group", name="Times 1").get_by_label("Sun")).not_to_be_checked()
    expect(page.get_by_role("group", name="Times 1").get_by_label("Mon")).to_be_checked()


def test_alarms_are_marked_in_the_chart_of_the_person(staff: Portal, alarmed: Organization) -> None:
    staff.go(f"people/{next(iter(alarmed.people))}?range=1h")
    marked = staff.page.get_by_role("list", name="Alarms in the chart")
    expect(marked.get_by_role("listitem").first).to_contain_text("Critical")
    marked.get_by_role("link", name="Very high heart rate").click()
    expect(staff.page.get_by_role("heading", level=1)).to_have_text("Very high heart rate")


def test_texts_of_rules_are_texts_everywhere(open_portal: Callable[[], Portal], place: Organization) -> None:
    ours = found(place.url, "attack@alarms.example", "Attack")
    person = ours.add(ATTACK, "victim@alarms.example")
    ours.rule(ATTACK, 100, "critical")
    spike(ours, person, 120)
    ours.wait_for_alarms(1)
    portal = open_portal()
    portal.log_in("attack@alarms.example")
    for path in ("overview", "alarms", "rules", "rules/new", f"people/{person}", f"alarms/{ours.alarms()[0]['id']}"):
        portal.go(path)
        portal.settle()
        assert portal.page.locator("main img, main script").count() == 0
        if path.startswith("alarms/"):
            expect(portal.page.get_by_role("heading", level=1)).to_have_text(ATTACK)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_too_wide(
    open_portal: Callable[[], Portal], alarmed: Organization, subtests: pytest.Subtests, scheme: Any
) -> None:
    portal = open_portal()
    portal.log_in(alarmed.admin)
    portal.page.emulate_media(color_scheme=scheme)
    alarm = alarmed.alarms(active="true")[0]["id"]
    paths = ("overview", "alarms", f"alarms/{alarm}", "rules", "rules/new", f"people/{next(iter(alarmed.people))}")
    for path in paths:
        with subtests.test(path):
            portal.page.set_viewport_size({"width": 1280, "height": 900})
            portal.go(path)
            portal.page.locator("h1").wait_for()
            assert violations(portal) == []
            portal.page.set_viewport_size({"width": NARROW, "height": 740})
            portal.settle()
            assert portal.page.evaluate("document.documentElement.scrollWidth") <= NARROW
    portal.go("rules/new")
    portal.page.get_by_label("Threshold (bpm)").first.fill("100")
    portal.page.get_by_role("button", name="Try it").click()
    portal.page.locator(".result figure").wait_for()
    assert violations(portal) == []
