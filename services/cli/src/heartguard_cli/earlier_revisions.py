"""The ids that revisions had before they were numbered in the order in which they run.

A database or a backup of that time holds one of them. They are never given again: an id of today has a name behind
its number, so that `0005` and `0005_mail` can't be taken for one another.
"""

EARLIER_REVISIONS = {
    "0001": "0001_identity",
    "0002": "0002_time_series",
    "0003": "0003_media",
    "0004": "0004_audit",
    "0009": "0005_mail",
    "0006": "0006_audit_chain",
    "0005": "0007_people",
    "0010": "0008_keys",
    "0008": "0009_media_uploads",
    "0011": "0010_invitations",
    "0005a": "0011_archives",
    "0012": "0012_access_keys",
    "0016": "0013_audit_outbox",
    "0017": "0014_ages",
    "0022": "0015_field_types",
    "0024": "0016_writers",
    "0027": "0017_limits",
    "0031": "0018_dead_letters",
    "0032": "0019_mail_outbox",
    "0033": "0020_kept_rows",
    "0034": "0021_restores",
    "0035": "0022_login_locks",
    "0037": "0023_reported_events",
    "0038": "0024_audit_knows_organizations",
    "0039": "0025_audit_asks_for_authority",
}
