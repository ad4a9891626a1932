"""`mien train`: train a system; run again, it goes on."""

import sys
from dataclasses import dataclass

import tyro

from mien.core import MienError

__all__ = ["main"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train a system. Fields of its configuration may follow as options: `mien train capture --seed 2`."""

    name: tyro.conf.Positional[str]
    """The system."""
    preset: str = "cpu"
    """A set of numbers to start from: cpu (hours on two cores), full (one GPU)."""


def main(arguments: list[str]) -> None:
    """Parse the command line and train."""
    from mien.systems import registry

    if not arguments or arguments[0] in {"-h", "--help"}:
        tyro.cli(Options, prog="mien train", args=arguments or ["--help"])
        return
    options, rest = tyro.cli(Options, prog="mien train", args=_known(arguments), return_unknown_args=True)
    system = registry.find(options.name)
    presets = system.presets()
    if options.preset not in presets:
        raise MienError(f"'{options.name}' has no preset '{options.preset}'; use one of: {', '.join(presets)}")
    default = presets[options.preset]
    help_asked = [word for word in arguments if word in {"-h", "--help"}]
    config = tyro.cli(type(default), default=default, prog=f"mien train {options.name}", args=[*rest, *help_asked])
    try:
        path = system.train(config)
    except KeyboardInterrupt:
        print("mien: stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        raise
    print(f"wrote {path}")


def _known(arguments: list[str]) -> list[str]:
    # `mien train capture --help` is for the configuration's own parser, which knows the fields.
    return [word for word in arguments if word not in {"-h", "--help"}]
