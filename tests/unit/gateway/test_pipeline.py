"""The list of stages: its order is checked, and it is the list the README prints."""

import re
from pathlib import Path

import pytest

from heartguard_common.core.paths import REPO_ROOT
from heartguard_gateway.domain import Exchange
from heartguard_gateway.pipeline.pipeline import ALWAYS, STAGES, OrderError, check_order
from heartguard_gateway.pipeline.stage import Stage, stage
from heartguard_gateway.ports import Ports

SRC = REPO_ROOT / "services" / "gateway"


def swapped(first: str, second: str) -> list[Stage]:
    order = list(STAGES)
    names = [stage.name for stage in order]
    one, other = names.index(first), names.index(second)
    order[one], order[other] = order[other], order[one]
    return order


def test_the_stages_are_in_the_documented_order() -> None:
    check_order(STAGES, ALWAYS)
    assert [stage.name for stage in STAGES] == [
        "assign_request_id",
        "choose_representation",
        "shed_load",
        "refuse_malformed",
        "answer_preflight",
        "match_route",
        "redeem_ticket",
        "verify_token",
        "admit",
        "authorize",
        "strip_client_headers",
        "forward",
        "prepare_answer",
    ]
    assert [stage.name for stage in ALWAYS] == ["write_audit", "count", "log_access"]


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("match_route", "verify_token", "verify_token needs refusal, rule"),
        ("verify_token", "admit", "admit needs api_key, principal"),
        ("admit", "authorize", "authorize needs address, quota"),
        ("strip_client_headers", "forward", "forward needs upstream_headers"),
        ("forward", "prepare_answer", "prepare_answer needs reply"),
        ("refuse_malformed", "match_route", "needs segments"),
    ],
)
def test_a_wrong_order_refuses_to_start(first: str, second: str, says: str) -> None:
    with pytest.raises(OrderError, match=says):
        check_order(swapped(first, second), ALWAYS)


def test_a_stage_left_out_is_missed() -> None:
    without = [stage for stage in STAGES if stage.name != "authorize"]
    with pytest.raises(OrderError, match="strip_client_headers needs inner"):
        check_order(without, ALWAYS)


@stage(adds=("colour",))
def coloured(exchange: Exchange, _: Ports) -> None:
    """Set what no exchange has."""


@stage()
def late(exchange: Exchange, _: Ports) -> None:
    """Work on no reply."""


@pytest.mark.parametrize(
    ("stages", "always", "says"),
    [
        ((*STAGES, STAGES[0]), ALWAYS, "assign_request_id stands twice"),
        ((coloured, *STAGES), ALWAYS, "coloured names colour"),
        (STAGES[:-2], (), "no stage adds the reply"),
        (STAGES, (late,), "must work on a reply"),
    ],
)
def test_lists_that_can_not_work_are_refused(stages: tuple[Stage, ...], always: tuple[Stage, ...], says: str) -> None:
    with pytest.raises(OrderError, match=says):
        check_order(stages, always)


def test_each_stage_has_its_file_and_each_file_its_stage() -> None:
    files = {path.stem for path in (SRC / "src/heartguard_gateway/pipeline/stages").glob("*.py")} - {"__init__"}
    assert files == {stage.name for stage in (*STAGES, *ALWAYS)}


def test_the_readme_prints_this_list() -> None:
    text = Path(SRC / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\d+\. `(\w+)`", text, re.MULTILINE) == [stage.name for stage in (*STAGES, *ALWAYS)]
