"""`mien train`: trains a system; the same command run again resumes from the last checkpoint."""

import sys
from dataclasses import dataclass

import tyro

from mien.core import MienError

__all__ = ["main"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train a system. Options that follow the name set fields of its configuration: `mien train capture --seed 2`."""

    name: tyro.conf.Positional[str]
    """The system to train."""
    preset: str = "cpu"
    """The configuration to start from: cpu (trains in hours on two cores) or full (one GPU)."""


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
        print("mien: stopped; the same command resumes from the last checkpoint", file=sys.stderr)
        raise
    print(f"wrote {path}")


def _known(arguments: list[str]) -> list[str]:
    # `mien train capture --help` is left to the configuration's parser, which knows the fields.
    return [word for word in arguments if word not in {"-h", "--help"}]
