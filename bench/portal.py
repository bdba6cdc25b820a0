"""The portal in Chromium: five first tasks, and what a live overview costs the computer of the person who looks at it.

Run from the root: .venv/bin/python -m bench.portal [--people 1000] [--rate 100] [--seconds 20]. CPU is that of all
processes of Chromium, as a share of one core; "at rest" is the same page without points. Seconds of tasks are from the
first click to what was asked for, without the time in which a person reads and types.
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
from tests.portal.seeding import Organization, crowd, found, spike, watched_clinic

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


def tasks(browser: Any, url: str) -> dict[str, tuple[int, float]]:
    """Clicks after the login, and seconds, of five first tasks."""
    place = watched_clinic(url)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    portal = Portal.opened(context, url)
    page, measured = portal.page, dict[str, tuple[int, float]]()

    def timed(name: str, clicks: int, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        measured[name] = (clicks, time.perf_counter() - began)
        portal.settle()

    def attention() -> None:
        portal.log_in(place.admin)
        page.locator(".people .alarmed").first.wait_for()

    def why() -> None:
        page.locator(".people .alarmed").last.click()
        page.locator("figure canvas").wait_for()

    def acknowledge() -> None:
        page.locator("form button.main").click()
        page.locator("ol.history li").nth(1).wait_for()

    def invite() -> None:
        page.locator("a[href='#/members']").click()
        page.locator(".heading button").click()
        page.locator("dialog input[type=email]").fill("new@clinic.example")
        page.locator("dialog button.main").click()
        page.locator("dialog code").first.wait_for()

    def export() -> None:
        page.locator("a[href='#/account']").click()
        page.get_by_role("button", name="Prepare an archive").click()
        page.get_by_role("link", name="Download the archive").wait_for()

    timed("who needs attention (with the login)", 0, attention)
    timed("why", 1, why)
    timed("acknowledge", 2, acknowledge)
    timed("invite", 3, invite)
    page.keyboard.press("Escape")
    timed("export, until it can be downloaded", 2, export)
    context.close()
    return measured


def main() -> None:
    """Measure, and write the tables."""
    parser = report.parser("portal", __doc__)
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
            done = tasks(browser, url)
            costs = overview(browser, url, chosen.people, chosen.rate, chosen.seconds)
        finally:
            clone.stop()
    first = report.table(
        ("task", "clicks", "s"), [(name, clicks, f"{taken:.2f}") for name, (clicks, taken) in done.items()]
    )
    second = report.table(
        (f"overview of {chosen.people} people", ""), [(name, f"{it:.2f}") for name, it in costs.items()]
    )
    seconds = {name: taken for name, (_, taken) in done.items()}
    shares = {name: it for name, it in costs.items() if "%" in name}
    report.write(chosen.out, "portal", f"{first}\n\n{second}", {"seconds of a task": seconds, "% of a core": shares})


if __name__ == "__main__":
    main()
