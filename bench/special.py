"""Cases that are more than one statement in turns."""


def define():
    """Adds the cases of this file."""
