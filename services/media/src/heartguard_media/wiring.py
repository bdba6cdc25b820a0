"""Builds media out of its parts."""

from flask import Flask

from heartguard_common.background import Background
from heartguard_common.clock import Clock
from heartguard_common.database import Database
from heartguard_common.dead_letters import Queue
from heartguard_common.edge import MEBIBYTE, Parts, make_edge, open_parts
from heartguard_common.lifecycle import Lifecycle, Resource
from heartguard_common.limit_store import PostgresLimits
from heartguard_common.web import make_app
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
    parts = open_parts("media", settings, clock)
    objects = _open_objects(settings, parts.lifecycle)
    rules = Rules(
        max_bytes=settings.max_upload_mb * MEBIBYTE,
        url_seconds=settings.signed_url_seconds,
        url_secret=settings.signed_url_secret,
        public_url=settings.public_url,
        types=settings.media_types,
    )
    # Two short transactions of an upload don't wait for those that are open around it.
    apart = Database(settings.database_url, pool_size=2)
    parts.lifecycle.on_close(apart.close)
    archives = PostgresArchives(parts.database)
    limits = PostgresLimits(apart, parts.clock, settings.limit_defaults, parts.metrics.limit_refused)
    items = PostgresItems(parts.database, apart, limits, parts.clock)
    stores = Stores(
        items=items,
        objects=objects,
        audit=parts.audit,
        clock=parts.clock,
        archives=archives,
        transaction=parts.database.transaction,
        authority=parts.authority,
        letters=parts.letters,
    )
    usecases = MediaUseCases.over(rules, stores)

    queues = _clean_up(parts, objects, items, archives, usecases)
    return make_app(make_edge("media", settings, parts, queues=queues), ROUTES, usecases)


def _clean_up(
    parts: Parts, objects: ObjectStore, items: PostgresItems, archives: PostgresArchives, usecases: MediaUseCases
) -> dict[str, Queue]:
    """Start to remove what has had its time, beside the requests; what the operator can do where that fails."""

    def sweep() -> float:
        objects.ping()  # a store that is away is the fault of nothing in it
        usecases.archives.sweep()
        usecases.removal.sweep()
        parts.letters.purge()
        return SWEEP_SECONDS

    def expire() -> float:
        usecases.removal.expire()
        return EXPIRE_SECONDS

    sweeper = Background("sweeper", sweep).start()
    for worker in (sweeper, Background("announcements", expire).start()):
        parts.lifecycle.on_close(worker.close)
    return {
        "removals": Queue(drop=lambda letter: items.drop(letter.item), wake=sweeper.wake),
        "archives": Queue(drop=lambda letter: archives.drop(letter.item), wake=sweeper.wake),
        "orphans": Queue(wake=sweeper.wake),
    }


def _open_objects(settings: Settings, lifecycle: Lifecycle) -> ObjectStore:
    """Google Cloud Storage where credentials or an emulator are named, otherwise a directory."""
    if settings.google_credentials is None and settings.storage_emulator is None:
        return lifecycle.open(Resource("objects", lambda: LocalStore(settings.media_dir), LocalStore.ping))
    bucket = (settings.gcs_bucket, settings.google_credentials, settings.storage_emulator)
    return lifecycle.open(Resource("objects", lambda: open_bucket(*bucket), GcsStore.ping, GcsStore.close))
