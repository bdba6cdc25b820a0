"""Builds the media service from its settings."""

from flask import Flask

from heartguard_common.core.clock import Clock
from heartguard_common.core.lifecycle import Lifecycle, Resource
from heartguard_common.http.web import make_app
from heartguard_common.jobs.dead_letters import ManagedQueue
from heartguard_common.runtime.bootstrap import MEBIBYTE, Dependencies, make_web_dependencies, open_dependencies
from heartguard_common.stores.database import Database
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_media.ports import ObjectStore
from heartguard_media.routes import ROUTES
from heartguard_media.settings import Settings
from heartguard_media.store.archives import PostgresArchives
from heartguard_media.store.gcs import GcsStore, open_bucket
from heartguard_media.store.items import PostgresItems
from heartguard_media.store.local import LocalStore
from heartguard_media.usecases import MediaUseCases, Rules, Stores

SWEEP_SECONDS, EXPIRE_SECONDS = 900.0, 60.0


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The application of media. Raises `RouteTableError` when its routes and policy.toml differ."""
    dependencies = open_dependencies("media", settings, clock)
    objects = _open_objects(settings, dependencies.lifecycle)
    rules = Rules(
        max_bytes=settings.max_upload_mb * MEBIBYTE,
        import_bytes=settings.max_import_mb * MEBIBYTE,
        url_seconds=settings.signed_url_seconds,
        url_secret=settings.signed_url_secret,
        public_url=settings.public_url,
        types=settings.media_types,
    )
    archives = PostgresArchives(dependencies.database)
    items = _open_items(settings, dependencies)
    stores = Stores(
        items=items,
        objects=objects,
        audit=dependencies.audit,
        clock=dependencies.clock,
        archives=archives,
        transaction=dependencies.database.transaction,
        authority=dependencies.authority,
        dead_letters=dependencies.dead_letters,
    )
    usecases = MediaUseCases.over(rules, stores)

    queues = _clean_up(dependencies, objects, items, archives, usecases)
    in_bucket = settings.google_credentials is not None or settings.storage_emulator is not None
    web = make_web_dependencies(
        "media",
        settings,
        dependencies,
        queues=queues,
        directories={} if in_bucket else {"media": settings.media_dir},
    )
    return make_app(web, ROUTES, usecases)


def _clean_up(
    dependencies: Dependencies,
    objects: ObjectStore,
    items: PostgresItems,
    archives: PostgresArchives,
    usecases: MediaUseCases,
) -> dict[str, ManagedQueue]:
    """Start the threads that remove what has expired; returns what the operator can do with their dead letters."""

    def sweep() -> float:
        objects.ping()  # while the store is unavailable, no item counts as failed
        usecases.archives.sweep()
        usecases.removal.sweep()
        dependencies.dead_letters.purge()
        return SWEEP_SECONDS

    def expire() -> float:
        usecases.removal.expire()
        return EXPIRE_SECONDS

    sweeper = dependencies.background.start("sweeper", sweep)
    dependencies.background.start("announcements", expire)
    return {
        "removals": ManagedQueue(drop=lambda dead_letter: items.drop(dead_letter.item), wake=sweeper.wake),
        "archives": ManagedQueue(drop=lambda dead_letter: archives.drop(dead_letter.item), wake=sweeper.wake),
        "orphans": ManagedQueue(wake=sweeper.wake),
    }


def _open_items(settings: Settings, dependencies: Dependencies) -> PostgresItems:
    """The metadata store; two short transactions of an upload use a pool of their own and never join an open one."""
    own_pool = Database(settings.database_url, pool_size=2, observer=dependencies.statements)
    dependencies.lifecycle.on_close(own_pool.close)
    limits = PostgresLimits(own_pool, dependencies.clock, settings.limit_defaults, dependencies.metrics.limit_refused)
    return PostgresItems(dependencies.database, own_pool, limits, dependencies.clock)


def _open_objects(settings: Settings, lifecycle: Lifecycle) -> ObjectStore:
    """Google Cloud Storage where credentials or an emulator are named, otherwise a directory."""
    if settings.google_credentials is None and settings.storage_emulator is None:
        return lifecycle.open(Resource("objects", lambda: LocalStore(settings.media_dir), LocalStore.ping))
    bucket = (settings.gcs_bucket, settings.google_credentials, settings.storage_emulator)
    return lifecycle.open(Resource("objects", lambda: open_bucket(*bucket), GcsStore.ping, GcsStore.close))
