"""Who is notified of alarms: channels, notification policies, silences, and the messages."""

from alembic import op

revision = "0042_alarm_notifications"
down_revision = "0040_used_limits"

SETTINGS = """
CREATE TABLE heartguard_core.alarm_channels (
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('email', 'apprise')),
    -- 'email', or the schema of the URL.
    service text NOT NULL,
    -- The member who gets e-mails; their address is that of their account.
    user_id bigint,
    -- An address or a URL, encrypted with ALARM_CHANNEL_SECRET.
    target text,
    shown text NOT NULL,
    language text NOT NULL CHECK (language IN ('en', 'es')),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    -- NULL: nothing is sent there yet.
    verified_at timestamptz,
    code_hash text,
    code_until timestamptz,
    code_attempts integer NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, id),
    CHECK ((user_id IS NULL) <> (target IS NULL))
);

CREATE TABLE heartguard_core.alarm_policies (
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    id uuid NOT NULL,
    -- The policy of rules that name none.
    is_default boolean NOT NULL,
    settings jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX alarm_policies_default ON heartguard_core.alarm_policies (org_id) WHERE is_default;

CREATE TABLE heartguard_core.alarm_silences (
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    id uuid NOT NULL,
    -- NULL: everybody, all rules.
    user_id bigint,
    rule_id uuid,
    reason text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX alarm_silences_by_end ON heartguard_core.alarm_silences (org_id, ends_at);
"""

MESSAGES = """
-- An episode that is being notified, and its next step.
CREATE TABLE heartguard_core.alarm_escalations (
    org_id integer NOT NULL,
    episode_id uuid NOT NULL,
    policy_id uuid NOT NULL,
    step integer NOT NULL DEFAULT 0,
    repeat integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    -- The episode had ended when it was found: its first step is due all the same.
    was_over boolean NOT NULL,
    PRIMARY KEY (org_id, episode_id),
    FOREIGN KEY (org_id, episode_id) REFERENCES heartguard_core.alarm_episodes (org_id, id)
);
CREATE INDEX alarm_escalations_due ON heartguard_core.alarm_escalations (due_at);

-- A message by one channel, about one or more episodes. Its id is part of its Message-ID, so it stays for all attempts.
CREATE TABLE heartguard_core.alarm_messages (
    org_id integer NOT NULL REFERENCES heartguard_core.organizations,
    id uuid NOT NULL,
    policy_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    service text NOT NULL,
    details boolean NOT NULL,
    -- The message that failed for good, of which this one tells by another channel.
    reports uuid,
    status text NOT NULL CHECK (status IN ('waiting', 'sent', 'failed', 'cancelled')),
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    ended_at timestamptz,
    -- The auth service has the e-mail: nothing can be taken back.
    handed_over boolean NOT NULL DEFAULT false,
    attempts integer NOT NULL DEFAULT 0,
    error text,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX alarm_messages_due ON heartguard_core.alarm_messages (due_at) WHERE status = 'waiting';
CREATE INDEX alarm_messages_by_time ON heartguard_core.alarm_messages (org_id, created_at);

CREATE TABLE heartguard_core.alarm_notifications (
    org_id integer NOT NULL,
    episode_id uuid NOT NULL,
    step integer NOT NULL,
    repeat integer NOT NULL,
    channel_id uuid NOT NULL,
    service text NOT NULL,
    -- NULL: no message was made, because the alarm was silenced.
    message_id uuid,
    -- The episode had ended when it was found, so that its end cancels nothing.
    was_over boolean NOT NULL,
    -- The episode was over, acknowledged, closed or withdrawn before the message was sent.
    cancelled boolean NOT NULL DEFAULT false,
    at timestamptz NOT NULL,
    PRIMARY KEY (org_id, episode_id, step, repeat, channel_id),
    FOREIGN KEY (org_id, episode_id) REFERENCES heartguard_core.alarm_episodes (org_id, id),
    FOREIGN KEY (org_id, message_id) REFERENCES heartguard_core.alarm_messages (org_id, id)
);
CREATE INDEX alarm_notifications_of_message ON heartguard_core.alarm_notifications (org_id, message_id)
    WHERE message_id IS NOT NULL;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON heartguard_core.alarm_channels, heartguard_core.alarm_policies,
    heartguard_core.alarm_silences, heartguard_core.alarm_escalations, heartguard_core.alarm_messages,
    heartguard_core.alarm_notifications TO heartguard_alarm;
-- Whom a message is about, where a policy says so, and in which language they read.
GRANT SELECT (id, org_id, full_name, deleted_at) ON heartguard_core.users TO heartguard_alarm;
GRANT SELECT (user_id, key, value) ON heartguard_core.user_preferences TO heartguard_alarm;
"""

# Auth keeps what has become of an e-mail about alarms for a day.
OUTBOX = """
ALTER TABLE heartguard_core.mail_outbox DROP CONSTRAINT mail_outbox_kind_check;
ALTER TABLE heartguard_core.mail_outbox
    ADD CONSTRAINT mail_outbox_kind_check CHECK (kind IN ('email', 'password_code', 'email_code', 'alarm'));
"""


def upgrade() -> None:
    """Create the tables and the grants."""
    for statements in (SETTINGS, MESSAGES, GRANTS, OUTBOX):
        op.execute(statements)
