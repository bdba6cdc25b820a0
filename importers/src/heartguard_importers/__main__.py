"""`python -m heartguard_importers FILE`: what a file holds, without sending it anywhere.

Prints the number of values of each measurement with their first and last time, and what was left out and why. With
`--records` it prints the records, one JSON document a line. Exit code 1 where the file can't be read to its end.
"""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from heartguard_importers import AUTO, KINDS, InvalidFileError, Options, Reading, Report


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0, 1 where the file is invalid."""
    parser = argparse.ArgumentParser(
        "python -m heartguard_importers",
        description="Show what the file of a device or app holds; nothing is sent anywhere.",
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--kind", default=AUTO, choices=(AUTO, *KINDS))
    parser.add_argument("--time-zone", type=_zone, help="of the local times in the file, such as Europe/Madrid")
    parser.add_argument("--start", type=_instant, help="of a recording without a date: ISO 8601 with an offset")
    parser.add_argument("--records", action="store_true", help="print the records, one JSON document a line")
    given = parser.parse_args(arguments)
    found: dict[str, tuple[int, int, int]] = {}
    reading = None
    problem = None
    try:
        reading = Reading(given.file, given.kind, Options(time_zone=given.time_zone, start=given.start))
        for record in reading:
            if given.records:
                print(json.dumps(record._asdict(), ensure_ascii=False))
            count, first, last = found.get(record.measurement, (0, record.time, record.time))
            found[record.measurement] = (count + 1, min(first, record.time), max(last, record.time))
    except InvalidFileError as error:
        problem = str(error)
    if reading is not None and not given.records:
        print(f"kind: {reading.kind}")
        for name, (count, first, last) in sorted(found.items()):
            print(f"{count:>10} {name}, {_shown(first)} to {_shown(last)}")
        _print_report(reading.report)
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


def _print_report(report: Report) -> None:
    for reason, count in report.rejected.most_common():
        places = [example.place for example in report.examples if example.reason == reason]
        print(f"{count:>10} rejected: {reason} (first: {places[0]})")
    for name, count in report.skipped.most_common(20):
        print(f"{count:>10} left out: {name}")


def _shown(time: int) -> str:
    return datetime.fromtimestamp(time / 10**9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("is not a time of ISO 8601") from error
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("has no offset, such as +01:00")
    return moment


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise argparse.ArgumentTypeError("is not a name of the IANA time zone database") from error


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # `| head` has seen enough; without this the interpreter complains at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
