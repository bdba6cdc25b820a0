"""What can be done with the members of an organization, one class per subject, one method per verb."""

from dataclasses import dataclass

from heartguard_user.usecases.deletions import DELETION, Deletions
from heartguard_user.usecases.exports import EXPORT, Exporting, Exports
from heartguard_user.usecases.members import UserUseCases

__all__ = ["DELETION", "EXPORT", "Deletions", "Exporting", "Exports", "UseCases", "UserUseCases"]


@dataclass(frozen=True)
class UseCases:
    """Everything the user service can do, by subject."""

    members: UserUseCases
    deletions: Deletions
    exports: Exports
