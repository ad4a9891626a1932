"""`mien capture`: videos and pictures into clips."""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from mien.cli.face_options import FaceOptions
from mien.core import Clip, MienError, Rig

if TYPE_CHECKING:
    from mien.systems.capture.perform import Neutral
    from mien.systems.capture.predict import Capture

__all__ = ["main", "run"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Capture the performance of a face from each video or picture.

    The extension of an output names its format: Live Link Face curves (.csv), a head that performs them (.glb, .usd),
    or arrays (.npz). An input that fails does not stop the others; the exit code is then 2.
    """

    inputs: tyro.conf.Positional[tuple[Path, ...]]
    """Videos or pictures. A picture becomes a clip of one frame."""
    out: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="FILE")] = ()
    """A file to write for each input; repeat the option for several files. {name} stands for the input's name without
    its extension. [default: {name}.csv]"""
    rig: str = "mo"
    """The head in .glb and .usd outputs and in the preview: mo, ict, or a .glb, .vrm or .usd file with ARKit shapes."""
    preview: Annotated[str | None, tyro.conf.arg(metavar="FILE.mp4")] = None
    """A video to write that shows the input with its landmarks, the head performing, and the strongest curves."""
    neutral: Annotated[str, tyro.conf.arg(metavar="auto|off|FRAME")] = "auto"
    """How to find the face at rest, whose weights become zero. auto finds resting frames in the take; off leaves all
    weights unchanged; a number is the index of a frame, counted from 0, that shows the face at rest."""
    smooth: Literal["off", "live", "ahead"] = "off"
    """The filter against jitter: none (off), the one-euro filter of live capture (live), or a filter over the whole
    take that adds no delay (ahead)."""
    fast: bool = False
    """Run the network once per frame. By default the network also runs on the mirror image of the face, which is more
    accurate and takes 0.6 ms more per frame."""
    capture: tyro.conf.OmitArgPrefixes[FaceOptions] = field(default_factory=FaceOptions)


def main(arguments: list[str]) -> None:
    """Parse the command line and capture."""
    webcam = _webcam_words(arguments)
    if webcam is not None:
        from mien.cli import live

        live.main(webcam)
    else:
        run(tyro.cli(Options, prog="mien capture", args=_without_auto(arguments)))


def run(options: Options) -> None:
    """Capture every input.

    Raises MienError before any work when an output cannot be written, and after the work when an input failed.
    """
    neutral = _neutral(options.neutral)
    paths = _outputs(options)
    rig = _rig(options, [path for own in paths for path in own])
    capture = options.capture.open(mirror=not options.fast)
    failed: list[MienError] = []
    for source, own in zip(options.inputs, paths, strict=True):
        try:
            _capture_one(capture, source, own, rig, options, neutral)
        except MienError as error:
            failed.append(error)
    if failed and len(options.inputs) == 1:
        raise failed[0]
    for error in failed:
        print(f"mien: error: {error}", file=sys.stderr)
    if failed:
        raise MienError(f"{len(failed)} of {len(options.inputs)} inputs failed, the others are written")


def _capture_one(
    capture: "Capture", source: Path, paths: list[Path], rig: Rig | None, options: Options, neutral: "Neutral"
) -> None:
    from mien.cli.display import progress_bar
    from mien.cli.summary import summarise
    from mien.systems.capture.perform import capture_take
    from mien.viewer.preview import write_preview

    with progress_bar(source.name) as advance:
        result = capture_take(capture, source, neutral=neutral, smooth=options.smooth, progress=advance)
    for path in paths if options.preview is None else paths[:-1]:
        result.clip.save(path, rig=rig)
    if options.preview is not None and rig is not None:
        with progress_bar(paths[-1].name) as advance:
            write_preview(paths[-1], source, result.clip, rig, landmarks=result.track.landmarks, progress=advance)
    summarise(str(source), result.clip, result.milliseconds, paths)


def _outputs(options: Options) -> list[list[Path]]:
    """The output paths of each input, the preview last; raises MienError when one cannot be written."""
    from mien.cli.outputs import check_output, check_suffix, expand

    if not options.inputs:
        raise MienError("no video given; usage: mien capture VIDEO --out take.csv")
    outs = options.out or ("{name}.csv",)
    previews = () if options.preview is None else (options.preview,)
    paths = expand((*outs, *previews), options.inputs)
    for own in paths:
        for path in own[: len(outs)]:
            check_output(path, Clip)
        for path in own[len(outs) :]:
            check_suffix(path, (".mp4",), "a preview")
    return paths


def _rig(options: Options, paths: list[Path]) -> Rig | None:
    """The rig of the outputs and the preview, or None when no output holds a rig."""
    from mien.io.formats import needs_rig
    from mien.rigs.load import load_rig

    wanted = options.preview is not None or any(needs_rig(path) for path in paths) or options.rig != "mo"
    return load_rig(options.rig) if wanted else None


def _neutral(text: str) -> "Neutral":
    """The value of `--neutral`; raises MienError when it is neither "auto", "off" nor a frame index."""
    words: dict[str, Neutral] = {"auto": "auto", "off": "off"}
    if text in words:
        return words[text]
    if not (text.isascii() and text.isdecimal()):
        raise MienError(f"--neutral is auto, off, or a frame counted from 0; '{text}' is none of them")
    return int(text)


def _webcam_words(arguments: list[str]) -> list[str] | None:
    """The arguments of `mien live` that the earlier `mien capture webcam1 ...` means, or None for files."""
    from mien.cli.earlier import note

    found = [word for word in arguments if re.fullmatch(r"webcam\d{0,3}", word) and not Path(word).exists()]
    if not found:
        return None
    word = found[0]
    note(f"'mien capture {word}' is now 'mien live'")
    rest = [other.replace("{name}", word) for other in _without_auto(arguments) if other not in {word, "--fast"}]
    out = [] if any(other.split("=")[0] == "--out" for other in rest) else ["--out", f"{word}.csv"]
    return [word.removeprefix("webcam") or "0", *rest, *out]


def _without_auto(arguments: list[str]) -> list[str]:
    """The arguments without the earlier `--smooth auto`, which is now the default."""
    from mien.cli.earlier import note

    rest = list(arguments)
    for words in (["--smooth", "auto"], ["--smooth=auto"]):
        for at in reversed(range(len(rest))):
            if rest[at : at + len(words)] == words:
                note("'--smooth auto' is the default now: leave it out")
                del rest[at : at + len(words)]
    return rest
