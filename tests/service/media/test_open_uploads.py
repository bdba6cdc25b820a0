"""Announced uploads hold room for nothing: few at a time, for a short time, and an admin ends them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_media.settings import Settings
from heartguard_media.wiring import create_app
from tests.audit_events import recorded_events
from tests.people import limit
from tests.servers import until
from tests.service.media.conftest import PNG, put
from tests.service.media.test_announced import TICKET, announce, complete, send

LARGE = 1024 * 1024  # MAX_UPLOAD_MB


def used(client, people):
    return client.get("/media/usage", headers=people.admin).json["bytes"]


def refusals(client, name):
    wanted = f'heartguard_limit_refusals_total{{limit="{name}"}} '
    lines = client.get("/media/metrics").text.splitlines()
    return sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))


def test_one_member_cannot_reserve_the_whole_quota(app, client, people):
    """204 announcements of MAX_UPLOAD_MB each took all of an organization's room."""
    statuses = []
    with ThreadPoolExecutor(8) as pool:
        ask = lambda _: announce(app.test_client(), people.user, size=LARGE)  # noqa: E731
        statuses = [answer.status_code for answer in pool.map(ask, range(60))]
    assert sorted(statuses) == [201] * 20 + [409] * 40
    refused = announce(client, people.user, size=LARGE).json["error"]
    assert refused["code"] == "GEN_409_LIMIT"
    assert "open_uploads_per_member of 20 " in refused["message"]
    assert "DELETE /media/uploads/{item_id}" in refused["message"]
    assert refusals(client, "open_uploads_per_member") == 41
    assert used(client, people) == 20 * LARGE
    assert announce(client, people.peer).status_code == 201
    assert put(client, people.user).status_code == 201


@pytest.mark.parametrize(
    ("limits", "sizes", "name"),
    [
        ({"open_uploads": 2}, [9, 9], "open_uploads of 2 "),
        ({"open_upload_bytes_per_member": 100}, [60, 40], "open_upload_bytes_per_member of 100 "),
        # One may be larger than the share, or nobody could send a large file; then there is room for no other.
        ({"open_upload_bytes_per_member": 100}, [1000], "open_upload_bytes_per_member of 100 "),
        ({"media_items": 0}, [], "media_items of 0 "),
    ],
)
def test_each_limit_of_announcements_is_an_organizations_own(client, people, database, limits, sizes, name):
    limit(database, people.org, **limits)
    assert [announce(client, people.user, size=size).status_code for size in sizes] == [201] * len(sizes)
    answer = announce(client, people.user, size=9)
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "GEN_409_LIMIT")
    assert name in answer.json["error"]["message"]
    assert announce(client, people.stranger, size=9).status_code == 201


def test_the_last_file_is_taken_once(app, client, people, database):
    limit(database, people.org, media_items=2)
    with ThreadPoolExecutor(6) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda _: put(app.test_client(), people.user), range(6))]
    assert sorted(statuses) == [201] * 2 + [409] * 4


def test_an_announcement_ends_soon_after_its_url_unless_its_bytes_came(client, people, app, environ, clock):
    late, sent, taken = (announce(client, people.user).json for _ in range(3))
    send(client, sent)
    send(client, taken)
    complete(client, people.user, taken)
    clock.forward(15 * 60 + 61)
    app.extensions[LIFECYCLE].close()
    later = create_app(Settings.from_env(environ), clock)  # its thread begins at once, and looks once a minute
    try:
        client = later.test_client()
        until(lambda: used(client, people) == 2 * len(PNG), "the announcement without bytes is gone")
        assert complete(client, people.user, late).status_code == 404
        assert complete(client, people.user, sent).status_code == 200
    finally:
        later.extensions[LIFECYCLE].close()


def test_an_expired_announcement_takes_no_place_of_a_new_one(client, people, database, clock):
    limit(database, people.org, open_uploads_per_member=1)
    assert announce(client, people.user).status_code == 201
    assert announce(client, people.user).status_code == 409
    clock.forward(15 * 60 + 1)
    assert announce(client, people.user).status_code == 201


def test_open_announcements_are_listed_and_cancelled_by_their_owner_and_by_an_admin(
    client, people, database, redis_url, environ
):
    def listed(who, query=""):
        return [item["id"] for item in client.get(f"/media/uploads{query}", headers=who).json["items"]]

    mine, hers, other = (announce(client, who).json for who in (people.user, people.peer, people.user))
    send(client, other)
    (shown,) = client.get(f"/media/uploads?owner_id={people.ids['peer']}", headers=people.admin).json["items"]
    assert shown == {
        **{name: TICKET[name] for name in ("file_name", "content_type", "size")},
        "id": hers["id"],
        "owner_id": people.ids["peer"],
        "created_at": shown["created_at"],
        "expires_at": hers["expires_at"],
    }
    assert listed(people.admin) == [other["id"], hers["id"], mine["id"]]
    assert listed(people.user) == [other["id"], mine["id"]]
    assert listed(people.user, f"?owner_id={people.ids['peer']}") == []
    assert listed(people.manager) == listed(people.stranger) == []

    def cancel(who, ticket):
        return client.delete(f"/media/uploads/{ticket['id']}", headers=who).status_code

    assert [cancel(who, hers) for who in (people.user, people.manager, people.stranger)] == [404] * 3
    assert [cancel(people.admin, hers), cancel(people.user, mine), cancel(people.admin, other)] == [204] * 3
    assert cancel(people.admin, hers) == 404
    assert send(client, mine).status_code == complete(client, people.user, other).status_code == 404
    assert used(client, people) == 0
    assert listed(people.admin) == []
    item = put(client, people.user).json
    assert cancel(people.user, item) == 404
    ended = [event for event in recorded_events(database, redis_url) if event["action"] == "media.cancel_upload"]
    assert [event["resource"] for event in ended] == [f"media:{one['id']}" for one in (hers, mine, other)]
