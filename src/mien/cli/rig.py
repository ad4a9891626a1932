"""`mien rig`: look into a rig."""

from typing import Annotated

import tyro

from mien.core import ARKIT, Rig

__all__ = ["info", "main"]


def main(arguments: list[str]) -> None:
    """Parse the command line and show the rig."""
    tyro.extras.subcommand_cli_from_dict({"info": info}, prog="mien rig", args=arguments)


def info(rig: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FILE")], /) -> None:
    """Show what a rig has: mo, ict, or a .glb/.vrm file.

    Args:
        rig: a built-in name or a file
    """
    from mien import rigs

    show(rigs.load(rig))


def show(rig: Rig) -> None:
    """Print a rig's parts."""
    from mien.cli.display import console, table

    missing = [name for name in ARKIT if name not in rig.shape_names]
    others = [name for name in rig.shape_names if name not in ARKIT]
    size = rig.neutral.vertices.max(axis=0) - rig.neutral.vertices.min(axis=0)
    out = table(rig.name, "", "")
    out.show_header = False
    out.columns[1].justify = "left"
    for name, value in (
        ("vertices", f"{len(rig.neutral.vertices):,}"),
        ("triangles", f"{len(rig.neutral.topology.triangles):,}"),
        ("size", " x ".join(f"{length:.0f}" for length in size) + " mm"),
        ("ARKit shapes", f"{len(ARKIT) - len(missing)} of {len(ARKIT)}"),
        ("missing", ", ".join(missing) or "none"),
        ("other shapes", f"{len(others)}: {', '.join(others)}" if others else "none"),
        ("joints", ", ".join(joint.name for joint in rig.joints) or "none"),
        ("landmarks", ", ".join(rig.landmarks) or "none"),
        ("identity modes", "none" if rig.identity_modes is None else str(len(rig.identity_modes))),
        ("parts", ", ".join(part.name for part in rig.neutral.topology.parts) or "none"),
        ("licence", rig.licence or "not stated"),
    ):
        out.add_row(name, value)
    console().print(out)
