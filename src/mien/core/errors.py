"""The error that a user can act on."""

__all__ = ["MienError"]


class MienError(Exception):
    """An input or a request that cannot be used; the message is one line: what is wrong, then what to do.

    The command line prints the message alone and exits with code 2. Any other exception that escapes is a bug of mien.
    """
