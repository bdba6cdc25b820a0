"""The use cases of media: one class for each subject, one method for each action."""

from dataclasses import dataclass
from typing import Self

from heartguard_media.usecases.archives import Archives
from heartguard_media.usecases.dependencies import Rules, Stores
from heartguard_media.usecases.direct_uploads import DirectUploads
from heartguard_media.usecases.imports import ImportFiles
from heartguard_media.usecases.reading import Reading
from heartguard_media.usecases.removal import Removal
from heartguard_media.usecases.uploads import Uploads

__all__ = ["MediaUseCases", "Rules", "Stores"]


@dataclass(frozen=True)
class MediaUseCases:
    """All use cases of media, by subject."""

    uploads: Uploads
    direct_uploads: DirectUploads
    reading: Reading
    removal: Removal
    archives: Archives
    imports: ImportFiles

    @classmethod
    def over(cls, rules: Rules, stores: Stores) -> Self:
        """All of them over the same stores."""
        removal = Removal(rules, stores)
        return cls(
            uploads=Uploads(rules, stores),
            direct_uploads=DirectUploads(rules, stores),
            reading=Reading(rules, stores),
            removal=removal,
            archives=Archives(rules, stores),
            imports=ImportFiles(rules, stores, removal),
        )
