"""`mien retarget`: applies a clip to another rig."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from mien.core import Clip

__all__ = ["main", "run"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Apply a take to another rig: by shape names where they match, and by motion where they do not."""

    take: tyro.conf.Positional[Path]
    """A clip: Live Link Face .csv, .npz, or an animated .glb or .usd."""
    rig: str
    """The rig to animate: mo, ict, a .glb, .vrm, .gltf or .usd file, or a folder of .obj files."""
    out: Path
    """The file to write: .glb and .usd hold the rig and its animation, .npz and .csv the curves alone."""
    map: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A mapping file (.json, .yaml) that defines how the rig's shapes combine into ARKit channels."""
    source: str = "mo"
    """The face whose motion is followed where names do not match: mo, ict, or the rig the take was made for."""
    method: Literal["auto", "names", "motion"] = "auto"
    """How channels are matched: by name, and by motion where no name matches (auto), by name only (names), or all by
    motion (motion)."""
    same_size: bool = False
    """Keep each motion's size relative to the size of the face. By default motions are scaled to the rig's range, so
    that a full smile becomes the rig's full smile."""


def main(arguments: list[str]) -> None:
    """Parse the command line and retarget."""
    run(tyro.cli(Options, prog="mien retarget", args=arguments))


def run(options: Options) -> None:
    """Retarget one take; raises MienError before any work when the output cannot be written."""
    from mien.cli.outputs import check_output
    from mien.rigs.load import load_rig
    from mien.rigs.retarget.retarget import retarget

    check_output(options.out, Clip, never=[options.take])
    clip = Clip.load(options.take)
    rig = load_rig(options.rig, mapping=options.map, any_names=True)
    done = retarget(clip, rig, options.source, method=options.method, own_range=not options.same_size)
    done.clip.save(options.out, rig=rig)
    print(f"by name: {len(done.named)} channels")
    if done.share is not None:
        print(
            f"by motion: {_listed(done.carried)} -> {_listed(done.solved)}, which make {done.share:.0%} of that motion"
        )
    if done.lost:
        print(f"this rig cannot show: {_listed(done.lost)}")
    print(f"wrote {options.out}")


def _listed(names: tuple[str, ...]) -> str:
    """The names, or how many there are when they are many."""
    return ", ".join(names) if 0 < len(names) <= 6 else f"{len(names)} channels"
