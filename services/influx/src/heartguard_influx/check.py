"""Checks that the configured InfluxDB can be used: `python -m heartguard_influx.check`.

It runs before a start, in the environment of the service.
"""

import sys
from collections.abc import Mapping

from heartguard_common.core.errors import ServiceError
from heartguard_common.core.settings import SettingsError
from heartguard_influx.settings import Settings


def main(environ: Mapping[str, str] | None = None) -> int:
    """Returns 0 when it can, or when none is configured; otherwise 2, with one sentence on standard error."""
    try:
        settings = Settings.from_env(environ)
        if not settings.influx_url:
            print("no InfluxDB is configured: PostgreSQL keeps the points")
            return 0
        _check_rights(settings)
    except (SettingsError, ServiceError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    print("INFLUX_TOKEN may read, write and delete")
    return 0


def _check_rights(settings: Settings) -> None:
    from heartguard_influx.store.influxdb import Server  # noqa: PLC0415  loaded only where it is used

    server = Server(settings.influx_url, settings.influx_token, settings.influx_org)
    try:
        server.ping()
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
