"""`.env`, its example, the settings of the services and the table of the command say the same."""

import dataclasses
import importlib
import re
from pathlib import Path

import pytest

from heartguard_audit.settings import ConsumerSettings
from heartguard_cli import environment, programs
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.commands.configuration import lacks_secrets, new_env
from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout
from heartguard_cli.programs import System
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.registry import SERVICES
from heartguard_common.core.settings import variables

EXAMPLE = REPO_ROOT / ".env.example"
OF_THE_COMMAND = {
    *("HEARTGUARD_RUNTIME", "GATEWAY_BIND", "VALKEY_PASSWORD", "POSTGRES_PASSWORD"),
    "OPERATOR_TOKEN",
    *(f"{name.upper()}_PORT" for name in environment.DEFAULT_PORTS),
    *(f"{name.upper()}_SERVICE_SECRET" for name in SERVICES),
    *(f"{name.upper()}_DB_PASSWORD" for name in environment.ROLES),
}


def example() -> dict[str, str]:
    return dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_exactly_the_variables_of_its_settings(service: str) -> None:
    settings = importlib.import_module(f"heartguard_{service}.settings").Settings
    assert sorted(programs.VARIABLES[service]) == sorted(variables(settings))


def test_the_consumer_gets_exactly_the_variables_of_its_settings() -> None:
    assert sorted(programs.VARIABLES["consumer"]) == sorted(variables(ConsumerSettings))


def test_the_backup_gets_exactly_the_variables_of_its_settings() -> None:
    assert sorted(programs.VARIABLES["backup"]) == sorted(variables(BackupSettings))


def test_the_example_names_every_variable_and_no_other() -> None:
    read = {name for given in programs.VARIABLES.values() for name in given} - programs.DERIVED
    assert set(example()) == read | OF_THE_COMMAND


def test_a_generated_file_starts_every_service(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    environment.write(file, environment.example_text(EXAMPLE, {}))
    system = System(Layout(tmp_path), environment.load(file, {}))
    (tmp_path / "var").mkdir()
    for service in SERVICES:
        settings = importlib.import_module(f"heartguard_{service}.settings").Settings
        settings.from_env(system.environment(service))
    ConsumerSettings.from_env(system.environment("audit", "consumer"))


def test_a_generated_file_is_secret_and_never_the_same(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    environment.write(first, environment.example_text(EXAMPLE, {}))
    environment.write(second, environment.example_text(EXAMPLE, {}))
    assert first.stat().st_mode & 0o777 == 0o600
    one, two = environment.load(first, {}), environment.load(second, {})
    assert not {one[name] for name in environment.GENERATED} & {two[name] for name in environment.GENERATED}
    assert len({one[name] for name in environment.GENERATED}) == len(environment.GENERATED)


def test_no_service_sees_the_secret_of_another(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    environment.write(file, environment.example_text(EXAMPLE, {}))
    (tmp_path / "var").mkdir()
    values = environment.load(file, {})
    for service in SERVICES:
        seen = " ".join(System(Layout(tmp_path), values).environment(service).values())
        for other in SERVICES:
            assert (values[f"{other.upper()}_SERVICE_SECRET"] in seen) == (other == service)
            if other != "gateway":
                assert (values[f"{other.upper()}_DB_PASSWORD"] in seen) == (other == service)


def test_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    environment.write(file, environment.example_text(EXAMPLE, {}))
    values = environment.load(file, {"RATE_LIMIT": "7/min", "USER_PORT": "6003", "UNRELATED": "x"})
    assert values["RATE_LIMIT"] == "7/min"
    assert environment.port(values, "user") == 6003
    assert "UNRELATED" not in values


GIVEN = {"GATEWAY_PORT": "8000", "SMTP_URL": "smtp://a:b#c$d@mail.example", "MEDIA_DIR": "/srv/heart guard", "X": "y"}


def test_settings_of_the_first_start_are_kept_and_later_ones_differ(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    environment.write(file, environment.example_text(EXAMPLE, GIVEN))
    kept = {name: value for name, value in GIVEN.items() if name != "X"}
    assert {name: value for name, value in environment.load(file, {}).items() if name in GIVEN} == kept
    assert environment.differing(file, GIVEN) == {}
    later = {**GIVEN, "GATEWAY_PORT": "8001", "MEDIA_DIR": ""}
    assert environment.differing(file, later) == {"GATEWAY_PORT": "8001", "MEDIA_DIR": ""}
    before = file.read_text()
    environment.save(file, environment.differing(file, later))
    assert environment.differing(file, later) == {}
    changed = set(file.read_text().splitlines()) ^ set(before.splitlines())
    assert changed == {"GATEWAY_PORT=8000", "GATEWAY_PORT=8001", "MEDIA_DIR='/srv/heart guard'", "MEDIA_DIR="}
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_value_that_no_line_can_hold_is_refused() -> None:
    with pytest.raises(CommandError, match="SMTP_URL of the environment holds a quote"):
        environment.example_text(EXAMPLE, {"SMTP_URL": "smtp://it's"})


def test_the_ports_of_the_start_stay_while_it_runs(tmp_path: Path) -> None:
    values = environment.parse(environment.example_text(EXAMPLE, {"GATEWAY_PORT": "8000"}))
    System(Layout(tmp_path), values).keep_ports()
    edited = System(Layout(tmp_path), {**values, "GATEWAY_PORT": "9000"})
    assert (edited.ports()["gateway"], edited.as_started().ports()["gateway"]) == (9000, 8000)
    edited.layout.started_with.unlink()
    assert edited.as_started().ports()["gateway"] == 9000


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    environment.write(file, environment.example_text(EXAMPLE, {}))
    file.write_text(re.sub(r"(?m)^OPERATOR_TOKEN=.*$", "", file.read_text()))
    with pytest.raises(CommandError, match="OPERATOR_TOKEN must be set"):
        environment.load(file, {})


def test_credentials_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    environment.write(file, environment.example_text(EXAMPLE, {}))
    with pytest.raises(CommandError, match="SERVICE_CREDENTIALS does not match"):
        environment.load(file, {"MEDIA_SERVICE_SECRET": "0123456789abcdef0123456789abcdef"})


@pytest.mark.parametrize("text", ["0", "65536", "five", "-1", "5000 "])
def test_a_port_is_a_number_of_the_range(text: str) -> None:
    if text.strip() == "5000":
        assert environment.port({"GATEWAY_PORT": text}, "gateway") == 5000
        return
    with pytest.raises(CommandError, match="GATEWAY_PORT"):
        environment.port({"GATEWAY_PORT": text}, "gateway")


GUESSABLE = ("JWT_SECRET", "KEY_RING_SECRET", "OPERATOR_TOKEN", "SIGNED_URL_SECRET", "AUDIT_SERVICE_SECRET")


@pytest.mark.parametrize("text", ["changeme", "secret", "x" * 40, "your-256-bit-secret-your-256-bit-secret", "short"])
def test_secrets_that_can_be_guessed_are_named_in_one_message(tmp_path: Path, text: str) -> None:
    file = tmp_path / ".env"
    environment.write(file, environment.example_text(EXAMPLE, {}))
    file.write_text(re.sub(r"(?m)^SERVICE_CREDENTIALS=.*$", "SERVICE_CREDENTIALS=", file.read_text()))
    with pytest.raises(CommandError, match="can be guessed") as caught:
        environment.load(file, dict.fromkeys(GUESSABLE, text))
    assert all(name in str(caught.value) for name in GUESSABLE)
    assert text not in str(caught.value).replace("_SECRET", "")
    for name in GUESSABLE:
        with pytest.raises(CommandError, match=f"^{name} in .env can be guessed"):
            environment.load(file, {name: text})


def test_a_secret_of_two_and_an_operator_token_with_a_dot(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    environment.write(file, environment.example_text(EXAMPLE, {}))
    file.write_text(re.sub(r"(?m)^SERVICE_CREDENTIALS=.*$", "SERVICE_CREDENTIALS=", file.read_text()))
    good = "kq8Zt1vXw4Rm7Bc0Ny5Hd2Lf9Gs3Pj6Ua"
    with pytest.raises(CommandError, match=r"^KEY_RING_SECRET, AUTH_SERVICE_SECRET in \.env must differ"):
        environment.load(file, {"AUTH_SERVICE_SECRET": good, "KEY_RING_SECRET": good})
    with pytest.raises(CommandError, match="OPERATOR_TOKEN must not hold a dot"):
        environment.load(file, {"OPERATOR_TOKEN": f"{good}.{good[::-1]}"})


@pytest.mark.parametrize(
    ("written", "bound", "asked"),
    [
        ("", ["0.0.0.0:5000"], "http://127.0.0.1:5000"),
        ("0.0.0.0", ["0.0.0.0:5000"], "http://127.0.0.1:5000"),
        ("127.0.0.1", ["127.0.0.1:5000"], "http://127.0.0.1:5000"),
        ("192.0.2.7", ["192.0.2.7:5000", "127.0.0.1:5000"], "http://127.0.0.1:5000"),
        ("::", ["[::]:5000"], "http://[::1]:5000"),
        ("[2001:db8::7]", ["[2001:db8::7]:5000", "127.0.0.1:5000"], "http://127.0.0.1:5000"),
    ],
)
def test_the_gateway_can_be_asked_on_loopback_wherever_it_listens(
    tmp_path: Path, written: str, bound: list[str], asked: str
) -> None:
    file = tmp_path / ".env"
    environment.write(file, environment.example_text(EXAMPLE, {}))
    (tmp_path / "var").mkdir()
    system = System(Layout(tmp_path), {**environment.load(file, {}), "GATEWAY_BIND": written})
    commands = {program.name: program.command for program in system.services()}
    assert [word for word in commands["gateway"] if word.startswith("--bind")] == [f"--bind={it}" for it in bound]
    assert "--bind=127.0.0.1:5001" in commands["auth"]
    assert (system.url("gateway"), system.url("auth")) == (asked, "http://127.0.0.1:5001")


@pytest.mark.parametrize("written", ["localhost", "127.0.0.1:5000", "0.0.0", "[::"])
def test_an_invalid_address_is_refused(written: str) -> None:
    with pytest.raises(CommandError, match="GATEWAY_BIND must be an IP address"):
        environment.addresses({"GATEWAY_BIND": written}, "gateway")


WORDS = {"GOOGLE_APPLICATION_CREDENTIALS", "PLANS_FILE", "SERVICE_CREDENTIALS"}
"""Examples that are shortened, or name a file that the machine must have."""


def test_every_example_is_a_value_that_the_settings_take() -> None:
    given = dict(re.findall(r"^# e\.g\. (.+)\n([A-Z][A-Z0-9_]*)=", EXAMPLE.read_text(), re.MULTILINE))
    examples = {name: value for value, name in given.items() if " " not in value}
    assert len(examples) > 40
    classes = [importlib.import_module(f"heartguard_{service}.settings").Settings for service in SERVICES]
    fields = [field for cls in (*classes, ConsumerSettings, BackupSettings) for field in dataclasses.fields(cls)]
    read = {field.metadata["variable"]: field.metadata["cast"] for field in fields}
    checked = (read.keys() & examples.keys()) - WORDS
    assert len(checked) > 25
    for name in checked:
        read[name](examples[name])


def test_a_copy_of_the_example_gets_its_secrets_and_keeps_what_it_sets(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    chosen = "d" * 8 + "0123456789abcdef" * 3
    copy = EXAMPLE.read_text().replace("GATEWAY_PORT=5000", "GATEWAY_PORT=8000")
    layout.env_file.write_text(copy.replace("\nVALKEY_PASSWORD=\n", f"\nVALKEY_PASSWORD={chosen}\n"))
    assert lacks_secrets(layout)
    values = environment.parse(new_env(layout))
    assert (values["GATEWAY_PORT"], values["VALKEY_PASSWORD"]) == ("8000", chosen)
    (layout.var / "pg").mkdir(parents=True)  # made with secrets, which have to be found again
    assert not lacks_secrets(layout)
