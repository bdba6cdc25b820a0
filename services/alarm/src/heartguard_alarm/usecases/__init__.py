"""The use cases of the alarm service, by subject."""

from dataclasses import dataclass

from heartguard_alarm.usecases.alarms import AlarmUseCases
from heartguard_alarm.usecases.channels import ChannelUseCases
from heartguard_alarm.usecases.personal_data import PersonalData
from heartguard_alarm.usecases.policies import PolicyUseCases
from heartguard_alarm.usecases.rehearsal import Rehearsal
from heartguard_alarm.usecases.rules import RuleUseCases
from heartguard_alarm.usecases.silences import SilenceUseCases


@dataclass(frozen=True)
class UseCases:
    """What the handlers call."""

    alarms: AlarmUseCases
    rules: RuleUseCases
    rehearsal: Rehearsal
    personal_data: PersonalData
    channels: ChannelUseCases
    policies: PolicyUseCases
    silences: SilenceUseCases
