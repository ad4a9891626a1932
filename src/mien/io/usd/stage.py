"""USD stages: loading pxr on demand, opening untrusted files safely, writing files, and time codes from seconds.

Time: a USD time code is a double, and a sample may lie at any time code, so a clip's times are kept: code = seconds x
`timeCodesPerSecond`. The rate is the integer (or 1000/1001 of one) nearest to the clip's usual frame rate, so that
evenly spaced frames get integer codes, at which players show them; other times get fractional codes. Codes are rounded
to 1e-9 of a frame, which undoes the rounding of k / rate and moves no time by more than a nanosecond.
"""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mien.core.errors import MienError
from mien.io.atomic import write_whole
from mien.io.extras import USD

__all__ = [
    "compose",
    "frame_rate",
    "new_stage",
    "open_stage",
    "prim_name",
    "pxr",
    "reading",
    "save_piece",
    "time_codes",
    "timeline",
    "write",
]

_TEXT = b"#usda "
"""First bytes of a USD text file."""
_LAYERS = 64
"""Largest number of files that a model may consist of."""
_RATES = tuple(range(1, 241))
_EXACT = 9
"""Decimal places of a time code."""
_PATIENCE = 120.0
"""Time limit for the process that tries to read a file [s]; a file that takes longer is refused."""


def pxr(*modules: str) -> list[Any]:
    """Modules of USD's Python package ("Usd", "UsdGeom", ...); raises a MienError that names the missing extra."""
    return USD.load(*modules)


def frame_rate(times: Float[np.ndarray, "T"]) -> float:
    """Time codes per second for a file: the rate nearest to the usual step of `times` [s], or 24 for one frame."""
    if len(times) < 2:
        return 24.0
    rate = 1 / float(np.median(np.diff(times)))
    known = [*_RATES, *(whole * 1000 / 1001 for whole in (24, 30, 60, 120))]
    return float(min(known, key=lambda candidate: abs(candidate - rate)))


def time_codes(times: Float[np.ndarray, "T"], rate: float) -> list[float]:
    """Time codes of `times` [s], strictly increasing as the times are."""
    return np.round(np.asarray(times, np.float64) * rate, _EXACT).tolist()


def timeline(stage: Any, times: Float[np.ndarray, "T"]) -> list[float]:
    """Set the stage's rate and range for `times` [s] and return their codes."""
    rate = frame_rate(times)
    codes = time_codes(times, rate)
    stage.SetTimeCodesPerSecond(rate)
    stage.SetFramesPerSecond(rate)
    stage.SetStartTimeCode(codes[0])
    stage.SetEndTimeCode(codes[-1])
    return codes


def new_stage(generator: str, licence: str = "", path: Path | None = None) -> Any:
    """An empty stage in metres, +Y up, in memory or backed by a file at `path`."""
    Usd, UsdGeom = pxr("Usd", "UsdGeom")
    stage = Usd.Stage.CreateInMemory() if path is None else Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetMetadata("comment", generator)
    if licence:
        stage.GetRootLayer().customLayerData = {"copyright": licence}
    return stage


def prim_name(text: str, taken: set[str]) -> str:
    """A valid prim name that resembles `text` and is not in `taken`; the name is added to `taken`."""
    (Tf,) = pxr("Tf")
    base = name = Tf.MakeValidIdentifier(text or "unnamed")
    number = 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    taken.add(name)
    return name


def write(stage: Any, path: Path) -> None:
    """Write the stage in the format of the extension, whole or not at all; raises MienError when that fails."""
    (Tf,) = pxr("Tf")
    with write_whole(path) as temporary:
        temporary.touch()  # raises an OSError with the reason why the path cannot be written; USD gives none
        try:
            done = stage.GetRootLayer().Export(str(temporary))
        except Tf.ErrorException as error:
            raise MienError(f"cannot write {path}: {_said(error)}") from None
        if not done:
            raise MienError(f"cannot write {path}: USD could not write the file; is the disk full?")


def save_piece(stage: Any, path: Path) -> None:
    """Save a stage that is backed by a temporary file of `path`; raises MienError when it cannot be written."""
    (Tf,) = pxr("Tf")
    try:
        stage.GetRootLayer().Save()
    except Tf.ErrorException as error:
        raise MienError(f"cannot write {path}: {_said(error)}") from None


def open_stage(path: str | Path) -> Any:
    """Open an untrusted file.

    Raises MienError when it is missing or damaged, refers to itself, or refers to files outside of its folder.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            text = file.read(len(_TEXT)) == _TEXT
            blocks = iter(lambda: file.read(1 << 20), b"")
            alone = text and not any(b"@" in block for block in blocks)  # asset paths are enclosed in "@"
    except OSError as error:
        raise MienError(f"cannot read {path}: {error.strerror or error}") from error
    if not alone and not _survives(path):
        raise MienError(f"{path} is damaged: OpenUSD cannot read it")
    with reading(path):
        return compose(path)


def compose(path: Path) -> Any:
    """The stage of a readable file, composed after its layers are checked; must be called within `reading`."""
    Usd, Pcp = pxr("Usd", "Pcp")
    _check_layers(path)
    stage = Usd.Stage.Open(str(path.resolve()), Usd.Stage.LoadAll)
    cycles = (Pcp.ErrorArcCycle, Pcp.ErrorSublayerCycle)  # USD itself only ignores the reference that closes a cycle
    if any(isinstance(error, cycles) for error in stage.GetCompositionErrors()):
        raise MienError(f"{path} is damaged: a part of it refers to itself")
    return stage


def _survives(path: Path) -> bool:
    """Whether a separate process can read all of `path`, because OpenUSD may abort its process on damaged bytes."""
    command = [sys.executable, "-m", "mien.io.usd.probe", str(path)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


@contextmanager
def reading(path: str | Path) -> Generator[None]:
    """A context that turns USD's errors on `path` into one MienError and keeps its warnings off the terminal.

    USD reads values on demand, so a damaged file may open and fail later: all reading must happen in this context.
    """
    Tf, UsdUtils = pxr("Tf", "UsdUtils")
    delegate = UsdUtils.CoalescingDiagnosticDelegate()
    try:
        yield
    except Tf.ErrorException as error:
        raise MienError(f"{path} is not a USD file, or damaged: {_said(error)}") from None
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise MienError(f"{path} is damaged: {str(error).partition(chr(10))[0][:160]}") from error
    finally:
        delegate.TakeUncoalescedDiagnostics()
        del delegate


def _check_layers(path: Path) -> None:
    """Refuse layers outside of the file's folder: a model must not make mien open files elsewhere on the machine."""
    (Sdf,) = pxr("Sdf")
    folder = path.resolve().parent
    waiting, seen = [str(path.resolve())], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if len(seen) > _LAYERS:
            raise MienError(f"{path} refers to more than {_LAYERS} files; flatten it (usdcat --flatten)")
        layer = Sdf.Layer.FindOrOpen(name)
        if layer is None:
            raise MienError(f"{path} is not a USD file, or damaged" if len(seen) == 1 else f"{path}: no file {name}")
        layer.Reload()  # USD caches layers, so a changed file would be read as it was before
        for asset in layer.GetCompositionAssetDependencies():
            target = layer.ComputeAbsolutePath(asset)
            outer = target.partition("[")[0]  # a layer within a .usdz package is package.usdz[layer.usdc]
            if "://" in asset or not Path(outer).resolve().is_relative_to(folder):
                raise MienError(f"{path} refers to {asset[:80]}, which lies outside of its folder; copy it there")
            if asset:
                waiting.append(target)


def _said(error: Exception) -> str:
    """The first line of a USD error."""
    first = error.args[0] if error.args else error
    try:
        text = str(getattr(first, "commentary", first)).strip()
    except UnicodeDecodeError:  # USD's message quotes the damaged bytes
        return "it has bytes that are not UTF-8"
    return (text.splitlines() or ["no reason given"])[0][:160]
