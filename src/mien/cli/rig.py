"""`mien rig`: describes a rig, checks it, draws it, transfers its shapes to another face, and models the head mo."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from mien.core import ARKIT, Rig

__all__ = ["build", "check", "info", "main", "sheet", "transfer"]

_Rig = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FILE")]


def main(arguments: list[str]) -> None:
    """Parse the command line and run one of the commands."""
    commands = {"info": info, "check": check, "sheet": sheet, "transfer": transfer, "build": build}
    tyro.extras.subcommand_cli_from_dict(commands, prog="mien rig", args=_respelt(arguments))


def info(rig: _Rig, /) -> None:
    """Show the contents of a rig: its size, shapes, joints and landmarks.

    Args:
        rig: mo, ict, a .glb, .vrm, .gltf or .usd file, or a folder of .obj files
    """
    from mien.cli.display import console, table
    from mien.rigs.info import rig_info
    from mien.rigs.load import load_rig

    found = rig_info(load_rig(rig))
    out = table(found.name, "", "")
    out.show_header = False
    out.columns[1].justify = "left"
    out.add_row("vertices, triangles", f"{found.vertices:,}, {found.triangles:,}")
    out.add_row("size", _size(found.size) + (f", head {_size(found.head_size)}" if found.head_size else ""))
    out.add_row("ARKit shapes", f"{len(found.arkit)} of {len(ARKIT)}")
    out.add_row("missing", ", ".join(found.missing) or "none")
    if found.still:
        out.add_row("shapes that move nothing", ", ".join(found.still))
    out.add_row("other shapes", f"{len(found.other)}: {', '.join(found.other)}" if found.other else "none")
    driven = found.correctives
    out.add_row("correctives", f"{len(driven)}: {', '.join(driven)}" if driven else "none")
    out.add_row("joints", (", ".join(found.joints) or "none") + ("" if found.skinned else " (no skin)"))
    out.add_row("landmarks", ", ".join(f"{name} ({count})" for name, count in found.landmarks.items()) or "none")
    out.add_row("identity modes", str(found.identity_modes))
    out.add_row("materials", ", ".join(found.parts) or "none")
    out.add_row("licence", found.licence or "not stated")
    console().print(out)


def check(
    rig: _Rig,
    /,
    *,
    map: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None,  # noqa: A002
    complete: bool = False,
) -> None:
    """Check a rig: which shape names are recognised, and which shapes are missing, unused or look wrong.

    The exit code is 1 when a shape looks wrong or a name is ambiguous, and 0 otherwise.

    Args:
        rig: mo, ict, a .glb, .vrm, .gltf or .usd file, or a folder of .obj files
        map: a mapping file (.json, .yaml) that defines how the rig's shapes combine into ARKit channels
        complete: count a missing ARKit shape as a fault
    """
    from mien.cli.display import console, table
    from mien.rigs.check import check as judge
    from mien.rigs.load import load_rig, name_report

    loaded = load_rig(rig, mapping=map, any_names=True)
    found = judge(loaded, name_report(rig))
    out = table(f"{loaded.name}: {len(ARKIT) - len(found.missing)} of {len(ARKIT)} ARKit shapes", "shape", "")
    out.show_header = False
    out.columns[1].justify = "left"
    renamed = [f"{raw} -> {name}" for raw, name in found.names.items() if raw != name]
    out.add_row("renamed", f"{len(renamed)}: {', '.join(renamed)}" if renamed else "none")
    out.add_row("missing", ", ".join(found.missing) or "none")
    out.add_row("unused", f"{len(found.unused)}: {', '.join(found.unused)}" if found.unused else "none")
    for name, raws in found.ambiguous.items():
        out.add_row(f"ambiguous {name}", f"claimed by {', '.join(raws)}; none is used, rename or map one")
    for name, phrases in found.wrong.items():
        out.add_row(f"wrong {name}", "; ".join(phrases))
    if found.frame is None:
        out.add_row("places", "not judged: without eye joints, landmarks or blinks the face cannot be located")
    sound = found.sound and not (complete and found.missing)
    out.add_row("verdict", "sound" if sound else "not sound")
    console().print(out)
    if not sound:
        raise SystemExit(1)


def transfer(
    neutral: _Rig,
    /,
    *,
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")],
    source: Annotated[str, tyro.conf.arg(name="from")] = "ict",
    landmarks: Annotated[Path | None, tyro.conf.arg(metavar="FILE.json")] = None,
    unit: Literal["mm", "cm", "m"] | None = None,
) -> None:
    """Make every shape of a rig for a new neutral face, by deformation transfer.

    Args:
        neutral: the face to make shapes for, upright and looking along +Z: .obj, .ply, .glb, .vrm, .gltf or .usd (a
            character with a body keeps its joints and skin)
        out: the rig to write: .glb or .usd, or a name without extension for a folder of one .obj per shape
        source: the rig whose shapes are taken: ict, mo, or a file
        landmarks: a file that gives the vertices of landmarks on the neutral, {"ibug68": {"30": vertex, ...}}; without
            this option the face is found by its shape
        unit: the unit of an .obj or .ply; without this option the unit of an .obj is inferred from its size, and a .ply
            is in mm
    """
    from mien.cli.outputs import check_output
    from mien.io.formats import suffixes
    from mien.rigs.load import load_neutral, load_rig
    from mien.rigs.transfer.transfer import read_landmarks
    from mien.rigs.transfer.transfer import transfer as make

    check_output(out, Rig, never=[neutral])
    face = load_neutral(neutral, unit)
    points = None if landmarks is None else read_landmarks(landmarks)
    rig = make(load_rig(source), face, name=face.name, landmarks=points)
    rig.save(out)
    print(f"wrote {out}: {len(rig.shape_names)} shapes of {len(rig.neutral.vertices):,} vertices")
    if Path(neutral).suffix and Path(neutral).suffix.lower() in suffixes(Rig, readable=True):
        print("not carried over: textures, and bones other than neck, head, jaw and eyes (their skin goes to the next)")
    if not out.suffix:
        print("an OBJ holds no joints and no skin: write a .glb or .usd for these")


def _respelt(arguments: list[str]) -> list[str]:
    """The arguments with the earlier `rig transfer --to NEUTRAL` as `rig transfer NEUTRAL`."""
    from mien.cli.earlier import note

    if arguments[:1] != ["transfer"]:
        return arguments
    rest = [word.removeprefix("--to=") for word in arguments if word != "--to"]
    if rest != arguments:
        note("'mien rig transfer --to NEUTRAL' is now 'mien rig transfer NEUTRAL'")
    return rest


def sheet(
    rig: _Rig,
    /,
    *,
    out: Path = Path("sheet.png"),
    turntable: Annotated[Path | None, tyro.conf.arg(metavar="FILE.gif")] = None,
    map: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None,  # noqa: A002
) -> None:
    """Draw a contact sheet of a rig: three views, six expressions, 15 visemes, every ARKit shape, its correctives.

    Args:
        rig: mo, ict, a .glb, .vrm, .gltf or .usd file, or a folder of .obj files
        out: the picture to write
        turntable: also write a .gif of the head turning once
        map: a mapping file (.json, .yaml) that defines how the rig's shapes combine into ARKit channels
    """
    from mien.cli.outputs import check_suffix, write_picture
    from mien.io.gif import write_gif
    from mien.rigs.load import load_rig
    from mien.viewer import sheet as draw

    check_suffix(out, (".png",), "the sheet")
    if turntable is not None:
        check_suffix(turntable, (".gif",), "the turntable")
    loaded = load_rig(rig, mapping=map)
    write_picture(out, draw.contact_sheet(loaded))
    print(f"wrote {out}")
    if turntable is not None:
        write_gif(turntable, draw.turntable(loaded))
        print(f"wrote {turntable}")


def build(rig: tyro.conf.Positional[Literal["mo"]], /, *, out: Path | None = None) -> None:
    """Build mien's own head, mo, from the code that models it.

    Args:
        rig: mo, the only head that is modelled in code
        out: the file to write: .npz, .glb or .usd, or a name without extension for a folder of .obj; without this
            option the copy that mien loads is replaced
    """
    from mien.cli.outputs import check_output
    from mien.io.atomic import check_writable
    from mien.rigs.mo.load import STORED
    from mien.rigs.mo.load import build as model
    from mien.rigs.mo.store import write

    path = STORED if out is None else out
    stored = path.suffix.lower() == STORED.suffix
    if stored:
        check_writable(path)
    else:
        check_output(path, Rig)
    made = model()
    if stored:
        write(made, path)
    else:
        made.save(path)
    print(f"wrote {path}: {len(made.neutral.vertices):,} vertices, {len(made.shape_names)} shapes")


def _size(size: tuple[float, float, float]) -> str:
    return " x ".join(f"{length:.0f}" for length in size) + " mm"
