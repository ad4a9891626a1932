"""`mien export`: writes the network of a training checkpoint as a bundle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Generic, TypeVar

import tyro

__all__ = ["Export", "Name", "main"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Name:
    """Write the network of a training checkpoint as a bundle. `mien export NAME --help` shows a system's options."""

    name: tyro.conf.Positional[str]
    """The system."""


@dataclass(frozen=True, kw_only=True)
class Export(Generic[T]):
    """Write the network of a training checkpoint as a bundle, and check that every runtime's outputs match torch's.

    The command works at any time during a training run.
    """

    checkpoint: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="CHECKPOINT")]
    """The checkpoint that `mien train` wrote: checkpoint.pt in the folder of the training run."""
    out: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="OUT")]
    """The folder to write the bundle to; an existing bundle there is replaced."""
    options: tyro.conf.OmitArgPrefixes[T]
    """Options of the system."""


def main(arguments: list[str]) -> None:
    """Parse the command line and export."""
    from mien.systems import registry

    if not arguments or arguments[0].startswith("-"):
        tyro.cli(Name, prog="mien export", args=arguments or ["--help"])
        return
    name, *rest = arguments
    system = registry.find(name)
    options = system.export_defaults()
    chosen = tyro.cli(Export[type(options)], prog=f"mien export {name}", args=rest)  # pyright: ignore
    print(f"wrote {system.export(chosen.checkpoint, chosen.out, chosen.options).path}")
