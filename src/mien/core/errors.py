"""Errors a user can act on."""

__all__ = ["MienError"]


class MienError(Exception):
    """Something the user gave or asked cannot be done; the message is one line: what is wrong, then what to do.

    The command line prints the message alone and exits with code 2. Anything else that escapes is a bug of ours.
    """
