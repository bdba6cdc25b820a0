"""The use cases of the user service: a class for each subject, a method for each operation."""

from dataclasses import dataclass

from heartguard_user.usecases.deletions import DELETION, Deletions
from heartguard_user.usecases.exports import EXPORT, Exporting, Exports
from heartguard_user.usecases.members import UserUseCases

__all__ = ["DELETION", "EXPORT", "Deletions", "Exporting", "Exports", "UseCases", "UserUseCases"]


@dataclass(frozen=True)
class UseCases:
    """The use cases that the routes call, by subject."""

    members: UserUseCases
    deletions: Deletions
    exports: Exports
