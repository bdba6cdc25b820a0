"""Counters, and gauges that are read at each scrape."""

import threading

import pytest

from heartguard_common.core import metrics as metrics_module
from heartguard_common.core.metrics import LiveGauge, Metrics


@pytest.fixture(params=["one process", "many workers"])
def metrics(request, tmp_path, monkeypatch):
    if request.param == "many workers":
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    return Metrics("audit")


def test_unknown_methods_share_one_label():
    metrics = Metrics("audit")
    for method in ("GET", "ZZA", "ZZB"):
        metrics.observe("unmatched", method, 404, 0.01)
    lines = [
        line for line in metrics.exposition().decode().splitlines() if line.startswith("heartguard_requests_total")
    ]
    assert sorted(line.partition('method="')[2].partition('"')[0] for line in lines) == ["GET", "other"]
    assert [line.rpartition(" ")[2] for line in lines if "other" in line] == ["2.0"]


def test_a_gauge_is_read_when_metrics_are_requested(metrics):
    values = iter([2.0, 5.0])
    metrics.live("waiting", "What waits", lambda: next(values))
    for value in (2.0, 5.0):
        text = metrics.exposition().decode()
        assert "# TYPE waiting gauge" in text
        assert f"waiting {value}\n" in text


def test_an_unknown_value_is_left_out_and_the_others_stay(metrics):
    def away():
        raise OSError

    metrics.live("unknown", "Nobody knows", away)
    metrics.live("known", "Somebody knows", lambda: 1.0)
    text = metrics.exposition().decode()
    assert "known 1.0\n" in text
    assert "\nunknown " not in text


def test_a_value_that_hangs_is_left_out_and_asked_for_once(metrics, monkeypatch):
    """As when PostgreSQL hangs: Prometheus would give up and report that the service is down."""
    monkeypatch.setattr(metrics_module, "LIVE_SECONDS", 0.2)
    over, asked = threading.Event(), []

    def hanging():
        asked.append(1)
        over.wait()
        return 1.0

    metrics.live("first", "Known before", lambda: 1.0)
    metrics.live("hung", "Hangs", hanging)
    metrics.live("last", "Comes after it", lambda: 1.0)
    shown = [metrics.exposition().decode() for _ in range(3)]
    assert ["first 1.0\n" in text for text in shown] == [True] * 3
    assert ["hung 1.0\n" in text for text in shown] == [False] * 3
    assert ["last 1.0\n" in text for text in shown] == [False, True, True]
    assert len(asked) == 1
    over.set()


def test_gauges_that_are_read_together_have_the_service_as_label(metrics):
    free = LiveGauge("free", "Room", ("directory",))
    size = LiveGauge("size", "Size", ("directory",))
    metrics.live_group((free, size), lambda: {"free": {("spool",): 5.0, ("media",): 7.0}})
    text = metrics.exposition().decode()
    assert 'free{directory="media",service="audit"} 7.0\n' in text
    assert "size{" not in text
