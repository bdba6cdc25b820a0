"""`logs`."""

import click

from heartguard_cli.commands.invocation import Invocation


@click.command
@click.option("--request-id", required=True, metavar="ID", help="X-Request-ID or X-Gateway-Request-ID of the answer.")
@click.pass_obj
def logs(invocation: Invocation, request_id: str) -> int:
    """Print the log lines of one request, of all services.

    They are in the order of their times, and also from older files.
    The exit code is 1 when there is none.
    """
    from heartguard_cli import request_logs

    found = request_logs.lines_of(request_id, invocation.layout.log)
    click.echo("\n".join(found) or f"no line in {invocation.layout.log} carries {request_id}")
    return 0 if found else 1
