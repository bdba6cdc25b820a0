"""The endpoints of media, by subject."""

from typing import Any

from heartguard_common.http.routing import Route
from heartguard_media.routes import archives, direct_uploads, files, imports, uploads
from heartguard_media.usecases import MediaUseCases

ROUTES: tuple[Route[MediaUseCases, Any], ...] = (
    *uploads.ROUTES,
    *direct_uploads.ROUTES,
    *files.ROUTES,
    *archives.ROUTES,
    *imports.ROUTES,
)
