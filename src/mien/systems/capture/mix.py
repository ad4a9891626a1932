"""Mix two checkpoints of one run into one: a share of the earlier one's weights, the rest the later one's.

    python -m mien.systems.capture.mix EARLIER.pt LATER.pt OUT.pt --share 0.25

Training goes on to fit renders after it has stopped to gain on real faces. Weights between the two ends keep what the
later one learnt and lose less of what the earlier one could (Wortsman et al. 2022, "Robust fine-tuning of zero-shot
models"); run time is the same.
"""

import argparse
from pathlib import Path
from typing import Any

import torch

from mien.core.errors import MienError
from mien.engine.checkpoint import load_checkpoint, save_checkpoint

__all__ = ["mix"]

SHARE = 0.25
"""Of the earlier checkpoint: with it the mean face fits 40 frontal portraits best among 0, 1/4, 1/2 and 1."""


def mix(earlier: Path, later: Path, out: Path, share: float = SHARE) -> None:
    """Write `later` with its averaged weights moved towards those of `earlier`; MienError when one cannot be read."""
    if not 0 <= share <= 1:
        raise MienError(f"--share is how much of the earlier checkpoint counts, 0 to 1; not {share}")
    state = _read(later)
    old, new = _weights(_read(earlier)), _weights(state)
    if {name: value.shape for name, value in old.items()} != {name: value.shape for name, value in new.items()}:
        raise MienError(f"{earlier} and {later} are not of one network")
    mixed = {
        name: torch.lerp(after, old[name], share) if after.is_floating_point() else after for name, after in new.items()
    }
    save_checkpoint(out, {**state, "net": mixed, "average": {name: mixed[name] for name in state["average"]}})


def _read(path: Path) -> dict[str, Any]:
    state = load_checkpoint(path)
    if state is None:
        raise MienError(f"{path}: no such checkpoint; train one with 'mien train capture'")
    return state


def _weights(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {**state["net"], **state["average"]}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("earlier", "later", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--share", type=float, default=SHARE)
    chosen = parser.parse_args()
    try:
        mix(chosen.earlier, chosen.later, chosen.out, chosen.share)
    except MienError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
