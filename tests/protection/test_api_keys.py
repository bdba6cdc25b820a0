"""API keys at the gateway and at the services' own ports: what they may do, and when they end."""

from tests.protection.api_keys import ENTRY_POINTS, make, statuses, write
from tests.protection.stack import ProtectedStack


def test_a_device_key_writes_its_owners_points_and_reads_the_catalogue(protected_stack: ProtectedStack) -> None:
    admin = protected_stack.found("keys.admin")
    member = protected_stack.join(admin, "user", "keys.member")
    key = make(protected_stack, admin)
    assert statuses(protected_stack, key, admin.org_id) == [200, 200]
    for entry_point in ENTRY_POINTS:
        of_another = write(protected_stack, key, admin.org_id, entry_point, tags={"user_id": str(member.user_id)})
        assert of_another.json["results"][0]["status"] == "rejected", of_another.body
        for accept, start in (("application/json", b"{"), ("application/xml", b"<?xml")):
            headers = {**key.bearer, "Accept": accept}
            catalogue = protected_stack.entry_points[entry_point].ask("GET", "/timeseries/measurements", headers)
            assert (catalogue.status, catalogue.body[: len(start)]) == (200, start)
            refused = protected_stack.entry_points[entry_point].ask("GET", "/timeseries/buckets", headers)
            assert (refused.status, b"GEN_403" in refused.body) == (403, True)
