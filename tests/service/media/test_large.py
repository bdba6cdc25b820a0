"""A large file goes up and comes down through the gateway in flat memory.

HEARTGUARD_TEST_LARGE_MB=200 is the long form.
"""

import base64
import json
import os

import pytest

from tests.media_stack import MEBIBYTE, blocks_of, content, digest_of, peak_of, pids_of, running, target_of
from tests.memory import Held
from tests.servers import until

SIZE = int(os.environ.get("HEARTGUARD_TEST_LARGE_MB", "32"))
MOST_RESIDENT = 120 * 10**6
MOST_GROWTH = 24 * 10**6  # of all processes of a program together, whatever the size of the file


def require_flat(stack, work):
    """Do it once over, and see that no process is large and no program grows with the file."""
    _, before = peak_of(pids_of(stack), lambda: None)
    result, peaks = peak_of(pids_of(stack), work)
    for name, peak in peaks.items():
        assert peak.largest < MOST_RESIDENT, (name, peak)
        assert peak.own - before[name].own < MOST_GROWTH, (name, before[name], peak)
    return result


@pytest.fixture
def stack(database, redis_url, tmp_path):
    with running(database, redis_url, tmp_path, max(SIZE, 50)) as stack:
        yield stack


def up(stack, **how):
    headers = {**stack.who, "Content-Type": "application/octet-stream", **how}
    answer = stack.request("PUT", "/media/upload?file_name=large.bin", content(SIZE), **headers)
    assert answer.status == 201, answer.read()
    return json.loads(answer.read())


def link(stack, item):
    answer = stack.request("GET", f"/media/items/{item['id']}/download", **stack.who)
    return target_of(json.loads(answer.read())["url"])


def test_a_large_file_goes_up_and_down_in_flat_memory(stack):
    expected = digest_of(content(SIZE))

    def there_and_back():
        item = up(stack, **{"Content-Length": str(SIZE * MEBIBYTE)})
        chunked = up(stack)
        assert (item["size"], item["sha256"], chunked["sha256"]) == (SIZE * MEBIBYTE, expected, expected)
        url = link(stack, item)
        assert digest_of(blocks_of(stack.request("GET", url))) == expected
        middle = SIZE * MEBIBYTE // 2
        part = stack.request("GET", url, Range=f"bytes={middle - 3}-{middle + 8}")
        assert (part.status, part.read()) == (
            206,
            list(content(SIZE // 2))[-1][-3:] + list(content(SIZE // 2 + 1))[-1][:9],
        )
        return expected

    assert require_flat(stack, there_and_back) == expected


def test_an_announced_file_in_flat_memory(stack):
    expected = digest_of(content(SIZE))
    request = {
        "file_name": "l",
        "content_type": "application/octet-stream",
        "size": SIZE * MEBIBYTE,
        "sha256": expected,
    }
    body = json.dumps({**request, "sha256": expected})

    def announced():
        answer = stack.request("POST", "/media/uploads", body, **stack.who, **{"Content-Type": "application/json"})
        ticket = json.loads(answer.read())
        headers = {**ticket["headers"], "Content-Length": str(request["size"])}
        sent = stack.request("PUT", target_of(ticket["url"]), content(SIZE), **headers)
        assert (sent.status, sent.read()) == (201, b"")
        done = stack.request("POST", f"/media/uploads/{ticket['id']}/complete", **stack.who)
        return json.loads(done.read())

    assert require_flat(stack, announced)["sha256"] == expected


@pytest.mark.parametrize("media_type", ["application/json", "application/xml"])
def test_a_document_costs_four_times_its_body_at_most(stack, media_type):
    data = base64.b64encode(b"".join(content(5))).decode()
    leaves = {"file_name": "a", "content_type": "application/octet-stream", "data_base64": data}
    body = json.dumps(leaves)
    if media_type == "application/xml":
        inner = "".join(f"<{name}>{text}</{name}>" for name, text in leaves.items())
        body = f"<MediaUpload>{inner}</MediaUpload>"
    small = body.replace(data, "AAAA")
    headers = {**stack.who, "Content-Type": media_type}
    pids = pids_of(stack)
    # What first requests load is not the body's: modules, and the stack and arena of each thread that answers.
    for _ in range(10):
        assert stack.request("POST", "/media/upload", small, **headers).read()
    _, before = peak_of(pids, lambda: None)

    def upload() -> bytes:
        answer = stack.request("POST", "/media/upload", body, **headers).read()
        # A thread drops its document after it has answered: the next request is not to be measured beside it.
        until(lambda: Held.by_family(pids["media"]).own < before["media"].own + len(body), "the end of the request")
        return answer[:6]

    answers, peaks = peak_of(pids, lambda: [upload() for _ in range(5)])
    assert answers == [b'{"id":'] * 5
    for name, peak in peaks.items():
        assert peak.own - before[name].own < 4 * len(body), (name, before[name], peak, len(body))
