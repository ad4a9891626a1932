"""Moves the muscles so that the simulated face agrees with half of ICT-FaceKit's shapes.

    python -m benchmarks.muscle_calibrate --write

Only the action units of `CALIBRATED` are seen, and only muscles that serve none but these are moved;
all others get the factor of force that the calibrated ones need on average. Each group of
muscles is searched coordinate by coordinate: shifts of insertions and origins, depth and force. `--write` replaces
`mien/physics/face/calibration.toml`.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mien.io.atomic import write_whole
from mien.physics.face import anatomy
from mien.physics.face.actions import ACTIONS
from mien.physics.face.agreement import CALIBRATED, HELD_OUT, agreement
from mien.physics.face.anatomy import Muscle, moved, uncalibrated
from mien.physics.face.face import Face, build_face
from mien.rigs.ict import load_ict

GROUPS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("corrugator",): ("AU4",),
    ("procerus",): ("AU4",),
    ("depressor_supercilii",): ("AU4",),
    ("orbicularis_oculi_orbital",): ("AU6",),
    ("levator_labii_superioris_alaeque_nasi",): ("AU9",),
    ("buccinator",): ("AU14",),
    ("depressor_anguli_oris",): ("AU15",),
    ("orbicularis_oris_peripheral",): ("AU18", "AU22"),
    ("incisivus_superioris", "incisivus_inferioris"): ("AU18",),
    ("orbicularis_oris_marginal",): ("AU24", "AU28"),
}
"""Muscles that move together -> the action units that they are fitted to."""

START = {"ix": 0.0, "iy": 0.0, "ox": 0.0, "oy": 0.0, "depth": 0.0, "force": 0.0, "rings": 0.0}
STEPS = {"ix": 3.0, "iy": 3.0, "ox": 4.0, "oy": 4.0, "depth": 0.25, "force": 0.3, "rings": 0.4}
"""First steps: shifts in mm, logarithms of factors."""
FARTHEST = 12.0
"""A shift of this many millimetres costs as much as 0.04 of cosine."""


def main() -> None:
    """Calibrate, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    face = build_face(load_ict(), table=uncalibrated())
    face.preconditioner  # noqa: B018
    report(face, "before")
    gains = [score.gain for action, score in agreement(face, CALIBRATED).items() if action != "AU45"]
    common = round(float(np.exp(-np.mean(np.log(gains)))), 2)
    base = tuple(moved(m, force=common) for m in uncalibrated())
    found: dict[str, dict[str, float]] = {}
    for group, actions in GROUPS.items():
        search(face, base, found, group, actions, options.rounds)
    table = tuple(moved(m, **entry(found[m.name])) if m.name in found else m for m in base)
    report(face.with_muscles(table), "after")
    text = toml(common, found)
    print(text)
    if options.write:
        path = Path(anatomy.__file__).parent / "calibration.toml"
        with write_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def search(
    face: Face, base: tuple[Muscle, ...], found: dict, group: tuple[str, ...], actions: tuple[str, ...], rounds: int
) -> None:
    """Coordinate search of one group, with halved steps in each round."""
    names = {name for action in actions for name in ACTIONS[action]} | set(group)

    def cost(values: dict[str, float]) -> float:
        trial = {**found, **dict.fromkeys(group, values)}
        table = tuple(moved(m, **entry(trial[m.name])) if m.name in trial else m for m in base if m.name in names)
        scores = agreement(face.with_muscles(table), actions).values()
        shift = sum(values[k] ** 2 for k in ("ix", "iy", "ox", "oy"))
        price = 0.04 * shift / FARTHEST**2 + 0.01 * (values["depth"] ** 2 + values["rings"] ** 2)
        return sum(1 - s.cosine + 0.05 * np.log(s.gain) ** 2 for s in scores) / len(actions) + price

    best = dict(START)
    value = cost(best)
    first = value
    for k in range(rounds):
        for name, step in STEPS.items():
            for sign in (1, -1):
                trial = {**best, name: best[name] + sign * step / 2**k}
                new = cost(trial)
                if new < value:
                    best, value = trial, new
                    break
    print(f"{', '.join(group)}: {first:.3f} -> {value:.3f}", flush=True)
    for name in group:
        found[name] = best


def entry(values: dict[str, float]) -> dict:
    """The arguments of `moved`."""
    return {
        "insertions": (round(values["ix"], 2), round(values["iy"], 2)),
        "origins": (round(values["ox"], 2), round(values["oy"], 2)),
        **{name: round(float(np.exp(values[name])), 3) for name in ("depth", "force", "rings")},
    }


def toml(common: float, found: dict[str, dict[str, float]]) -> str:
    """The table as a file."""
    lines = [
        "# How the calibration moved the muscles of muscles.toml; python -m benchmarks.muscle_calibrate writes it."
    ]
    lines += ["", "[common]", f"force = {common}"]
    for name, values in found.items():
        lines += ["", f"[{name}]"]
        lines += [
            f"{key} = {list(value) if isinstance(value, tuple) else value}" for key, value in entry(values).items()
        ]
    return "\n".join(lines) + "\n"


def report(face: Face, title: str) -> None:
    """Print all cosines."""
    for label, actions in (("calibrated", CALIBRATED), ("held out", HELD_OUT)):
        scores = agreement(face, actions)
        each = ", ".join(f"{action} {s.cosine:.2f} x{s.gain:.1f}" for action, s in scores.items())
        print(f"{title}, {label}: mean {np.mean([s.cosine for s in scores.values()]):.3f}: {each}", flush=True)


if __name__ == "__main__":
    main()
