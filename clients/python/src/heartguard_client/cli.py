"""`heartguard-client`: log in, write, query, import and export from a shell."""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TextIO
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from heartguard_client import imports
from heartguard_client._version import __version__
from heartguard_client.client import BATCH, Client
from heartguard_client.credentials import ApiKey, Credentials, SavedSession
from heartguard_client.errors import HeartGuardError, LoginNeededError
from heartguard_client.imports import ImportOptions
from heartguard_client.messages import PointDocument
from heartguard_client.points import Point, Sample

P = ParamSpec("P")
SESSION = "session.json"
FORMATS = click.Choice(["table", "csv", "ndjson"])


def _directory() -> Path:
    """Where the session is kept: $HEARTGUARD_CLIENT_HOME, else as XDG says, else ~/.config."""
    named = os.environ.get("HEARTGUARD_CLIENT_HOME")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "heartguard-client"


def _client() -> Client:
    """A client by $HEARTGUARD_API_KEY and $HEARTGUARD_URL, else by the saved session."""
    session = SavedSession(_directory() / SESSION)
    key, url = os.environ.get("HEARTGUARD_API_KEY"), os.environ.get("HEARTGUARD_URL")
    if key and not url:
        raise click.UsageError("HEARTGUARD_API_KEY needs HEARTGUARD_URL, the address of its server.")
    credentials: Credentials = ApiKey(key) if key else session
    return Client(url or session.server, credentials)


def _reporting(command: Callable[P, None]) -> Callable[P, None]:
    """Show errors as a sentence: exit code 1, and 3 where a login is needed."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except LoginNeededError as error:
            click.echo(f"heartguard-client: {error}: heartguard-client login URL E-MAIL", err=True)
            sys.exit(3)
        except (HeartGuardError, ValueError, OSError) as error:
            click.echo(f"heartguard-client: {error}", err=True)
            sys.exit(1)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="heartguard-client")
def main() -> None:
    """Read and write heart rates of a HeartGuard.

    Programs use an API key: $HEARTGUARD_API_KEY with $HEARTGUARD_URL. People log in once.
    """


@main.command()
@click.argument("url")
@click.argument("email")
@click.option("--password-file", type=click.File("r"), help="Read the password from a file, - for standard input.")
@_reporting
def login(url: str, email: str, password_file: TextIO | None) -> None:
    """Begin a session; later commands use and renew it."""
    if password_file is not None:
        password = password_file.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True)
    with Client(url) as client:
        pair = client.log_in(email, password)
    SavedSession(_directory() / SESSION).save(url, pair)
    click.echo(f"Logged in at {url} as {email}.")


@main.command()
@_reporting
def logout() -> None:
    """End the session."""
    session = SavedSession(_directory() / SESSION)
    try:
        with Client(session.server, session) as client:
            client.log_out()
    finally:
        session.forget()
    click.echo("Logged out.")


@main.command()
@_reporting
def me() -> None:
    """Show who is logged in."""
    with _client() as client:
        click.echo(json.dumps(client.me(), indent=2, ensure_ascii=False))


@main.command()
@click.argument("values", nargs=-1, metavar="[FIELD=NUMBER]...")
@click.option("--measurement", default="heart_rate", show_default=True)
@click.option("--bucket", help="By default the first one of your organization.")
@click.option("--user", type=int, help="The person; by default yourself.")
@click.option("--time", "when", help="RFC 3339; by default now.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Such as device=band-7.")
@click.option("--file", type=click.File("r"), help="Points, one JSON document in each line; - for standard input.")
@_reporting
def write(
    values: tuple[str, ...],
    measurement: str,
    bucket: str | None,
    user: int | None,
    when: str | None,
    tags: tuple[str, ...],
    file: TextIO | None,
) -> None:
    """Store one point, such as bpm=72, or those of a file."""
    if bool(values) == bool(file):
        raise click.UsageError("Give either values such as bpm=72, or --file.")
    fields = {name: _number(value) for name, value in map(_pair, values)}
    own_tags = dict(map(_pair, tags))
    with _client() as client:
        if bucket is None or (file is None and user is None):
            caller = client.me()  # a device's key may not ask, and names both
            bucket, user = bucket or f"org_{caller['org_id']}", user or caller["id"]
        points: Iterable[Point | PointDocument]
        if file is not None:
            points = (json.loads(line) for line in file if line.strip())
        else:
            points = [Point(measurement, when or datetime.now(UTC), fields, {"user_id": str(user), **own_tags})]
        stored, rejected = 0, 0
        for batch in _chunks(points, BATCH):
            refused = client.write(bucket, batch)
            stored += len(batch) - len(refused)
            rejected += len(refused)
            for it in refused:
                click.echo(f"rejected: {json.dumps(it.point)}: {it.reason}", err=True)
    click.echo(f"{stored} stored, {rejected} rejected")
    if rejected:
        sys.exit(1)


@main.command()
@click.option("--measurement", default="heart_rate", show_default=True)
@click.option("--bucket", help="By default the first one of your organization.")
@click.option("--user", type=int, help="One person; by default all that you may see.")
@click.option("--from", "start", help="RFC 3339; by default a day before --to.")
@click.option("--to", "stop", help="RFC 3339, exclusive; by default now.")
@click.option("--mean", "every", metavar="WINDOW", help="Means of windows, such as 1m or 1h, in place of raw points.")
@click.option("--format", "shape", type=FORMATS, default="table", show_default=True)
@_reporting
def query(
    measurement: str,
    bucket: str | None,
    user: int | None,
    start: str | None,
    stop: str | None,
    every: str | None,
    shape: str,
) -> None:
    """Read points of a period."""
    end = stop or datetime.now(UTC).isoformat().replace("+00:00", "Z")
    begin = start or (datetime.fromisoformat(end) - timedelta(days=1)).isoformat()
    tags = {"user_id": str(user)} if user is not None else None
    with _client() as client:
        bucket = bucket or client.default_bucket()
        found: Iterable[Sample]
        if every is not None:
            found = client.windows(bucket, measurement, begin, end, aggregate="mean", every=every, tags=tags)
        else:
            found = client.samples(bucket, measurement, begin, end, tags=tags)
        _show(found, shape)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace the file where it exists.")
@click.option("--from", "start", help="RFC 3339: points from this time on.")
@click.option("--to", "stop", help="RFC 3339, exclusive; by default now.")
@click.option("--measurement", help="Only this one; by default all.")
@click.option("--bucket", help="By default the first one of your organization.")
@click.option("--user", type=int, help="One person; by default all whose points you may see.")
@_reporting
def export(
    file: Path,
    overwrite: bool,
    start: str | None,
    stop: str | None,
    measurement: str | None,
    bucket: str | None,
    user: int | None,
) -> None:
    """Write an archive of all of your own data to FILE, or with --from the points of a period.

    Points are written as CSV or Parquet, as the name of FILE ends with .csv or .parquet.
    """
    if file.exists() and not overwrite:
        raise click.UsageError(f"{file} exists: choose another name, or --overwrite.")
    if start is None and (stop, measurement, bucket, user) != (None, None, None, None):
        raise click.UsageError("Give --from with the other options of points.")
    with _client() as client, _spinner("the file is made"):
        if start is None:
            size = client.export_mine(file)
        else:
            end = stop or datetime.now(UTC).isoformat().replace("+00:00", "Z")
            place = bucket or client.default_bucket()
            size = client.export_series(file, place, start, end, measurement=measurement, user_id=user)
    click.echo(f"{file}: {size} bytes")


@main.command(name="import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kind", help="Such as apple_health or fit; by default found by the content.")
@click.option("--user", type=int, help="The person whose data it is; by default yourself.")
@click.option("--bucket", help="By default the first one of your organization.")
@click.option("--time-zone", metavar="ZONE", help="Where the person was, for local times, such as Europe/Madrid.")
@click.option("--csv", "columns", type=click.File("r"), help="Columns of CSV files: `csv` of ImportRequest, as JSON.")
@click.option("--here", is_flag=True, help="Read the files on this machine (heartguard-importers), also EDF and WFDB.")
@click.option("--start", type=click.DateTime(), help="When a recording without a date began, in --time-zone.")
@_reporting
def import_files(
    files: tuple[Path, ...],
    kind: str | None,
    user: int | None,
    bucket: str | None,
    time_zone: str | None,
    columns: TextIO | None,
    start: datetime | None,
    *,
    here: bool,
) -> None:
    """Import files that devices and health apps have exported.

    The server reads them; importing a file again changes nothing. The exit code is 1 where a file was not read to its
    end.
    """
    csv_columns = json.load(columns) if columns else None
    options = ImportOptions(kind, user, bucket, time_zone, csv_columns)
    if start is not None:
        start = start.replace(tzinfo=ZoneInfo(time_zone or "UTC"))
    whole = True
    with _client() as client, _bars() as bars:
        for path in files:
            run = _import_here if here else _import_there
            whole = run(client, path, options, bars, start) and whole
    if not whole:
        sys.exit(1)


def _import_there(client: Client, path: Path, options: ImportOptions, bars: Progress, _: datetime | None) -> bool:
    """Have the server read a file; returns whether it was read to its end."""
    ticket = imports.announce(client, path, options)
    bar = bars.add_task(f"{path.name}: sending", total=path.stat().st_size)
    imports.send(ticket, path, lambda sent: bars.update(bar, completed=sent))
    bars.update(bar, description=f"{path.name}: waiting", completed=0, total=100)
    found = imports.watch(
        client,
        ticket["id"],
        lambda it: bars.update(bar, completed=it["progress"], description=f"{path.name}: {it['status']}"),
    )
    counts = f"{found['stored']} stored, {found['duplicates']} there before, {found['rejected']} rejected"
    click.echo(f"{path.name}: {found.get('kind', 'unknown')}: {counts}")
    for it in found["rejections"]:
        places = f" (first: {it['places'][0]})" if it.get("places") else ""
        click.echo(f"  {it['count']} rejected: {it['reason']}{places}", err=True)
    problem = found.get("problem")
    if problem is not None:
        click.echo(f"  {problem.get('place') or path.name}: {problem['message']} ({problem['reason']})", err=True)
    return found["status"] == "done"


def _import_here(client: Client, path: Path, options: ImportOptions, bars: Progress, start: datetime | None) -> bool:
    """Read a file here and write its points; returns whether it was read to its end."""
    bar = bars.add_task(f"{path.name}: reading", total=1.0)
    result = imports.read_here(client, path, options, start=start, seen=lambda it: bars.update(bar, completed=it))
    click.echo(f"{path.name}: {result.stored} stored, {result.rejected.total()} rejected")
    for reason, count in result.rejected.most_common():
        click.echo(f"  {count} rejected: {reason}", err=True)
    if result.problem:
        click.echo(f"  {result.problem}", err=True)
    return not result.problem


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        transient=True,
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


def _spinner(text: str) -> Progress:
    bar = Progress(TextColumn(text), BarColumn(), TimeElapsedColumn(), transient=True, disable=not sys.stderr.isatty())
    bar.add_task(text, total=None)
    return bar


def _show(samples: Iterable[Sample], shape: str) -> None:
    if shape == "ndjson":
        for it in samples:
            row = {"measurement": it.measurement, "tags": dict(it.tags), "fields": dict(it.fields), "time": it.time}
            click.echo(json.dumps(row, separators=(",", ":"), ensure_ascii=False))
        return
    if shape == "csv":
        out = csv.writer(sys.stdout, lineterminator="\n")
        out.writerow(("time", "tags", "field", "value"))
        for it in samples:
            out.writerows((it.time, _tags(it), name, value) for name, value in it.fields.items())
        return
    for it in samples:
        values = "  ".join(
            f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in it.fields.items()
        )
        click.echo(f"{it.time:<30} {values}  {_tags(it)}".rstrip())


def _tags(sample: Sample) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(sample.tags.items()))


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise click.UsageError(f"{text} is not NAME=VALUE.")
    return name, value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(f"{text} is not a number.") from None


def _chunks(points: Iterable[Any], size: int) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for point in points:
        chunk.append(point)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
