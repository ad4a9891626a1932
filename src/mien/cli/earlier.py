"""Command spellings of the last release, which keep working until the next release."""

import sys

__all__ = ["note"]


def note(text: str) -> None:
    """Print one line on standard error that states how an earlier spelling is written now."""
    print(f"mien: note: {text}; the earlier spelling works until the next release", file=sys.stderr)
