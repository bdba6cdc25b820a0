"""The portal in Chromium: first tasks, and what a live overview costs the computer of the person who looks at it.

Run from the root: .venv/bin/python -m bench.portal [--parts tasks,overview,chart] [--people 1000] [--rate 100]
[--seconds 20] [--days 30]. CPU is that of all
processes of Chromium, as a share of one core; "at rest" is the same page without points. Clicks are those that the page
gets; seconds are from the first one to what was asked for, without the time in which a person reads and types.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import report
from tests.clone import Clone
from tests.portal.browser import Portal, launched
from tests.portal.seeding import PASSWORD, Organization, crowd, found, rates, spike, watched_clinic

CROWD = "many@crowd.example"


def cpu(browser: Any) -> float:
    """Seconds of CPU that all processes of the browser have used."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return sum(float(it["cpuTime"]) for it in processes)


def share(browser: Any, page: Any, seconds: float) -> float:
    """The share of one core, in percent, that the browser uses in that time."""
    before, began = cpu(browser), time.monotonic()
    page.wait_for_timeout(seconds * 1000)
    return 100 * (cpu(browser) - before) / (time.monotonic() - began)


@contextmanager
def arriving(organization: Organization, rate: int) -> Iterator[None]:
    """Heart rates of all people in turns, `rate` a second in batches of a tenth of it."""
    stop, people = threading.Event(), list(organization.people)

    def write() -> None:
        sent, began = 0, time.monotonic()
        size = max(1, rate // 10)
        while not stop.wait(max(0.0, began + sent / rate - time.monotonic())):
            now = time.time_ns() // 1_000_000_000
            batch = [people[(sent + at) % len(people)] for at in range(size)]
            organization.write(
                iter([f"heart_rate,user_id={it},device=live bpm={60 + (sent + it) % 40} {now}" for it in batch])
            )
            sent += size

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def overview(browser: Any, url: str, people: int, rate: int, seconds: float) -> dict[str, float]:
    """What the overview of so many people costs, and how long a point takes until it is shown."""
    organization = found(url, CROWD, "Crowd")
    crowd(organization, people)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    portal = Portal.opened(context, url)
    began = time.perf_counter()
    portal.log_in(CROWD)
    portal.page.locator(".people .rows .line").first.wait_for()
    opened = time.perf_counter() - began
    portal.page.locator(".heading .state.good").wait_for()
    portal.settle()
    rest = share(browser, portal.page, seconds)
    with arriving(organization, rate):
        live = share(browser, portal.page, seconds)
    portal.page.locator("input[type=search]").fill(f"member.{people - 1}@")
    began = time.perf_counter()
    spike(organization, list(organization.people)[-1], 177)
    portal.page.locator(".people .rows .line").first.get_by_text("177").wait_for()
    shown = time.perf_counter() - began
    context.close()
    return {
        "open, s": opened,
        "at rest, % of a core": rest,
        f"{rate} points/s, % of a core": live,
        "written to shown, s": shown,
    }


CLICKS = """() => {
    if (window.clicks === undefined) addEventListener("pointerdown", (it) => { window.clicks += it.isTrusted; }, true);
    window.clicks = 0;
}"""


def attention(page: Any) -> None:
    page.locator("button.main").click()
    page.locator(".people .alarmed").first.wait_for()


def why(page: Any) -> None:
    page.locator(".people .alarmed").last.click()
    page.locator("figure canvas").wait_for()


def acknowledge(page: Any) -> None:
    why(page)
    page.locator("form button.main").click()
    page.locator("ol.history li").nth(1).wait_for()


def closer(page: Any) -> None:
    page.locator(".people .name a").first.click()
    page.get_by_role("button", name="1 hour").click()
    page.get_by_text("mean of each 10s").wait_for()


def invite(page: Any) -> None:
    page.locator("a[href='#/members']").click()
    page.locator(".heading button").click()
    page.locator("dialog input[type=email]").fill("new@clinic.example")
    page.locator("dialog button.main").click()
    page.locator("dialog code").first.wait_for()


def downloaded(page: Any, place: str, button: str, link: str) -> None:
    page.locator(place).first.click()
    page.get_by_role("button", name=button).click()
    with page.expect_download():
        page.get_by_role("link", name=link).click()


TASKS: dict[str, Callable[[Any], None]] = {
    "who needs attention: log in": attention,
    "why": why,
    "acknowledge an alarm": acknowledge,
    "look closer": closer,
    "invite somebody": invite,
    "export a person's values": lambda page: downloaded(page, ".people .name a", "Prepare the file", "Download"),
    "take my data along": lambda page: downloaded(
        page, "a[href='#/account']", "Prepare an archive", "Download the archive"
    ),
}


def tasks(browser: Any, url: str) -> dict[str, tuple[int, float]]:
    """Clicks and seconds of the first tasks; but for the login, each begins on the overview."""
    place = watched_clinic(url)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    portal = Portal.opened(context, url)
    page, measured = portal.page, dict[str, tuple[int, float]]()
    portal.go("login")
    page.locator("input[type=email]").fill(place.admin)
    page.locator("input[type=password]").fill(PASSWORD)
    for name, task in TASKS.items():
        if measured:
            portal.go("overview")
            page.locator(".people .rows .line").first.wait_for()
            portal.settle()
        page.evaluate(CLICKS)
        began = time.perf_counter()
        task(page)
        seconds = time.perf_counter() - began
        measured[name] = (page.evaluate("window.clicks"), seconds)
    context.close()
    return measured


ZOOM = """async () => {
    const chart = document.querySelector("figure.chart"), began = performance.now();
    const frame = () => new Promise(requestAnimationFrame), every = () => document.querySelector(".legend").textContent;
    const before = every();
    chart.dispatchEvent(new KeyboardEvent("keydown", { key: "+", bubbles: true }));
    await frame();
    await frame();
    const hand = performance.now() - began;
    while (every() === before && chart.classList.contains("busy")) await frame();
    const finer = performance.now() - began;
    while (chart.classList.contains("busy")) await frame();
    return [hand, finer, performance.now() - began];
}"""


def chart(browser: Any, url: str, days: int) -> dict[str, float]:
    """Milliseconds until charts of a person with so many days at one sample a second are drawn, and of a zoom step."""
    organization = found(url, "chart@clinic.example", "One person")
    person = organization.add("Ana García", "one@clinic.example")
    now = int(time.time())
    organization.write(rates(person, now - days * 86_400, now, 1))
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    portal = Portal.opened(context, url)
    portal.log_in("chart@clinic.example")
    drawn = dict[str, float]()
    for name, query in (("30 days", "30d"), ("a year", "1y")):
        portal.go("overview")
        portal.settle()
        began = time.perf_counter()
        portal.go(f"people/{person}?range={query}")
        portal.page.get_by_text("mean of each").wait_for()
        drawn[name] = 1000 * (time.perf_counter() - began)
        portal.page.locator("figure.chart:not(.busy)").wait_for()
        drawn[f"{name}, with lowest and highest"] = 1000 * (time.perf_counter() - began)
        portal.settle()
    portal.page.get_by_role("button", name="30 days").click()
    portal.settle()
    steps = []
    for _ in range(5):
        steps.append(portal.page.evaluate(ZOOM))
        portal.settle()
    names = ("from the data at hand", "with finer data", "with lowest and highest")
    longest = (max(times) for times in zip(*steps, strict=True))
    drawn |= {f"longest zoom step, {name}": it for name, it in zip(names, longest, strict=True)}
    context.close()
    return drawn


def main() -> None:
    """Measure, and write the tables."""
    parser = report.parser("portal", __doc__)
    parser.add_argument("--parts", default="tasks,overview,chart")
    parser.add_argument("--days", type=int, default=30, help="of one sample a second, for the chart")
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=100, help="points a second")
    parser.add_argument("--seconds", type=float, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, launched() as browser:
        clone = Clone.make(Path(directory))
        clone.hash_lightly()
        try:
            up = clone.start(HEARTGUARD_ENV="test")
            if up.returncode:
                raise RuntimeError(up.stdout + up.stderr)
            url = f"http://127.0.0.1:{clone.ports['gateway']}"
            parts = chosen.parts.split(",")
            done = tasks(browser, url) if "tasks" in parts else {}
            drawn = chart(browser, url, chosen.days) if "chart" in parts else {}
            costs = overview(browser, url, chosen.people, chosen.rate, chosen.seconds) if "overview" in parts else {}
        finally:
            clone.stop()
    tables = {
        ("task", "clicks", "s"): [(name, clicks, f"{taken:.2f}") for name, (clicks, taken) in done.items()],
        (f"chart of {chosen.days} days at 1 Hz", "ms"): [(name, f"{it:.0f}") for name, it in drawn.items()],
        (f"overview of {chosen.people} people", ""): [(name, f"{it:.2f}") for name, it in costs.items()],
    }
    plots = {
        "seconds of a task": {name: taken for name, (_, taken) in done.items()},
        "ms of a chart": drawn,
        "% of a core": {name: it for name, it in costs.items() if "%" in name},
    }
    text = "\n\n".join(report.table(head, rows) for head, rows in tables.items() if rows)
    report.write(chosen.out, "portal", text, {name: values for name, values in plots.items() if values})


if __name__ == "__main__":
    main()
