import hashlib
import hmac

import pytest

from heartguard_media.domain.items import object_key
from heartguard_media.domain.links import read_claim, sign, signed, write_claim
from heartguard_media.domain.names import content_disposition

WEEK = 7 * 86_400
READ = read_claim("abc", WEEK, "attachment")


def test_a_signature_is_the_hmac_of_what_it_allows():
    claims = {
        b"heartguard media\nGET\nabc\n604800\nattachment": READ,
        b"heartguard media\nPUT\nabc\n100\nimage/png\n9": write_claim("abc", 100, "image/png", 9),
    }
    for text, claim in claims.items():
        assert sign("key", claim) == hmac.new(b"key", text, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(("now", "answer"), [(WEEK - 1, True), (WEEK, False), (0, True), (-1, False)])
def test_a_signature_ends_at_its_expiry_and_never_lives_longer_than_a_week(now, answer):
    assert signed("key", READ, sign("key", READ), WEEK, now) is answer


@pytest.mark.parametrize(
    "other",
    [
        read_claim("abd", WEEK, "attachment"),
        read_claim("abc", WEEK - 1, "attachment"),
        read_claim("abc", WEEK, "inline"),
        write_claim("abc", WEEK, "attachment", 9),
    ],
)
def test_a_signature_is_for_one_claim(other):
    assert not signed("key", other, sign("key", READ), WEEK, 0)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("beat.png", "attachment; filename=\"beat.png\"; filename*=UTF-8''beat.png"),
        ("ñ.png", "attachment; filename=\"n.png\"; filename*=UTF-8''%C3%B1.png"),
        ('a"b', "attachment; filename=\"a_b\"; filename*=UTF-8''a_b"),
        ("日本", "attachment; filename=\"file\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC"),
        ("../x", "attachment; filename=\"_.._x\"; filename*=UTF-8''_.._x"),
    ],
)
def test_the_name_of_a_download(name, header):
    assert content_disposition(name) == header


def test_a_key_is_made_of_ids_alone():
    assert object_key(1, 2, "abc") == "org_1/user_2/abc"
