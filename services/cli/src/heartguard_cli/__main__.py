"""`./heartguard COMMAND ...`, and `python -m heartguard_cli COMMAND ...` in a container."""

import os
import signal
import sys
from collections.abc import Sequence

from click.exceptions import Abort
from click.shell_completion import shell_complete

from heartguard_cli.commands import heartguard
from heartguard_cli.commands.invocation import Invocation
from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout
from heartguard_common.command_line.running import run
from heartguard_common.core.files import FULL
from heartguard_common.core.settings import SettingsError

TYPED_AS = "HEARTGUARD_TYPED_AS"
"""Set by the script `heartguard`: its own name as it was typed, for usage lines."""
COMPLETE = "_HEARTGUARD_COMPLETE"
"""Set by a shell that wants to complete words, or asks for the script that does it."""


def main(arguments: Sequence[str] | None = None, layout: Layout | None = None) -> int:
    """Run one command in a clone, this one by default.

    Returns 0 when it worked, 1 with one sentence on standard error, 2 for words that are wrong.
    """
    layout, words = layout or Layout(), sys.argv[1:] if arguments is None else arguments
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # a closed terminal must not leave half a start behind either
        signal.signal(ending, signal.default_int_handler)
    name = os.environ.get(TYPED_AS, "python -m heartguard_cli")
    try:
        code = run(heartguard, words, name, Invocation(layout, tuple(words)))
        sys.stdout.flush()  # here, where a reader that has ended is no traceback
        return code
    except (CommandError, SettingsError) as trouble:
        return _complain(str(trouble))
    except (KeyboardInterrupt, Abort):
        return _complain("interrupted")
    except BrokenPipeError:
        # the reader of our output has ended; nothing may be written to it at the interpreter's end either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno in FULL:
            return _complain(f"The disk is full: free some space under {layout.root} and start again")
        if error.filename is None:
            raise
        return _complain(f"{error.filename} can't be used: {error.strerror}")


def _complain(sentence: str) -> int:
    sys.stdout.flush()
    print(f"heartguard: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    if instruction := os.environ.get(COMPLETE):
        sys.exit(shell_complete(heartguard, {}, "heartguard", COMPLETE, instruction))
    sys.exit(main())
