"""Bytes that are put straight into the store, by a URL that was given out before its owner was deleted."""

from contextlib import nullcontext
from types import SimpleNamespace

from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority_store import PostgresAuthority
from heartguard_common.jobs.dead_letter_store import PostgresDeadLetters
from heartguard_common.stores.database import Database as Pool
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_media.domain.items import Ticket, Upload
from heartguard_media.store.archives import PostgresArchives
from heartguard_media.store.items import PostgresItems
from heartguard_media.usecases import MediaUseCases, Rules, Stores
from tests.clocks import MovableClock
from tests.fakes.objects import MemoryObjects
from tests.people import found, join, owner

RULES = Rules(10**6, 10**6, 300, "secret", "http://heartguard.test", ("text/plain",))


class DirectObjects(MemoryObjects):
    """A store that takes bytes by URLs of its own."""

    receives_here = False

    def direct_upload(self, item, _):
        return Ticket(f"https://store.example/{item.key}", {})


def test_an_erasure_is_repeated_when_the_urls_have_expired(database):
    pool, clock, objects = Pool(database.url_for("media")), MovableClock(), DirectObjects()
    org = found(database)
    person = Principal("person", "user", user_id=join(database, org), org_id=org)
    service = Principal("service", "service", name="user")
    trail = SimpleNamespace(changed=lambda *_, **__: None)
    items = PostgresItems(pool, pool, PostgresLimits(pool, clock, {}), clock)
    dead_letters, authority = PostgresDeadLetters("media", pool, clock), PostgresAuthority(pool)
    stores = Stores(items, objects, trail, clock, PostgresArchives(pool), nullcontext, authority, dead_letters)
    media = MediaUseCases.over(RULES, stores)
    item, _, _ = media.direct_uploads.announce(person, Upload("x.txt", "text/plain", 10**6, 2))
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.users SET deleted_at = now() WHERE id = %s", (person.user_id,))
    clock.forward(100)
    assert media.removal.erase(service, org, person.user_id) == (0, 200)
    objects.write(item.key, [b"hi"])
    assert media.removal.erase(service, org, person.user_id) == (0, 200)
    assert objects.size(item.key) is None
    objects.write(item.key, [b"hi"])
    clock.forward(200)
    assert media.removal.erase(service, org, person.user_id) == (1, None)
    assert objects.size(item.key) is None
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.media_items")
        assert cursor.fetchone() == (0,)
    pool.close()
