"""The main job, end to end: a member, a real recording, its means, a file, an import, an alarm, the audit trail.

Run by ./demo.sh against the gateway at GATEWAY_HOST (a host, host:port or URL; localhost) and GATEWAY_PORT (5000).
Each run creates an organization of its own, and leaves it for you to look at.
"""

import csv
import hashlib
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import requests

RECORDING = Path(__file__).with_name("recording.csv")
ACTIVITY = Path(__file__).with_name("activity.fit")
Events = list[dict[str, Any]]
BATCH = 1000
SHOWN = 12
RULE = {
    "name": "High heart rate",
    "measurement": "heart_rate",
    "field": "bpm",
    "condition": "above",
    "threshold": 98,
    "for_seconds": 20,
    "clear_after_seconds": 20,
}
PART = timedelta(seconds=60)  # of the recording, which is sent again
PATIENCE = 60.0  # seconds for an import, and for the audit trail to catch up


class Refused(Exception):  # noqa: N818  reads as what it says
    """The system did not do what it was asked; the text is one sentence."""


def base_url(host: str, port: str) -> str:
    """The gateway's URL: a URL is taken as it is, a bare host is completed."""
    if "://" in host:
        return host.rstrip("/")
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}" if host.rpartition("]")[2].count(":") else f"http://{host}:{port}"


class Gateway:
    """Sends requests, says each in one line, and waits where the rate limit asks for it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()

    def send(self, method: str, path: str, token: str | None = None, **request: Any) -> requests.Response:
        """One request. Raises `Refused` for an answer that is not a success."""
        headers = {"Accept": "application/json", **request.pop("headers", {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        while True:
            began = time.perf_counter()
            answer = self._session.request(method, self._url + path, headers=headers, timeout=60, **request)
            line = f"{method} {path.partition('?')[0]}"
            print(f"   {line:<66} {answer.status_code}  {(time.perf_counter() - began) * 1000:6.0f} ms")
            if answer.status_code != requests.codes.too_many:
                break
            wait = int(answer.headers["Retry-After"])
            print(f"   (the rate limit asks to wait {wait} s)")
            time.sleep(wait)
        if not answer.ok:
            raise Refused(f"{line} answered {answer.status_code}: {answer.text[:300]}")
        return answer

    def document(self, method: str, path: str, token: str | None = None, **request: Any) -> dict[str, Any]:
        """One request whose answer is a JSON document."""
        found: dict[str, Any] = self.send(method, path, token, **request).json()
        return found

    def watch(self, token: str, topic: str) -> requests.Response:
        """A live stream of one topic."""
        headers = {"Accept": "text/event-stream"}
        return self.send("GET", f"/stream?topics={topic}", token, headers=headers, stream=True)

    def fetch(self, signed_url: str) -> bytes:
        """The bytes behind a signed URL; one of this gateway's own is fetched by the address we know it by."""
        parts = urlsplit(signed_url)
        if parts.path.startswith("/media/content/"):
            return self.send("GET", f"{parts.path}?{parts.query}", headers={"Accept": "*/*"}).content
        return self._session.get(signed_url, timeout=60).content

    def put(self, signed_url: str, content: bytes, headers: dict[str, str]) -> None:
        """Send bytes to a signed URL; one of this gateway's own gets them at the address we know it by."""
        parts = urlsplit(signed_url)
        if parts.path.startswith("/media/content/"):
            self.send("PUT", f"{parts.path}?{parts.query}", data=content, headers=headers)
        else:
            self._session.put(signed_url, data=content, headers=headers, timeout=60).raise_for_status()


def read_recording() -> list[tuple[str, float]]:
    """Times and beats per minute of the recording; examples/README.md says whose heart it is."""
    with RECORDING.open(newline="") as stream:
        return [(row["time"], float(row["bpm"])) for row in csv.DictReader(stream)]


def heading(number: int, text: str) -> None:
    """Begin a step."""
    print(f"\n{number}. {text}")


def enter(gateway: Gateway) -> tuple[dict[str, Any], str, str, dict[str, str]]:
    """Create an organization and add a member; returns the member, both tokens, and the admin's credentials."""
    run = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    password = secrets.token_urlsafe(12)
    admin = {"email": f"ana.{run}@demo.example", "password": password}
    patient = {"email": f"luis.{run}@demo.example", "password": password}
    heading(1, "Ana creates an organization and logs in.")
    gateway.document("POST", "/auth/register", json={**admin, "full_name": "Ana", "organization_name": f"Clinic {run}"})
    admin_token = gateway.document("POST", "/auth/login", json=admin)["access_token"]
    heading(2, "Ana registers Luis as a member, and Luis logs in.")
    body = {**patient, "full_name": "Luis", "role": "user"}
    member = gateway.document("POST", "/auth/register", admin_token, json=body)
    member_token = gateway.document("POST", "/auth/login", json=patient)["access_token"]
    print(f"   Luis is user {member['user_id']} of organization {member['org_id']}.")
    return member, admin_token, member_token, admin


class LiveView:
    """Reads the documents of a live stream in a thread of its own."""

    def __init__(self, answer: requests.Response) -> None:
        self._answer = answer
        self._documents: list[dict[str, Any]] = []
        self._begun, self._ended = threading.Event(), threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        self._begun.wait(PATIENCE)

    def wait(self, enough: Callable[[Events], bool]) -> Events:
        """What has come, once that is enough, or after some seconds."""
        deadline = time.monotonic() + PATIENCE
        while not enough(self._documents) and time.monotonic() < deadline:
            time.sleep(0.05)
        return list(self._documents)

    def close(self) -> None:
        """Stop watching: the thread closes the connection with the next line, as no other can while it waits."""
        self._ended.set()

    def _read(self) -> None:
        with self._answer, suppress(requests.RequestException):
            for line in self._answer.iter_lines():
                self._begun.set()  # the first line says that the stream is there
                if self._ended.is_set():
                    return
                if line.startswith(b"data: "):
                    self._documents.append(json.loads(line.removeprefix(b"data: ")))


def _beats(shown: Events) -> list[tuple[str, float]]:
    """Times and beats per minute of the points that a live stream has shown."""
    return [(point["time"], point["fields"]["bpm"]) for it in shown for point in it.get("points", ())]


def _points(member: dict[str, Any], beats: list[tuple[str, float]]) -> dict[str, Any]:
    """The body that stores beats of the member."""
    tags = {"user_id": str(member["user_id"])}
    points = [
        {"measurement": "heart_rate", "tags": tags, "fields": {"bpm": bpm}, "timestamp": moment}
        for moment, bpm in beats
    ]
    return {"bucket": f"org_{member['org_id']}", "points": points}


def write(
    gateway: Gateway, member: dict[str, Any], token: str, watcher: str, recording: list[tuple[str, float]]
) -> None:
    """Send the recording in batches, as a wearable that was offline does, while somebody watches."""
    heading(3, f"His wearable sends a recording: {len(recording)} beats, {recording[0][0]} to {recording[-1][0]}.")
    stored = 0
    live = LiveView(gateway.watch(watcher, "points"))
    for start in range(0, len(recording), BATCH):
        body = _points(member, recording[start : start + BATCH])
        stored += gateway.document("POST", "/timeseries/write", token, json=body)["inserted"]
    print(f"   {stored} points are stored. Ana sees them on her live stream:")
    beats = _beats(live.wait(lambda found: len(_beats(found)) >= stored))
    live.close()
    for moment, bpm in beats[-SHOWN:]:
        print(f"   {moment}  {bpm:6.1f} bpm")
    print(f"   {len(beats)} points came by themselves.")
    if len(beats) != stored:
        raise Refused("the live stream did not show every point")
    if stored != len(recording):
        raise Refused(f"only {stored} of {len(recording)} points were stored")


def query(gateway: Gateway, member: dict[str, Any], token: str, recording: list[tuple[str, float]]) -> None:
    """Ask for one-minute means in JSON and in XML, and hold them against our own arithmetic."""
    body = {
        "bucket": f"org_{member['org_id']}",
        "measurement": "heart_rate",
        "range_start": recording[0][0],
        "range_stop": _after(recording[-1][0]),
        "aggregate": "mean",
        "every": "1m",
    }
    heading(4, "One-minute means, in JSON.")
    points = gateway.document("POST", "/timeseries/query", token, json=body)["series"][0]["points"]
    means = {point["time"]: (float(point["fields"]["bpm"]), point["count"]) for point in points}
    for moment, (bpm, count) in list(means.items())[:SHOWN]:
        print(f"   {moment}  {bpm:6.1f} bpm of {count:4d} beats  {'#' * round(bpm / 4)}")
    if len(means) > SHOWN:
        print(f"   ... and {len(means) - SHOWN} minutes more")
    if sum(count for _, count in means.values()) != len(recording):
        raise Refused("the windows do not hold every point of the recording")

    heading(5, "The same question, answered in XML.")
    headers = {"Accept": "application/xml"}
    content = gateway.send("POST", "/timeseries/query", token, json=body, headers=headers).content
    root = ET.fromstring(content)  # noqa: S314  the answer of our own system
    ET.indent(root)
    lines = ET.tostring(root, encoding="unicode").splitlines()
    print("\n".join(f"   {line}" for line in [*lines[:SHOWN], "  ..."]))
    bpm_of = "fields/entry[@key='bpm']"
    in_xml = {
        point.findtext("time"): (float(point.findtext(bpm_of) or "nan"), int(point.findtext("count") or 0))
        for point in root.iter("point")
    }
    if in_xml != means:
        raise Refused("JSON and XML do not say the same")
    print(f"   The {len(means)} means are the same in both formats.")


def _after(moment: str) -> str:
    """The first whole minute after a time, because ranges end before their stop."""
    minute = time.strptime(moment[:16], "%Y-%m-%dT%H:%M")
    seconds = time.mktime(minute) - time.timezone + 60
    return time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(seconds))


def exchange_file(gateway: Gateway, token: str) -> None:
    """Upload the recording as a file, download it by its signed URL, compare the bytes."""
    heading(6, "Luis uploads the recording as a file and downloads it again.")
    sent = RECORDING.read_bytes()
    path = f"/media/upload?file_name={RECORDING.name}"
    item = gateway.send("PUT", path, token, data=sent, headers={"Content-Type": "text/csv"}).json()
    download = gateway.document("GET", f"/media/items/{item['id']}/download", token)
    received = gateway.fetch(download["url"])
    if received != sent or item["sha256"] != hashlib.sha256(sent).hexdigest():
        raise Refused("the file that came back is another one")
    print(f"   {len(received)} bytes came back, byte for byte the same (SHA-256 {item['sha256'][:16]}...).")


def import_activity(gateway: Gateway, member: dict[str, Any], token: str) -> None:
    """Have a FIT file of a bicycle computer imported by a job, and hold what is stored against what the job says."""
    heading(7, f"Luis imports {ACTIVITY.name}, which his bicycle computer has recorded.")
    file = ACTIVITY.read_bytes()
    body = {"file_name": ACTIVITY.name, "size": len(file)}
    ticket = gateway.document("POST", "/imports", token, json=body)
    gateway.put(ticket["url"], file, ticket["headers"])

    def state() -> Events:
        return [gateway.document("GET", f"/imports/{ticket['id']}", token)]

    done = _until(state, lambda found: found[0]["status"] in ("done", "failed"), "the import has not ended", 1.0)[0]
    if done["status"] != "done":
        raise Refused(f"the import has failed: {done['problem']}")
    whole = {"bucket": f"org_{member['org_id']}", "range_start": "2022-02-01T00:00:00Z", "aggregate": "count"}
    print(f"   {done['kind']}: {done['seen']} values, {done['stored']} stored, {done['rejected']} rejected; stored are")
    counted = 0
    for name, field in (("heart_rate", "bpm"), ("rr_interval", "ms"), ("respiratory_rate", "breaths_per_minute")):
        asked = {**whole, "measurement": name, "range_stop": "2022-03-01T00:00:00Z"}
        series = gateway.document("POST", "/timeseries/query", token, json=asked)["series"]
        number = int(series[0]["points"][0]["fields"][field])
        print(f"   {number:6d} {name}")
        counted += number
    if counted != done["stored"]:
        raise Refused(f"{counted} points are there, but the import says {done['stored']}")


def raise_alarm(
    gateway: Gateway, member: dict[str, Any], token: str, watcher: str, recording: list[tuple[str, float]]
) -> None:
    """Try a rule over the recording, turn it on, and send a part of the recording again, as if it were measured now."""
    heading(8, "Ana has a rule tried over the recording. (HeartGuard is not a medical device.)")
    span = {"range_start": recording[0][0], "range_stop": _after(recording[-1][0])}
    asked = {"rule": RULE, "user_id": member["user_id"], **span}
    tried = gateway.document("POST", "/alarms/rules/rehearse", watcher, json=asked)
    print(f"   Above {RULE['threshold']} bpm for {RULE['for_seconds']} s would have raised {tried['alarms']} alarms.")
    print("   She turns it on. The part of the first of them comes again, as if it were measured now:")
    gateway.document("POST", "/alarms/rules", watcher, json={**RULE, "enabled": True})
    live = LiveView(gateway.watch(watcher, "alarms"))
    began = datetime.fromisoformat(tried["items"][0]["start"])
    moved = [(datetime.fromisoformat(moment) - began, bpm) for moment, bpm in recording]
    now = datetime.now(UTC)
    beats = [((now + after).isoformat(), bpm) for after, bpm in moved if timedelta() <= after < PART]
    gateway.document("POST", "/timeseries/write", token, json=_points(member, beats))
    raised = _happened(live, "raised")["alarm"]
    print(f"   On her live stream: {raised['rule_name']}, {raised['severity']}, since {raised['start']}.")
    note = {"note": "I call him."}
    done = gateway.document("POST", f"/alarms/{raised['id']}/acknowledge", watcher, json=note)
    _happened(live, "acknowledged")
    live.close()
    print(f"   Acknowledged by {done['acknowledged_by']}; it stays active until the values are normal.")


def _happened(live: LiveView, kind: str) -> dict[str, Any]:
    """The event of a live stream that says so."""
    for event in live.wait(lambda found: any(it.get("kind") == kind for it in found)):
        if event.get("kind") == kind:
            return event
    raise Refused(f"the live stream does not show that the alarm was {kind}")


def show_trail(gateway: Gateway, token: str) -> None:
    """Print who did what, as soon as the trail holds the last of it."""
    heading(9, "Ana reads the audit trail of all that.")

    def events() -> Events:
        found: Events = gateway.document("GET", "/audit/events?limit=100", token)["items"]
        return found

    trail = _until(
        events,
        lambda found: {"imports.ended", "alarm.raised", "alarm.acknowledge"} <= {event["action"] for event in found},
        "the audit trail does not show the end of the import, and the alarm",
        0.5,
    )
    for event in sorted(trail, key=lambda event: str(event["time"])):
        what = f"{event['service']}: {event['action']} ({event['kind']})"
        print(f"   {event['time'][:23]:<23}  {event['actor']:<12} {what:<46} {event['outcome']}")


def _until(ask: Callable[[], Events], enough: Callable[[Events], bool], otherwise: str, pause: float) -> Events:
    deadline = time.monotonic() + PATIENCE
    while not enough(found := ask()):
        if time.monotonic() > deadline:
            raise Refused(otherwise)
        time.sleep(pause)
    return found


def main() -> int:
    """Run all steps; 0 when each has worked, else 1 with one sentence on standard error."""
    url = base_url(os.environ.get("GATEWAY_HOST") or "localhost", os.environ.get("GATEWAY_PORT") or "5000")
    gateway = Gateway(url)
    try:
        requests.get(url + "/gateway/health", timeout=10).raise_for_status()
    except (requests.RequestException, ValueError):
        print(f"demo.sh: nothing answers at {url}: run ./start_services.sh, or set GATEWAY_HOST.", file=sys.stderr)
        return 1
    print(f"HeartGuard at {url}")
    try:
        recording = read_recording()
        member, admin_token, member_token, admin = enter(gateway)
        write(gateway, member, member_token, admin_token, recording)
        query(gateway, member, member_token, recording)
        exchange_file(gateway, member_token)
        import_activity(gateway, member, member_token)
        raise_alarm(gateway, member, member_token, admin_token, recording)
        show_trail(gateway, admin_token)
    except (Refused, requests.RequestException) as error:
        print(f"demo.sh: {error}", file=sys.stderr)
        return 1
    print(f"\nDone. Look around as {admin['email']} with the password {admin['password']}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
