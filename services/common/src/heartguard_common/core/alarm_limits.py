"""The limits of who is notified of alarms."""

from heartguard_common.core.limit import LATER, NEXT_DAY, Limit

ALARM_LIMITS = (
    Limit(
        "alarm_channels",
        "organization",
        "channels",
        200,
        "Channels for messages about alarms.",
        "an admin: DELETE /alarms/channels/{channel_id}",
    ),
    Limit(
        "alarm_channel_tests_per_day",
        "organization",
        "messages",
        100,
        "Messages in a day that try a channel, and codes that are sent again.",
        NEXT_DAY,
        LATER,
        daily=True,
    ),
    Limit(
        "alarm_policies",
        "organization",
        "policies",
        50,
        "Notification policies.",
        "an admin: DELETE /alarms/policies/{policy_id}",
    ),
    Limit(
        "alarm_silences",
        "organization",
        "silences",
        1_000,
        "Silences that have not ended.",
        "an admin or manager: DELETE /alarms/silences/{silence_id}",
    ),
    Limit(
        "alarm_messages_per_hour",
        "organization",
        "messages",
        # A message tells of all alarms that are due for its channel: this many are about as many channels.
        1_000,
        "Messages about alarms in an hour, by all channels; what is due beyond waits, and goes together.",
        "wait up to an hour; the operator can raise it",
        "none: messages wait",
    ),
)
