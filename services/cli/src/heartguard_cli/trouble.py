"""What the command can't do, said in one sentence to the person who typed it."""


class Trouble(Exception):
    """A reason to stop: the text is one sentence that names what to change."""
