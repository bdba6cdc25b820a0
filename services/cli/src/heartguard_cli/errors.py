"""The error that ends a command with a message."""


class CommandError(Exception):
    """A command can't go on: the text is one sentence that names what to change."""
