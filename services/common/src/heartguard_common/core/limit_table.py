"""Limits: everything that callers can make the system store has an entry here, with its default and how to free it."""

from collections.abc import Mapping

from heartguard_common.core.alarm_limits import ALARM_LIMITS
from heartguard_common.core.limit import LATER as _LATER
from heartguard_common.core.limit import NEXT_DAY as _NEXT_DAY
from heartguard_common.core.limit import Limit

DAY_SECONDS = 86_400
LARGEST = 2**53 - 1
SYSTEM = 0
"""Stands for the organization where a limit is counted over all of them."""

TABLE = (
    Limit(
        "points_per_day",
        "organization",
        "field values",
        50_000_000,
        # 190 people at one sample of three fields a second.
        "Field values written in a day; a point with three fields counts as three, an already stored one as none.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "points_per_day_per_member",
        "member",
        "field values",
        5_000_000,
        # 19 days of one sample of three fields a second: a device that was offline for two weeks catches up at once.
        "The same for what one member has sent.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "stored_points",
        "organization",
        "field values",
        500_000_000,
        # About 50 GB in PostgreSQL, and 5,700 days of one person at one sample a second.
        "Field values kept in all buckets.",
        "an admin: POST /timeseries/delete, DELETE /timeseries/buckets/{bucket}, a shorter retention_days",
    ),
    Limit(
        "series",
        "organization",
        "series",
        50_000,
        # 500 people with 100 series each, which is five devices with the whole catalogue.
        "Combinations of measurement and tags in all buckets.",
        "an admin: POST /timeseries/delete of all points of them, DELETE /timeseries/buckets/{bucket}",
        "verdict",
    ),
    Limit(
        "series_per_member",
        "member",
        "series",
        1_000,
        "The same for one person (tag user_id).",
        "an admin: POST /timeseries/delete of all points of them, DELETE /timeseries/buckets/{bucket}",
        "verdict",
    ),
    Limit(
        "fields",
        "organization",
        "fields",
        5_000,
        "Fields of measurements in all buckets, each with its type.",
        "an admin: DELETE /timeseries/buckets/{bucket}",
    ),
    Limit("buckets", "organization", "buckets", 100, "Buckets.", "an admin: DELETE /timeseries/buckets/{bucket}"),
    Limit(
        "media_bytes",
        "organization",
        "bytes",
        10_240 * 1024 * 1024,
        "Bytes of files, including those that announced uploads reserve (MEDIA_QUOTA_MB).",
        "an admin: DELETE /media/items/{item_id}, DELETE /media/uploads/{item_id}",
        "MEDIA_009",
    ),
    Limit(
        "streams",
        "organization",
        "live streams",
        1_000,
        # Ten browser tabs of a hundred people; one stream takes 40 KiB of the stream process.
        "Live streams that are open at the same time (GET /stream).",
        "close streams that nobody reads",
        _LATER,
    ),
    Limit(
        "streams_per_member",
        "member",
        "live streams",
        20,
        "The same for one member; an API key counts as one.",
        "close streams that nobody reads",
        _LATER,
    ),
    Limit("media_items", "organization", "files", 100_000, "Files.", "an admin: DELETE /media/items/{item_id}"),
    Limit(
        "open_uploads",
        "organization",
        "announcements",
        500,
        "Announced uploads that are not complete.",
        "an admin: DELETE /media/uploads/{item_id}; an announcement ends by itself when its URL has expired",
    ),
    Limit(
        "open_uploads_per_member",
        "member",
        "announcements",
        20,
        "The same, of one member.",
        "the member or an admin: DELETE /media/uploads/{item_id}; it ends by itself when its URL has expired",
    ),
    Limit(
        "open_upload_bytes_per_member",
        "member",
        "bytes",
        1024 * 1024 * 1024,
        # A tenth of MEDIA_QUOTA_MB, and twenty files of MAX_UPLOAD_MB.
        "Bytes that one member's announcements reserve; a single announcement may reserve more.",
        "the member or an admin: DELETE /media/uploads/{item_id}; it ends by itself when its URL has expired",
    ),
    Limit(
        "members", "organization", "people", 10_000, "Members, also inactive ones.", "an admin: DELETE /users/{user_id}"
    ),
    Limit(
        "sessions_per_member",
        "member",
        "sessions",
        100,
        "Open sessions of one person; a further login ends the one that was used least recently.",
        "its owner: DELETE /auth/sessions/{session_id}",
        "none: the oldest ends",
    ),
    Limit(
        "invitations",
        "organization",
        "invitations",
        1_000,
        "Invitations that are not accepted yet.",
        "an admin or manager: DELETE /auth/invitations/{invitation_id}; each ends after seven days",
        "AUTH_040",
    ),
    Limit(
        "api_keys",
        "organization",
        "keys",
        # Two devices of each of 10,000 people, and room for integrations.
        25_000,
        "API keys, also expired ones.",
        "a member: DELETE /auth/api-keys/{key_id} of their own; an admin of each",
    ),
    Limit(
        "alarm_rules",
        "organization",
        "rules",
        # Each point of a measurement is evaluated by every rule that looks at it.
        100,
        "Rules of alarms, also those that are off.",
        "an admin: DELETE /alarms/rules/{rule_id}",
    ),
    Limit(
        "alarm_rule_versions_per_day",
        "organization",
        "versions",
        500,
        "Changes of rules in a day.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    *ALARM_LIMITS,
    Limit(
        "emails_per_day",
        "organization",
        "e-mails",
        1_000,
        "Invitations sent by e-mail in a day.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "emails_per_day_per_member",
        "member",
        "e-mails",
        200,
        "The same, of one member.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "requests_per_minute",
        "organization",
        "requests",
        6_000_000,
        # More than the gateway can answer: by default only the buckets of addresses and callers limit requests.
        "Requests of all members and API keys to the gateway in a minute, as a token bucket of that size.",
        "wait as long as Retry-After says; the operator can raise it",
        "GEN_429",
    ),
    Limit(
        "invitations_per_recipient_per_day",
        "recipient",
        "e-mails",
        3,
        "Invitations that one address gets in a day, from all organizations together.",
        "wait until the next day in UTC; the code in the response can be handed over in other ways",
        _LATER,
        daily=True,
    ),
    Limit(
        "codes_per_recipient_per_day",
        "recipient",
        "e-mails",
        10,
        "Codes for a forgotten password that one address gets in a day. Further requests get the same answer.",
        "wait until the next day in UTC; an admin: POST /auth/password/code",
        "none: nothing is sent",
        daily=True,
    ),
    Limit(
        "memberships",
        "recipient",
        "memberships",
        100,
        "Organizations that one e-mail address is a member of.",
        "the person: DELETE /users/{user_id} of a membership",
    ),
    Limit(
        "lock_endings_per_member_per_day",
        "member",
        "locks",
        # Each allows five more guesses from one address: without a limit an admin could guess what opens other
        # organizations of the member too.
        10,
        "Locks after failed logins of one member that admins end in a day.",
        "the person: POST /auth/password/forgot; the operator: users unlock; each ends by itself",
        _LATER,
        daily=True,
    ),
    Limit(
        "exports_per_member_per_day",
        "member",
        "archives",
        20,
        # A new archive replaces the previous one, so this limits work, not storage.
        "Archives of their own data that one person asks for in a day.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "series_exports_per_member_per_day",
        "member",
        "files",
        50,
        # A new file replaces the previous one, so this limits work, not storage.
        "Files of points that one person asks for in a day.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "series_export_bytes",
        "organization",
        "bytes",
        1024 * 1024 * 1024,
        # Some 15 million values as CSV, 100 million as Parquet.
        "The size of one file of points.",
        "ask for a shorter period, or for one measurement",
        "TS_024",
    ),
    Limit(
        "open_exports",
        "organization",
        "jobs",
        50,
        "Exports that are not finished.",
        "wait until some are finished; the operator can raise it",
        _LATER,
    ),
    Limit(
        "open_imports",
        "organization",
        "imports",
        # One is read at a time.
        100,
        "Imports that have not ended, also those whose files have not come.",
        "an admin or a manager: DELETE /imports/{import_id}; one without a file ends when its URL has expired",
    ),
    Limit(
        "imports_per_day_per_member",
        "member",
        "imports",
        500,
        "Imports that one member asks for in a day; of the keys of an organization together.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "kept_answer_bytes_per_member_per_day",
        "member",
        "bytes",
        256 * 1024 * 1024,
        # A batch of 10,000 points is answered with 300 KB: 8,000,000 points.
        "Bytes of answers that are kept for 24 hours under an Idempotency-Key.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "demo_tokens_per_address_per_day",
        "address",
        "tokens",
        # A token lasts 15 minutes: a class of 30 behind one address may visit the demo for an hour and a half.
        200,
        "Tokens for the demo that one address gets in a day (IPv6: one /64).",
        "wait until the next day in UTC; the operator can raise it (LIMITS)",
        _LATER,
        daily=True,
    ),
    Limit(
        "foundings_per_address_per_day",
        "address",
        "organizations",
        50,
        "Organizations created in a day from one address (IPv6: from one /64).",
        "wait until the next day in UTC; the operator can raise it (LIMITS), or close registration (REGISTRATION)",
        _LATER,
        daily=True,
    ),
)
BY_NAME: Mapping[str, Limit] = {limit.name: limit for limit in TABLE}
