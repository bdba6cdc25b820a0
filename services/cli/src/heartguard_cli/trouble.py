"""What the command can't do, said in one sentence to the person who typed it."""


class Trouble(Exception):  # noqa: N818 - it is told to a person, who made no error
    """A reason to stop: the text is one sentence that names what to change."""
