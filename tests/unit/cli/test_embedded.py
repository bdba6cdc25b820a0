"""Embedded servers where something is missing: a sentence that names the way out, and nothing half made."""

from pathlib import Path

import pytest

from heartguard_cli.child_processes import dies_with_parent
from heartguard_cli.embedded.binaries import postgres_binary
from heartguard_cli.embedded.postgres import PostgresCluster
from heartguard_cli.embedded.privileges import system_user_prefix
from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout
from heartguard_cli.programs import Program
from heartguard_cli.supervision import Supervisor
from heartguard_cli.urls import for_role


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without any program."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_a_user_that_exists_is_taken_as_it_is(bare_path: None) -> None:
    prefix = system_user_prefix("root")
    assert prefix[0] == "setpriv"
    assert {"--reuid=root", "--regid=root", "--clear-groups"} <= set(prefix)


def test_without_useradd_the_message_for_root_names_the_alternatives(bare_path: None) -> None:
    with pytest.raises(CommandError, match="start HeartGuard as an ordinary user, or set DATABASE_URL"):
        system_user_prefix("heartguard-nobody")


def test_without_setpriv_a_program_is_started_as_it_is(bare_path: None) -> None:
    assert dies_with_parent("TERM") == ()


def test_a_wheel_without_the_program_names_the_variable_instead() -> None:
    with pytest.raises(CommandError, match="set DATABASE_URL"):
        postgres_binary("no-such-program")


def test_a_cluster_that_cant_be_made_leaves_nothing_that_looks_like_one(tmp_path: Path) -> None:
    cluster = PostgresCluster(tmp_path / "pg", 1)
    (tmp_path / "pg.password").write_text("")  # initdb takes no empty password
    with pytest.raises(CommandError, match="PostgreSQL can't make its data directory: "):
        cluster.make()
    assert {path.name for path in tmp_path.iterdir()} == {"pg.password"}


def test_a_supervisor_that_cant_start_is_reported_with_the_reason(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.make()
    layout.log.rmdir()
    supervisor = Supervisor(layout)
    with pytest.raises(CommandError, match=r"The supervisor does not start: .*log"):
        supervisor.start([Program("x", ("true",), {}, 1)])
    assert (supervisor.pid(), supervisor.listening(), supervisor.states()) == (None, False, {})
    supervisor.shut_down()


@pytest.mark.parametrize(
    ("url", "says"),
    [("mysql://h/d", "must begin with postgresql://"), ("postgresql://h:port/d", "is not a URL")],
)
def test_an_invalid_database_url_is_reported(url: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        for_role(url, "auth", "secret")
