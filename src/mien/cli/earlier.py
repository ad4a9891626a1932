"""Spellings of the last release, which work until the next one."""

import sys

__all__ = ["note"]


def note(text: str) -> None:
    """Say on standard error, in one line, how an earlier spelling is written now."""
    print(f"mien: note: {text}; the earlier spelling works until the next release", file=sys.stderr)
