"""What openapi.json says before its operations: what the API is, who is responsible for it, and its subjects."""

from typing import Any

from heartguard_common import __version__

DESCRIPTION = """HeartGuard stores what wearables measure, such as heart rates, and gives it to people and programs that
may read it. An organization, for example a clinic, has members with a role: `admin`, `manager` or `user`. A member's
phone or watch writes points (values of one instant) into a bucket of the organization; apps and portals query them, raw
or aggregated by windows of time. Every access is recorded as an audit event.

**First steps.** `POST /auth/register` creates an account and its organization. `POST /auth/login` returns an access
token; send it as `Authorization: Bearer <token>` with each further request. `POST /timeseries/write` stores points in
`org_<number of the organization>`, the bucket that each organization has, and `POST /timeseries/query` returns them.

**Permissions.** Each operation says which roles may call it, and whose data they may see or change with it.
`GET /auth/roles` lists the operations of each role by their `x-permission`. Devices and programs use API keys
(`POST /auth/api-keys`), sent as `Authorization: Bearer` too; an operation that they may call has the kinds as `x-keys`.

**Formats.** Every message is JSON or XML. `Content-Type` names the format of a body, `Accept` (or `?format=json|xml`)
that of the answer; errors have the format of the answer.

**Errors.** Each operation lists the codes that it can return; `/docs/errors` explains them. The message and the field
pointers (`details`) are for people. With `application/problem+json` or `application/problem+xml` in `Accept`, errors
are problem details (RFC 9457).

**Pages.** A list has at most `limit` items and a `next_cursor`: send it as `cursor` to get the next page, until it is
null.

**Times** are RFC 3339 with a zone, such as `2026-11-30T08:15:30.5Z`, to the nanosecond. Durations and units are in the
name or the description of a member.

**Limits.** Each rate class is a multiple of `RATE_LIMIT`, counted by address and caller. Each operation states the
largest body; a file may have `MAX_UPLOAD_MB`.

**Versions.** Every operation also exists under `/api/v1`, except for pages and keys.

**Every answer** has `X-Request-ID`: name it when you report a problem. A method that a path does not support is
answered with 405 and `Allow`. HEAD is supported where GET is, and OPTIONS everywhere."""

_TAGS = {
    "auth": (
        "Accounts and sessions",
        "Registration, login and tokens, passwords, invitations, and what each role may call.",
    ),
    "user": ("Users", "The members of an organization: their names, roles and preferences, data export and deletion."),
    "organization": ("Organization", "The caller's organization, its policies and its limits."),
    "timeseries": (
        "Time series",
        "Points that devices measure: writing and querying them, last values, summaries of a day, and buckets.",
    ),
    "influxdb": (
        "InfluxDB compatibility",
        "What clients of InfluxDB 1 and 2 call to write points: Telegraf, Home Assistant, and InfluxData's libraries.",
    ),
    "imports": (
        "Imports",
        "Files that devices and health apps export: a job stores their points.",
    ),
    "stream": ("Live streams", "Points and the progress of jobs at the moment when they are stored."),
    "media": ("Media", "Files of members, such as recordings and images: upload, download and quota."),
    "audit": ("Audit", "Who did what to which data: recorded events, and the proof that none was changed or removed."),
    "alarm": ("Alarms", "Rules over measurements, and the alarms that they raise. HeartGuard is not a medical device."),
    "gateway": ("Gateway", "Health of the system, this document, the schemas and the pages."),
}


INTERNAL = """These are the routes of operation: those between services, metrics, readiness, background tasks, dead
letters, and what only the operator may do. `/openapi.json` has the routes of apps, portals and admins.

"""


def info(*, of_internal: bool = False) -> dict[str, Any]:
    """The Info Object; with `of_internal` of the document of internal routes."""
    return {
        "title": "HeartGuard, internal routes" if of_internal else "HeartGuard",
        "summary": "A backend for wearable heart-rate telemetry, in JSON and XML",
        "version": __version__,
        "description": INTERNAL + DESCRIPTION if of_internal else DESCRIPTION,
        "contact": {"name": "The operator of this HeartGuard"},
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }


def tags(used: set[str]) -> list[dict[str, str]]:
    """The Tag Objects of the tags that operations have, in the order in which documentation shows them.

    Raises KeyError for a tag without a description.
    """
    if missing := used - _TAGS.keys():
        raise KeyError(f"no description of the tags {', '.join(sorted(missing))}")
    return [
        {"name": name, "x-displayName": title, "description": text}
        for name, (title, text) in _TAGS.items()
        if name in used
    ]
