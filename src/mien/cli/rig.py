"""`mien rig`: look into a rig."""

from pathlib import Path
from typing import Annotated

import tyro

from mien.core import ARKIT, MienError

__all__ = ["info", "main", "sheet"]

_Rig = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FILE")]


def main(arguments: list[str]) -> None:
    """Parse the command line and run `info` or `sheet`."""
    tyro.extras.subcommand_cli_from_dict({"info": info, "sheet": sheet}, prog="mien rig", args=arguments)


def info(rig: _Rig, /) -> None:
    """Show what a rig has: shapes, joints, landmarks.

    Args:
        rig: mo, ict, or a .glb, .vrm or .gltf file
    """
    from mien import rigs
    from mien.cli.display import console, table

    found = rigs.rig_info(rigs.load(rig))
    out = table(found.name, "", "")
    out.show_header = False
    out.columns[1].justify = "left"
    out.add_row("vertices, triangles", f"{found.vertices:,}, {found.triangles:,}")
    out.add_row("size", _size(found.size) + (f", head {_size(found.head_size)}" if found.head_size else ""))
    out.add_row("ARKit shapes", f"{len(found.arkit)} of {len(ARKIT)}")
    out.add_row("missing", ", ".join(found.missing) or "none")
    if found.still:
        out.add_row("there but still", ", ".join(found.still))
    out.add_row("other shapes", f"{len(found.other)}: {', '.join(found.other)}" if found.other else "none")
    out.add_row("joints", (", ".join(found.joints) or "none") + ("" if found.skinned else " (no skin)"))
    out.add_row("landmarks", ", ".join(f"{name} ({count})" for name, count in found.landmarks.items()) or "none")
    out.add_row("identity modes", str(found.identity_modes))
    out.add_row("materials", ", ".join(found.parts) or "none")
    out.add_row("licence", found.licence or "not stated")
    console().print(out)


def sheet(rig: _Rig, /, *, out: Path = Path("sheet.png")) -> None:
    """Draw what a rig can do: three views, six expressions, every ARKit shape.

    Args:
        rig: mo, ict, or a .glb, .vrm or .gltf file
        out: the picture to write
    """
    from mien import rigs
    from mien.cli.outputs import check_writable, write_picture
    from mien.viewer.sheet import contact_sheet

    if out.suffix.lower() != ".png":
        raise MienError(f"{out}: the sheet is a .png picture; name it so")
    check_writable(out)
    write_picture(out, contact_sheet(rigs.load(rig)))
    print(f"wrote {out}")


def _size(size: tuple[float, float, float]) -> str:
    return " x ".join(f"{length:.0f}" for length in size) + " mm"
