"""Run a click command and return its exit code, instead of ending the process as click does by itself."""

from collections.abc import Sequence

import click

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


def run(command: click.Command, words: Sequence[str], name: str, subject: object = None) -> int:
    """The exit code of what the words ask for; 2, with the usage on standard error, for words that are wrong.

    `name` stands at the beginning of usage lines, and `subject` is what `click.pass_obj` passes on.
    """
    try:
        with command.make_context(name, list(words), obj=subject) as context:
            code = command.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as mistake:
        mistake.show()
        return mistake.exit_code
    return code if isinstance(code, int) else 0
