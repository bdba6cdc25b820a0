"""Builds media out of its parts."""

from flask import Flask

from heartguard_common.background import Background
from heartguard_common.clock import Clock
from heartguard_common.database import Database
from heartguard_common.edge import make_edge, open_parts
from heartguard_common.lifecycle import Lifecycle, Resource
from heartguard_common.web import make_app
from heartguard_media.ports import ObjectStore
from heartguard_media.routes import ROUTES
from heartguard_media.settings import Settings
from heartguard_media.store.archives import PostgresArchives
from heartguard_media.store.gcs import GcsStore, open_bucket
from heartguard_media.store.items import PostgresItems
from heartguard_media.store.local import LocalStore
from heartguard_media.usecases import MediaUseCases, Rules, Stores

MEBIBYTE = 1024 * 1024
SWEEP_SECONDS = 900.0


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The application of media. Raises `RouteTableError` when its routes and policy.toml differ."""
    parts = open_parts("media", settings, clock)
    objects = _open_objects(settings, parts.lifecycle)
    rules = Rules(
        max_bytes=settings.max_upload_mb * MEBIBYTE,
        quota_bytes=settings.media_quota_mb * MEBIBYTE,
        url_seconds=settings.signed_url_seconds,
        url_secret=settings.signed_url_secret,
        public_url=settings.public_url,
        types=settings.media_types,
    )
    # Two short transactions of an upload don't wait for those that are open around it.
    apart = Database(settings.database_url, pool_size=2)
    parts.lifecycle.on_close(apart.close)
    archives = PostgresArchives(parts.database)
    items = PostgresItems(parts.database, apart)
    stores = Stores(items, objects, parts.audit, parts.clock, archives, parts.database.transaction, parts.authority)
    usecases = MediaUseCases.over(rules, stores)

    def sweep() -> float:
        try:
            usecases.archives.sweep()
        finally:
            usecases.removal.sweep()
        return SWEEP_SECONDS

    sweeper = Background("sweeper", sweep).start()
    parts.lifecycle.on_close(sweeper.close)
    return make_app(make_edge("media", settings, parts), ROUTES, usecases)


def _open_objects(settings: Settings, lifecycle: Lifecycle) -> ObjectStore:
    """Google Cloud Storage where credentials or an emulator are named, otherwise a directory."""
    if settings.google_credentials is None and settings.storage_emulator is None:
        return lifecycle.open(Resource("objects", lambda: LocalStore(settings.media_dir), LocalStore.ping))
    bucket = (settings.gcs_bucket, settings.google_credentials, settings.storage_emulator)
    return lifecycle.open(Resource("objects", lambda: open_bucket(*bucket), GcsStore.ping, GcsStore.close))
