"""Options that several commands have."""

import click

as_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
yes = click.option("--yes", is_flag=True, help="Do it without a question.")
