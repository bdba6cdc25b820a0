"""What can be done with files, one class per subject, one method per verb."""

from dataclasses import dataclass
from typing import Self

from heartguard_media.usecases.announced import AnnouncedUploads
from heartguard_media.usecases.archives import Archives
from heartguard_media.usecases.dependencies import Rules, Stores
from heartguard_media.usecases.reading import Reading
from heartguard_media.usecases.removal import Removal
from heartguard_media.usecases.uploads import Uploads

__all__ = ["MediaUseCases", "Rules", "Stores"]


@dataclass(frozen=True)
class MediaUseCases:
    """Everything media can do, by subject."""

    uploads: Uploads
    announced: AnnouncedUploads
    reading: Reading
    removal: Removal
    archives: Archives

    @classmethod
    def over(cls, rules: Rules, stores: Stores) -> Self:
        """All of them over the same stores."""
        return cls(
            uploads=Uploads(rules, stores),
            announced=AnnouncedUploads(rules, stores),
            reading=Reading(rules, stores),
            removal=Removal(rules, stores),
            archives=Archives(rules, stores),
        )
