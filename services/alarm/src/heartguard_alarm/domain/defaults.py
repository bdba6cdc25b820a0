"""The rules that every organization can start with. They are off until an admin turns them on."""

from collections.abc import Mapping

from heartguard_common.messages import AlarmRuleRequest

_APPLE = (
    "Apple Watch heart rate notifications (support.apple.com/HT208931): above or below a chosen rate for 10 minutes "
    "while inactive; choices from 100 to 150 and of 40, 45 and 50. The tolerance and the clear threshold are ours."
)
_NIGHTSCOUT = (
    "Nightscout, ALARM_TIMEAGO_WARN_MINS and ALARM_TIMEAGO_URGENT_MINS (github.com/nightscout/cgm-remote-monitor, "
    "README): a warning after 15 minutes without data, urgent after 30."
)
DEFAULTS: Mapping[str, tuple[AlarmRuleRequest, str]] = {
    "high_resting_heart_rate": (
        {
            "name": "High heart rate at rest",
            "measurement": "heart_rate",
            "field": "bpm",
            "condition": "above",
            "threshold": 120,
            "clear_threshold": 110,
            "for_seconds": 600,
            "clear_after_seconds": 600,
            "activity": "resting",
            "severity": "warning",
            "enabled": False,
        },
        _APPLE,
    ),
    "low_resting_heart_rate": (
        {
            "name": "Low heart rate at rest",
            "measurement": "heart_rate",
            "field": "bpm",
            "condition": "below",
            "threshold": 40,
            "clear_threshold": 45,
            "for_seconds": 600,
            "clear_after_seconds": 600,
            "activity": "resting",
            "severity": "warning",
            "enabled": False,
        },
        _APPLE,
    ),
    "no_data_warning": (
        {
            "name": "No heart rate for 15 minutes",
            "measurement": "heart_rate",
            "field": "bpm",
            "condition": "no_data",
            "no_data_after_seconds": 900,
            "severity": "warning",
            "enabled": False,
        },
        _NIGHTSCOUT,
    ),
    "no_data_urgent": (
        {
            "name": "No heart rate for 30 minutes",
            "measurement": "heart_rate",
            "field": "bpm",
            "condition": "no_data",
            "no_data_after_seconds": 1800,
            "severity": "critical",
            "enabled": False,
        },
        _NIGHTSCOUT,
    ),
}
"""The settings of each by its name, and where their numbers come from."""
