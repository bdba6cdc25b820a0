"""What a person types and sees: help of every command and script, mistakes, completion, and tables."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from heartguard_cli.__main__ import main
from heartguard_cli.commands import heartguard
from heartguard_cli.commands.invocation import Invocation
from heartguard_cli.layout import Layout
from heartguard_common import __version__
from heartguard_common.command_line.running import run
from heartguard_common.command_line.terminal import table_text
from heartguard_common.core.registry import python_path
from tests.clone import Clone

SCRIPTS = ("heartguard", "start_services.sh", "stop_services.sh", "demo.sh", "validate_endpoints.sh", "run_tests.sh")
HEAVY = {"alembic", "flask", "google", "psycopg2", "redis", "requests", "rich", "sqlalchemy", "supervisor"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone.make(tmp_path_factory.mktemp("clone"))


def typed(clone: Clone, script: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script from the directory of the copy; no virtual environment is there unless one is named."""
    plain = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [f"./{script}", *words],
        cwd=clone.root,
        env={**plain, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def files(root: Path) -> set[Path]:
    return set(root.rglob("*"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_of_a_script_names_what_was_typed_and_does_nothing(clone: Clone, script: str) -> None:
    before = files(clone.root)
    for word in ("-h", "--help"):
        helped = typed(clone, script, word)
        assert (helped.returncode, helped.stderr) == (0, "")
        assert helped.stdout.startswith(f"Usage: ./{script}")
    assert files(clone.root) == before


@pytest.mark.parametrize("script", [it for it in SCRIPTS if it not in {"heartguard", "run_tests.sh"}])
def test_a_script_refuses_an_option_that_it_does_not_know(clone: Clone, script: str) -> None:
    before = files(clone.root)
    refused = typed(clone, script, "--hepl")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--hepl" in refused.stderr.splitlines()[0]
    assert files(clone.root) == before


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


def test_every_command_has_help(subtests: pytest.Subtests, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = dict(commands(heartguard))
    assert {("up",), ("keys", "retire"), ("audit", "verify"), ("policy", "explain")} <= set(found)
    for path, command in found.items():
        with subtests.test(" ".join(path)):
            assert command.help
            assert "..." not in command.get_short_help_str(60), "the list of commands cuts it"
            assert run(heartguard, [*path, "--help"], "./heartguard", Invocation(Layout(tmp_path), path)) == 0
            assert capsys.readouterr().out.startswith(f"Usage: ./heartguard {' '.join(path)} ")


def test_the_command_alone_prints_its_help(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], Layout(tmp_path)) == 0
    assert "Commands:" in capsys.readouterr().out
    assert main(["--version"], Layout(tmp_path)) == 0
    assert capsys.readouterr().out == f"heartguard {__version__}\n"


def test_wrong_words_are_answered_with_the_usage_that_was_typed(clone: Clone) -> None:
    refused = typed(clone, "heartguard", "keys", "retire", HEARTGUARD_VENV=sys.prefix)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("Usage: ./heartguard keys retire [OPTIONS] KID\n")
    two = ("--as", "user", "--service", "auth")
    both = typed(clone, "heartguard", "policy", "explain", "GET", "/x", *two, HEARTGUARD_VENV=sys.prefix)
    assert both.returncode == 2
    assert "--token, --as and --service exclude one another" in both.stderr


def test_a_shell_completes_commands_without_starting_anything(clone: Clone) -> None:
    before = files(clone.root)
    venv = {"HEARTGUARD_VENV": sys.prefix}
    sourced = typed(clone, "heartguard", _HEARTGUARD_COMPLETE="bash_source", **venv).stdout
    assert "complete -o nosort -F _heartguard_completion heartguard" in sourced
    words = {"COMP_WORDS": "./heartguard keys r", "COMP_CWORD": "2"}
    completed = typed(clone, "heartguard", _HEARTGUARD_COMPLETE="bash_complete", **words, **venv)
    assert sorted(completed.stdout.split()) == ["plain,retire", "plain,rotate"]
    assert files(clone.root) == before


def test_help_loads_nothing_but_click() -> None:
    program = "import sys; import heartguard_cli.__main__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": python_path("cli")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


ROWS = [("k" * 90, "[red]signing", "a long reason " * 20), ("k2", "", "-")]


def test_a_table_in_a_pipe_is_plain_and_whole() -> None:
    head, first, second = table_text(("key", "state", "reason"), ROWS, indent=2).splitlines()
    assert head == "  key" + " " * 89 + "state         reason"
    assert first == f"  {'k' * 90}  [red]signing  {('a long reason ' * 20).rstrip()}"
    assert second == "  k2" + " " * 90 + " " * 14 + "-"


def test_a_table_on_a_narrow_terminal_keeps_in_one_piece_what_is_copied(tmp_path: Path) -> None:
    program = (
        f"from heartguard_common.command_line.terminal import show_table as s; s(('key', 'state', 'reason'), {ROWS!r})"
    )
    ours, theirs = pty.openpty()
    environment = {"PYTHONPATH": python_path("cli"), "TERM": "xterm", "COLUMNS": "40"}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=theirs)
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 65_536):
            shown += block
    except OSError:
        pass  # Linux says so when the other end is closed
    finally:
        os.close(ours)
        process.wait(30)
    text = shown.decode()
    assert "\x1b[1m" in text
    assert "k" * 90 in text
    assert text.count("reason") > 15
