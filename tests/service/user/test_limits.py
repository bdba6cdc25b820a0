"""The limits of exports: requests in a day, and open ones."""

from tests.people import found, join, limit, owner
from tests.tokens import bearer


def test_exports_are_limited_per_day_and_while_they_wait(client, database):
    org = found(database)
    limit(database, org, exports_per_member_per_day=2, open_exports=2)
    people = [bearer(join(database, org), "user", org) for _ in range(3)]

    def ask(who):
        return client.post("/users/me/export", headers=who)

    first = ask(people[0]).json
    assert ask(people[0]).json["id"] == first["id"]  # the one that waits, which counts once
    assert ask(people[1]).status_code == 202
    refused = ask(people[2])
    assert (refused.status_code, refused.json["error"]["code"]) == (429, "GEN_429_LIMIT")
    assert "open_exports of 2 " in refused.json["error"]["message"]
    assert int(refused.headers["Retry-After"]) == 60
    statuses = []
    for _ in range(2):
        with owner(database) as cursor:
            cursor.execute("UPDATE heartguard_core.jobs SET status = 'failed'")
        statuses.append(ask(people[0]))
    assert [answer.status_code for answer in statuses] == [202, 429]
    assert "exports_per_member_per_day of 2 " in statuses[-1].json["error"]["message"]
