import hashlib
import hmac

import pytest

from heartguard_media.domain import content_disposition, is_media_type, object_key, sign, signed


def test_a_signature_is_the_hmac_of_what_it_allows():
    claim = b"heartguard media\nread\nabc\n100"
    assert sign("key", "abc", 100) == hmac.new(b"key", claim, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(("now", "answer"), [(99, True), (100, False), (101, False)])
def test_a_signature_ends_at_its_expiry(now, answer):
    assert signed("key", "abc", 100, sign("key", "abc", 100), now) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("image/png", True),
        ("text/plain; charset=utf-8", True),
        ("image", False),
        ("image/png\r\nX: y", False),
        ("a/" + "b" * 300, False),
    ],
)
def test_media_types(text, answer):
    assert is_media_type(text) is answer


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("beat.png", "attachment; filename=\"beat.png\"; filename*=UTF-8''beat.png"),
        ("ñ.png", "attachment; filename=\"n.png\"; filename*=UTF-8''%C3%B1.png"),
        ('a"b', "attachment; filename=\"a_b\"; filename*=UTF-8''a_b"),
        ("日本", "attachment; filename=\"file\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC"),
        ("../x", "attachment; filename=\".._x\"; filename*=UTF-8''.._x"),
    ],
)
def test_the_name_of_a_download(name, header):
    assert content_disposition(name) == header


def test_a_key_is_made_of_ids_alone():
    assert object_key(1, 2, "abc") == "org_1/user_2/abc"
