"""Where a command writes: one path per input and output, refused before any work when it cannot be written."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mien.core import Clip, MienError, Rig
from mien.io import formats
from mien.io.atomic import check_writable, write_whole

__all__ = [
    "check_clip_format",
    "check_rig_format",
    "check_writable",
    "expand",
    "needs_rig",
    "save_clip",
    "write_picture",
    "write_rig",
]

_USD = (".usd", ".usda", ".usdc")


def expand(outs: Sequence[str], inputs: Sequence[Path]) -> list[list[Path]]:
    """The output paths of each input: `{name}` stands for the input's file name without extension.

    Raises MienError when two inputs would write one file, or an output is an input.
    """
    paths = [[Path(out.replace("{name}", source.stem)) for out in outs] for source in inputs]
    seen: dict[Path, Path] = {source.resolve(): source for source in inputs}
    for source, own in zip(inputs, paths, strict=True):
        for path in own:
            other = seen.setdefault(path.resolve(), source)
            if path.resolve() in {p.resolve() for p in inputs}:
                raise MienError(f"{path} is an input and would be overwritten; choose another --out")
            if other != source:
                raise MienError(
                    f"{path} would be written for both {other} and {source}; put {{name}} in it: --out '{{name}}.csv'"
                )
    return paths


def check_clip_format(path: Path) -> None:
    """Raise MienError when a clip cannot be written under this extension."""
    known = formats.suffixes(Clip, writable=True)
    if path.suffix.lower() not in known:
        raise MienError(f"{path}: a clip cannot be written as '{path.suffix}'; use one of: {', '.join(sorted(known))}")
    _check_usd(path)


def needs_rig(path: Path) -> bool:
    """Whether a clip under this extension is a rig that performs it."""
    return path.suffix.lower() in (".glb", *_USD)


def save_clip(clip: Clip, path: Path, rig: Rig | None) -> None:
    """Write a clip by its extension, with the rig where the format has one."""
    if needs_rig(path):
        clip.save(path, rig=rig)
    else:
        clip.save(path)


def check_rig_format(path: Path) -> None:
    """Raise MienError when a rig cannot be written under this extension."""
    if path.suffix and path.suffix.lower() not in (".glb", *_USD):
        raise MienError(f"{path}: a rig is written as .glb, .usd, or a folder of .obj files (a name without extension)")
    _check_usd(path)


def _check_usd(path: Path) -> None:
    """Raise MienError when `path` is a USD file and OpenUSD is not installed."""
    if path.suffix.lower() in _USD:
        from mien.io.usd.stage import pxr

        pxr("Usd")


def write_rig(rig: Rig, path: Path) -> None:
    """Write a rig at rest: .glb, .usd, .usda, .usdc, or a folder of .obj files (a name without extension)."""
    check_rig_format(path)
    if path.suffix.lower() == ".glb":
        from mien.io.gltf.rig import write_rig as write
    elif path.suffix:
        from mien.io.usd.rig import write_rig as write
    else:
        from mien.rigs.readers.obj import save_obj_folder as write
    write(rig, path)


def write_picture(path: Path, image: UInt8[np.ndarray, "H W 3"]) -> None:
    """Write an RGB picture by its extension, whole or not at all; raises MienError when it cannot be written."""
    import cv2

    with write_whole(path) as temporary:
        if not cv2.imwrite(str(temporary), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
            raise MienError(f"{path}: cannot write this picture; name it .png or .jpg")
