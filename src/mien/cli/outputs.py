"""Output paths of a command: one per input and output, refused before any work when it cannot be written."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mien.core import MienError
from mien.io import formats
from mien.io.atomic import check_writable, write_whole

__all__ = ["check_output", "check_suffix", "expand", "write_picture"]


def expand(outs: Sequence[str], inputs: Sequence[Path]) -> list[list[Path]]:
    """The output paths of each input: `{name}` stands for the input's file name without extension.

    Raises MienError when two inputs would write to the same file, or an output is an input.
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


def check_output(path: Path, kind: type, *, never: Sequence[str | Path | None] = ()) -> None:
    """Raise MienError when a `kind` cannot be written to `path`, or `path` is one of `never`, the files to be read."""
    formats.check_output(path, kind)
    for other in never:
        if other is not None and path.exists() and Path(other).exists() and path.samefile(other):
            raise MienError(f"{path} is an input and would be overwritten; choose another --out")


def check_suffix(path: Path, suffixes: Sequence[str], what: str) -> None:
    """Raise MienError when `path` has none of `suffixes` or cannot be written; `what` names the output in messages."""
    if path.suffix.lower() not in suffixes:
        raise MienError(f"{path}: {what} is written as {' or '.join(suffixes)}; name it so")
    check_writable(path)


def write_picture(path: Path, image: UInt8[np.ndarray, "H W 3"]) -> None:
    """Write an RGB picture in the format of its extension, whole or not at all; raises MienError when it cannot."""
    import cv2

    with write_whole(path) as temporary:
        if not cv2.imwrite(str(temporary), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
            raise MienError(f"{path}: cannot write this picture; name it .png or .jpg")
