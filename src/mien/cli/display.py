"""Terminal output of the commands: a progress bar, tables, and bars inside tables."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

__all__ = ["bar", "console", "progress_bar", "table"]


def console() -> Console:
    """A console on standard output, with colours only on a terminal."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=not sys.stdout.isatty())


@contextmanager
def progress_bar(what: str) -> Generator[Callable[[int, int], None]]:
    """A progress bar on standard error, removed when done; nothing is shown when standard error is no terminal.

    Yields `advance(done, total)`; a total of 0 means that the total is unknown.
    """
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            # A container may estimate fewer frames than it holds.
            progress.update(task, completed=done, total=max(done, total) or None)

        yield advance


def table(title: str, *columns: str) -> Table:
    """A table whose first column is text and whose others are numbers."""
    out = Table(title=title, title_justify="left", title_style="bold")
    for i, name in enumerate(columns):
        out.add_column(name, justify="right" if i else "left")
    return out


def bar(share: float, width: int = 20) -> str:
    """A horizontal bar for a share in [0, 1]."""
    return "█" * round(float(np.clip(share, 0, 1)) * width)
