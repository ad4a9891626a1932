"""`mien speak`: a text, a voice or visemes into a talking face."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import tyro

from mien.core import Clip, MienError, Rig

if TYPE_CHECKING:
    from mien.systems.speak.perform import Spoken

__all__ = ["main", "run"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Make a face speak: `mien speak "Hello there" --out x.glb`, or `mien speak --audio line.wav --text line.txt`.

    The extension of an output names its format: Live Link Face curves (.csv), a head that performs them (.glb, .usd),
    or arrays (.npz). {name} in an output stands for the name of the sound or viseme file.
    """

    words: tyro.conf.Positional[str] = ""
    """What is said. With --audio it is aligned with the sound; alone it is timed by rule, or spoken by --voice."""
    text: Annotated[Path | None, tyro.conf.arg(metavar="FILE.txt")] = None
    """A text file with what is said, in place of the words on the command line."""
    audio: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The voice: any file with sound, also a video. Without a text its phones are recognised, which is less exact."""
    visemes: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Times of visemes or phones in place of text and audio: a TextGrid, Rhubarb's .json or .tsv, or a .csv with the
    columns start, end and viseme (or phone)."""
    voice: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Let this voice of espeak-ng (en-us, de, ...) speak the text; its sound is written beside the first output."""
    style: Annotated[Path | None, tyro.conf.arg(metavar="TAKE")] = None
    """A take whose way of speaking is taken over (.csv, .npz)."""
    style_mix: Annotated[str | None, tyro.conf.arg(metavar="TAKE:SHARE,...")] = None
    """Several takes and the share of each in the style: a.csv:0.7,b.csv:0.3."""
    merge: Annotated[Path | None, tyro.conf.arg(metavar="TAKE")] = None
    """A captured take of the same sound: its brows, eyes and head stay, and its lips become those of the sound."""
    out: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="FILE")] = ()
    """A file to write; repeat the option for several files. [default: speak.csv]"""
    rig: str = "mo"
    """The head in .glb and .usd outputs and in the preview: mo, ict, or a .glb, .vrm or .usd file with ARKit shapes."""
    preview: Annotated[Path | None, tyro.conf.arg(metavar="FILE.mp4")] = None
    """A video to write that shows the voice, its visemes and the head that speaks, with the sound in step."""
    generator: Literal["network", "rules"] = "network"
    """What moves the face: the trained network, or the rules that the network learnt from."""
    seed: int = 0
    """Seed of blinks, gaze and head movement; another seed is another performance of the same words."""
    fps: float = 60.0
    """Frames per second; a merged take keeps its own times."""
    pace: float = 1.0
    """Rate of speech of a text that is timed by rule; 2 is twice as fast."""
    bundle: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """A trained bundle to use in place of the one that ships with mien."""


def main(arguments: list[str]) -> None:
    """Parse the command line and speak."""
    run(tyro.cli(Options, prog="mien speak", args=arguments))


def run(options: Options) -> None:
    """Generate and write; raises MienError before any work when an output cannot be written."""
    from mien.systems.speak.perform import perform

    if options.words and options.text is not None:
        raise MienError("the text is given twice; give the words, or a file with --text")
    outs = _outputs(options)
    rig = _rig(options, outs)
    done = perform(
        options.text if options.text is not None else options.words or None,
        audio=options.audio,
        visemes=options.visemes,
        voice=options.voice,
        style=options.style,
        style_mix=None if options.style_mix is None else shares(options.style_mix),
        merge=options.merge,
        generator=options.generator,
        seed=options.seed,
        fps=options.fps,
        pace=options.pace,
        bundle=options.bundle,
    )
    for path in outs:
        done.clip.save(path, rig=rig)
    written = [*outs, *_others(options, done, outs[0], rig)]
    _summarise(done)
    for path in written:
        print(f"wrote {path}")


def shares(text: str) -> dict[str | Path, float]:
    """Takes and their shares from "a.csv:0.7,b.csv:0.3"; raises MienError for another form."""
    found: dict[str | Path, float] = {}
    for part in text.split(","):
        path, _, share = part.rpartition(":")
        try:
            found[Path(path.strip())] = float(share)
        except ValueError:
            path = ""
        if not path.strip():
            raise MienError(f"'{part}' is no take with a share; write --style-mix a.csv:0.7,b.csv:0.3")
    return found


def _outputs(options: Options) -> list[Path]:
    from mien.cli.outputs import check_output, check_suffix

    read = [options.text, options.audio, options.visemes, options.style, options.merge]
    source = options.audio or options.visemes or options.merge
    name = source.stem if source is not None else "speak"
    outs = [Path(out.replace("{name}", name)) for out in options.out or ("{name}.csv",)]
    for path in outs:
        check_output(path, Clip, never=read)
    if options.preview is not None:
        check_suffix(options.preview, (".mp4",), "a preview")
    if options.voice is not None:
        check_suffix(outs[0].with_suffix(".wav"), (".wav",), "a voice")
    return outs


def _rig(options: Options, outs: list[Path]) -> Rig | None:
    from mien.io.formats import needs_rig
    from mien.rigs.load import load_rig

    wanted = options.preview is not None or any(needs_rig(path) for path in outs) or options.rig != "mo"
    return load_rig(options.rig) if wanted else None


def _others(options: Options, done: "Spoken", first: Path, rig: Rig | None) -> list[Path]:
    """Write the voice and the preview."""
    from mien.cli.display import progress_bar
    from mien.io.sound import write_wav
    from mien.viewer.speech import write_speech_preview

    written: list[Path] = []
    if options.voice is not None and done.sound is not None:
        written.append(first.with_suffix(".wav"))
        write_wav(done.sound, written[-1])
    if options.preview is not None and rig is not None:
        with progress_bar(options.preview.name) as advance:
            write_speech_preview(options.preview, done.clip, rig, done.track, done.sound, progress=advance)
        written.append(options.preview)
    return written


def _summarise(done: "Spoken") -> None:
    track, clip = done.track, done.clip
    print(f"{len(track)} visemes from {track.source}; {len(clip)} frames, {clip.duration:.2f} s")
    if track.confidence is not None and np.mean(track.confidence) < 0.75:
        print("the sounds were recognised without a text, so lips may miss: give the text for exact ones")
