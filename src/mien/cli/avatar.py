"""`mien avatar`: makes a person's own textured head from photos and videos."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from mien.core import Camera, MienError

if TYPE_CHECKING:
    from mien.rigs.avatar.build import Avatar

__all__ = ["main", "run"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Make a person's own head from photos and videos: fitted, textured, with eyes and a cap of hair.

    The output is a folder with avatar.glb (the head with its 52 shapes), its textures as pictures, a preview sheet and
    a manifest. Every command takes the folder as a rig: `mien capture VIDEO --rig me/ --out me.glb`.
    """

    inputs: tyro.conf.Positional[tuple[Path, ...]]
    """Photos or videos of one person, evenly lit and sharp. A view from each side makes a better texture than one."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("avatar")
    """The folder to write."""
    hair: Literal["cap", "none"] = "cap"
    """"cap" adds a plain cap of hair in the colour that the photos show; "none" leaves the head bare."""
    face: int | None = None
    """Which face is the person when a photo shows several: 0 is the largest, 1 the second largest. Without this option
    a photo with several large faces is refused."""
    focal: float | None = None
    """Focal length of the camera [px], the same for all inputs. Without this option it is estimated."""
    frames: int = 12
    """The largest number of frames to take from each video."""
    bundle: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """A trained capture bundle to use in place of the one that ships with mien."""


def main(arguments: list[str]) -> None:
    """Parse the command line and make the avatar."""
    run(tyro.cli(Options, prog="mien avatar", args=arguments))


def run(options: Options) -> None:
    """Make one avatar; raises MienError before any work when the folder cannot be written."""
    from mien.cli.display import progress_bar
    from mien.systems.capture.avatar import avatar

    if not options.inputs:
        raise MienError("no photo given; usage: mien avatar PHOTO --out me/")
    Camera.guess(1, 1, options.focal)  # raises when it is no length
    with progress_bar("frames") as advance:
        made = avatar(
            options.inputs,
            options.out,
            hair=options.hair,
            face=options.face,
            focal=options.focal,
            frames=options.frames,
            bundle=options.bundle,
            progress=advance,
        )
    _summarise(made, options)


def _summarise(made: "Avatar", options: Options) -> None:
    """Print what the texture was made from, and what was left out."""
    from mien.cli.display import console

    screen = console()
    for name, why in made.unused.items():
        screen.print(f"{name} is not used for the texture: {why}", markup=False)
    if made.sources:
        screen.print(
            f"texture from {', '.join(made.sources)}; photos show {made.coverage:.0%} of the face's texture, "
            "the rest is filled from the skin around it",
            markup=False,
        )
    else:
        screen.print("no photo is good enough for a texture; the head has one skin colour", markup=False)
    if options.hair == "cap" and made.hair is None:
        screen.print("no hair was recognised, so the head is bare", markup=False)
    screen.print(f"wrote {options.out}", markup=False)
