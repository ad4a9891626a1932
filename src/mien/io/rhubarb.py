"""Mouth cues of Rhubarb Lip Sync, as JSON (`mouthCues` with start, end, value) or as TSV (start, value).

The cues are Preston Blair's: A closed (p, b, m), B teeth together (most consonants, "ee"), C open ("eh"), D wide open
("ah"), E slightly rounded ("er", "aw"), F puckered ("oo", w), G lip on teeth (f, v), H long l, X rest.
"""

import json
from pathlib import Path

from mien.core.errors import MienError
from mien.core.visemes import VisemeTrack
from mien.io.speech_sounds import Interval, read_text, track_of_intervals

__all__ = ["read_json", "read_tsv"]

_CUES = {"A": "PP", "B": "SS", "C": "E", "D": "aa", "E": "oh", "F": "ou", "G": "FF", "H": "nn", "X": "sil"}


def read_json(path: Path) -> VisemeTrack:
    """Read the JSON form; raises MienError when the file is no such JSON."""
    try:
        cues = json.loads(read_text(path))["mouthCues"]
        rows = [
            Interval(_viseme(path, str(cue["value"]), f"cue {k}"), float(cue["start"]), float(cue["end"]), f"cue {k}")
            for k, cue in enumerate(cues, 1)
        ]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MienError(f"{path} has no mouth cues of Rhubarb Lip Sync; write it with `rhubarb -f json`") from error
    return track_of_intervals(path, rows, visemes=True)


def read_tsv(path: Path) -> VisemeTrack:
    """Read the TSV form, in which a cue lasts until the next; raises MienError when the file is no such table."""
    times: list[float] = []
    names: list[str] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        cells = line.split("\t")
        try:
            time, name = cells
            times.append(float(time))
        except ValueError as error:
            raise MienError(f"{path} line {number}: a time, a tab and a mouth cue were expected") from error
        names.append(_viseme(path, name.strip(), f"line {number}"))
    if len(times) < 2:
        raise MienError(f"{path} has no two mouth cues; the file is cut short")
    rows = [Interval(v, a, b, f"cue {k}") for k, (v, a, b) in enumerate(zip(names, times, times[1:], strict=False), 1)]
    return track_of_intervals(path, rows, visemes=True)


def _viseme(path: Path, cue: str, where: str) -> str:
    if cue not in _CUES:
        raise MienError(f"{path} {where}: '{cue[:20]}' is no mouth cue of Rhubarb Lip Sync; they are A to H and X")
    return _CUES[cue]
