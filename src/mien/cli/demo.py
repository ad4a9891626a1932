"""`mien demo`: captures the sample clip and compares the result with the ground truth it was rendered from."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import tyro

from mien.core import Clip, MienError

__all__ = ["compare", "main", "run"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Capture the sample clip that ships with mien and compare the result with the ground truth it was rendered from.

    Writes take.csv, take.glb and preview.mp4.
    """

    out: Path = Path("demo")
    """The folder to write to."""


def main(arguments: list[str]) -> None:
    """Parse the command line and run the demo."""
    run(tyro.cli(Options, prog="mien demo", args=arguments))


def run(options: Options) -> None:
    """Run the demo; raises MienError when the sample is not installed or the folder cannot be made."""
    from mien.cli.display import progress_bar
    from mien.cli.summary import summarise
    from mien.io.atomic import check_writable
    from mien.rigs.load import load_rig
    from mien.systems.capture.perform import capture_take, open_capture
    from mien.viewer.preview import write_preview

    sample = Path(str(resources.files("mien"))) / "systems" / "capture" / "sample"
    video, truth = sample / "sample.mp4", sample / "sample_truth.npz"
    if not (video.is_file() and truth.is_file()):
        raise MienError(f"{sample}: the sample clip is not in this installation; install mien again")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MienError(f"{options.out}: cannot make this folder ({error.strerror}); choose another --out") from None
    paths = [options.out / name for name in ("take.csv", "take.glb", "preview.mp4")]
    for path in paths:
        check_writable(path)
    rig = load_rig("mo")
    with progress_bar(video.name) as advance:
        result = capture_take(open_capture(), video, progress=advance)
    for path in paths[:2]:
        result.clip.save(path, rig=rig)
    with progress_bar(paths[2].name) as advance:
        write_preview(paths[2], video, result.clip, rig, landmarks=result.track.landmarks, progress=advance)
    show(compare(result.clip, Clip.load(truth)))
    summarise(str(video), result.clip, result.milliseconds, paths)
    print(f"Play {paths[2]}; drop {paths[1]} into Blender or any glTF viewer.")


def compare(clip: Clip, truth: Clip) -> list[tuple[str, float, float]]:
    """(channel, range in the ground truth, Pearson correlation) of the channels that move there, widest range first.

    The ground truth is interpolated at the clip's times, on the frames where a face was seen. A channel that is
    constant in the captured clip has no correlation (NaN) and counts as 0 in the median.
    """
    from mien.cli.summary import MOVED

    shown = truth.at(clip.times[clip.seen])
    rows: list[tuple[str, float, float]] = []
    for channel in truth.channels:
        if channel not in clip.channels:
            continue
        real = shown.curve(channel)
        seen = clip.curve(channel)[clip.seen]
        if np.ptp(real) >= MOVED:
            flat = np.ptp(seen) == 0
            rows.append((channel, float(np.ptp(real)), np.nan if flat else float(np.corrcoef(real, seen)[0, 1])))
    return sorted(rows, key=lambda row: -row[1])


def show(rows: list[tuple[str, float, float]]) -> None:
    """Print the comparison."""
    from mien.cli.display import bar, console, table

    out = table("Captured clip against its ground truth", "channel", "range", "Pearson r", "")
    out.columns[-1].justify = "left"
    for name, span, r in rows:
        out.add_row(name, f"{span:.2f}", f"{r:.2f}", bar(float(np.nan_to_num(r))))
    out.add_section()
    median = float(np.median(np.nan_to_num([r for _, _, r in rows]))) if rows else float("nan")
    out.add_row(f"median of {len(rows)} channels", "", f"{median:.2f}", bar(median))
    console().print(out)
