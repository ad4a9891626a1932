"""Write synthetic training sets as shards: deterministic, resumable, each shard whole or not at all, in several
processes.

`DIR/shard-00000/` holds one .npy per field (tables: `FIELDS`, `SAMPLE_FIELDS`) and shard.json. Shard k depends only on
the seed, k, and the settings that shard.json records.
"""

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

import mien
from mien.core import ARKIT, IBUG68, MIEN198, MienError
from mien.core.regions import region_points
from mien.core.transforms import weights_from_gaze
from mien.track.align import CROP, MARGIN, STORED, align_matrix, warp

if TYPE_CHECKING:
    from mien.synth.performer import Performance
    from mien.synth.renderer import Renderer
    from mien.synth.scene import Action, Cast, Shot
    from mien.track.onet import ONet

__all__ = [
    "FIELDS",
    "SAMPLE_FIELDS",
    "ShardSettings",
    "frame_times",
    "make_shard",
    "write_dataset",
]

FORMAT = 5
"""Version of the shards' layout and of the pictures in them; shards of another version are not resumed."""
_STILLS_PER_CAST = 8
"""Stills of one performer before the next is prepared (preparing a performer takes as long as a few frames)."""
_TAKES_PER_CAST = 2
_NEUTRALS_PER_CAST = 2
"""Pictures of a performer at rest, shared by the samples of one look."""
_UNEVEN = 0.25
"""Share of windows whose frames are not evenly spaced."""
_HOLD_IOU = 0.85
"""Overlap (IoU) of the tracker's box and the refined box below which the box is replaced, as at run time."""

FIELDS: dict[str, tuple[type, tuple[int, ...]]] = {
    "crops": (np.uint8, (STORED, STORED, 3)),
    "landmarks": (np.float32, (MIEN198.count, 2)),
    "landmarks_visible": (np.uint8, (MIEN198.count,)),
    "weights": (np.float32, (52,)),
    "pose": (np.float32, (7,)),
    "gaze": (np.float32, (2, 2)),
    "times": (np.float64, ()),
    "occluded": (np.float32, (3,)),
    "five_from_onet": (np.uint8, ()),
}
"""Field -> dtype and shape per frame; arrays are [N, T, *shape]. Landmarks are mien198's [px of the crop]."""

SAMPLE_FIELDS: dict[str, tuple[type, tuple[int, ...]]] = {
    "identity": (np.int64, ()),
    "neutral": (np.uint8, (STORED, STORED, 3)),
    "neutral_landmarks": (np.float32, (MIEN198.count, 2)),
    "neutral_weights": (np.float32, (52,)),
}
"""Field -> dtype and shape per sample; arrays are [N, *shape]. `neutral` is the same performer with the same look at
rest, in a picture of its own, as a network with a stored rest is given it before the sample."""

_RESTING = (
    "browInnerUp", "browDownLeft", "browDownRight", "cheekSquintLeft", "cheekSquintRight", "eyeSquintLeft",
    "eyeSquintRight", "jawForward", "mouthFrownLeft", "mouthFrownRight", "mouthSmileLeft", "mouthSmileRight",
    "mouthPressLeft", "mouthPressRight", "mouthRollLower", "mouthShrugLower", "mouthPucker", "mouthStretchLeft",
    "mouthStretchRight",
)  # fmt: skip
"""Channels in which a performer's relaxed face may differ from neutral."""


@dataclass(frozen=True, kw_only=True)
class ShardSettings:
    """All settings that determine a shard's contents, with its index."""

    seed: int
    per_shard: int
    """Samples (N)."""
    frames: int
    """Frames per sample (T); 1 makes stills."""
    fps: tuple[float, float] = (12.0, 60.0)
    """Frame rates of sequences, drawn per window."""
    identities: tuple[int, int]
    """Performer numbers [low, high)."""


def write_dataset(
    out: Path, *, shards: int, per_shard: int, frames: int, seed: int, workers: int, identities: tuple[int, int],
    fps: tuple[float, float] = (12.0, 60.0), progress: Callable[[int, int], None] | None = None,
) -> None:  # fmt: skip
    """Write `shards` shards into `out`, skipping existing ones. `progress(done, total)` is called per shard.

    Raises MienError for impossible settings, a folder that cannot be written, shards of other settings, or a machine
    without EGL.
    """
    out = Path(out)
    settings = ShardSettings(
        seed=seed, per_shard=per_shard, frames=frames, fps=(fps[0], fps[1]), identities=(identities[0], identities[1])
    )
    _check(settings, shards)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MienError(f"cannot make the folder {out}: {error.strerror}; choose another place") from error
    missing = [k for k in range(shards) if not _is_there(out, k, settings)]
    done = shards - len(missing)
    if progress:
        progress(done, shards)
    if workers <= 1 or len(missing) <= 1:
        for k in missing:
            write_shard(out, k, settings)
            done += 1
            if progress:
                progress(done, shards)
        return
    # spawn, because a GL context does not survive a fork
    with ProcessPoolExecutor(min(workers, len(missing)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(write_shard, out, k, settings) for k in missing]
        try:
            for future in as_completed(futures):
                future.result()
                done += 1
                if progress:
                    progress(done, shards)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def write_shard(out: Path, index: int, settings: ShardSettings) -> None:
    """Write one shard into a temporary folder beside its place, then rename the folder."""
    target = out / f"shard-{index:05d}"
    temporary = out / f".{target.name}-{os.getpid()}"
    arrays = make_shard(index, settings)
    try:
        temporary.mkdir()
        for name, array in arrays.items():
            np.save(temporary / f"{name}.npy", array, allow_pickle=False)
        (temporary / "shard.json").write_text(json.dumps(_describe(index, settings), indent=1) + "\n")
        temporary.replace(target)
    except OSError as error:
        raise MienError(f"cannot write {target}: {error.strerror}; choose another place or free some space") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def make_shard(
    index: int, settings: ShardSettings, *, stills_per_cast: int = _STILLS_PER_CAST
) -> dict[str, np.ndarray]:
    """The arrays of one shard."""
    import cv2

    from mien.synth.renderer import renderer
    from mien.synth.scene import cast
    from mien.track.onet import ONet

    cv2.setNumThreads(1)
    gl, onet = renderer(), ONet.load()
    count, frames = settings.per_shard, settings.frames
    arrays = _empty(count, frames)
    group = stills_per_cast if frames == 1 else _TAKES_PER_CAST
    for first in range(0, count, group):
        rng = np.random.default_rng([settings.seed, index, first, frames])
        identity = int(rng.integers(*settings.identities))
        who = cast(settings.seed, identity, variant=int(rng.integers(1 << 20)))
        gl.wear(who.costume)
        rows = range(first, min(first + group, count))
        actions = [sample_action(rng, frames, settings.fps) for _ in rows]
        performance = who.performer.perform(np.concatenate([a.weights for a in actions]))
        neutrals = [_neutral(rng, gl, onet, who) for _ in range(_NEUTRALS_PER_CAST)]
        for k, n in enumerate(rows):
            take = performance.frames(k * frames, (k + 1) * frames)
            _fill(rng, gl, onet, who, actions[k], take, {name: arrays[name][n] for name in FIELDS})
            _note(arrays, n, identity, neutrals[int(rng.integers(len(neutrals)))])
    return arrays


def _empty(count: int, frames: int) -> dict[str, np.ndarray]:
    per_frame = {name: np.zeros((count, frames, *shape), dtype) for name, (dtype, shape) in FIELDS.items()}
    return per_frame | {name: np.zeros((count, *shape), dtype) for name, (dtype, shape) in SAMPLE_FIELDS.items()}


def _note(arrays: dict[str, np.ndarray], n: int, identity: int, neutral: dict[str, np.ndarray]) -> None:
    """Write the fields that sample `n` has once."""
    arrays["identity"][n] = identity
    for name, value in neutral.items():
        arrays[name][n] = value


def _neutral(rng: np.random.Generator, gl: "Renderer", onet: "ONet", who: "Cast") -> dict[str, np.ndarray]:
    """One picture of the face at rest: `neutral`, `neutral_landmarks` and `neutral_weights`."""
    action = sample_rest(rng)
    rows = {name: np.zeros((1, *shape), dtype) for name, (dtype, shape) in FIELDS.items()}
    _fill(rng, gl, onet, who, action, who.performer.perform(action.weights), rows, occluders=False)
    return {
        "neutral": rows["crops"][0],
        "neutral_landmarks": rows["landmarks"][0],
        "neutral_weights": rows["weights"][0],
    }


def sample_rest(rng: np.random.Generator) -> "Action":
    """A still face as at calibration: mostly neutral, else a few channels up to 0.1, a drooping lid, a small gaze; the
    head within 20 degrees of frontal.
    """
    from mien.synth.scene import Action

    weights = np.zeros((1, 52), np.float32)
    if rng.random() < 0.4:
        for channel in rng.choice(_RESTING, int(rng.integers(1, 5)), replace=False):
            weights[0, ARKIT.index(channel)] = rng.uniform(0, 0.1)
    if rng.random() < 0.2:
        droop = rng.uniform(0.02, 0.15)
        for side in ("Left", "Right"):
            weights[0, ARKIT.index(f"eyeBlink{side}")] = droop
    if rng.random() < 0.3:
        gaze = np.radians(np.clip(rng.normal(0, 3.0, 2), -8, 8))
        weights[0] = np.maximum(weights[0], weights_from_gaze(np.tile(gaze, (1, 2, 1)))[0])
    angles = np.radians(np.clip(rng.normal(0, (7.0, 5.0, 4.0)), (-20, -15, -12), (20, 15, 12)))
    return Action(times=np.zeros(1), weights=weights, angles=angles[None], translation=np.zeros((1, 3)))


def _fill(
    rng: np.random.Generator, gl: "Renderer", onet: "ONet", who: "Cast", action: "Action", performance: "Performance",
    rows: dict[str, np.ndarray], *, occluders: bool = True,
) -> None:  # fmt: skip
    """Render one sample and write its frames."""
    from mien.synth.scene import film, set_scene

    scene = set_scene(rng, who, occluders=occluders)
    box: np.ndarray | None = None
    for t, shot in enumerate(film(rng, gl, who, scene, action, performance=performance)):
        five, box = follow(rng, onet, shot, box)
        matrix = align_matrix(five if five is not None else _guessed_five(rng, shot), CROP, margin=MARGIN)
        points = shot.truth.landmarks @ matrix[:, :2].T + matrix[:, 2]
        inside = ((points >= -0.5) & (points < STORED - 0.5)).all(axis=1)
        rows["crops"][t] = warp(shot.image, matrix, STORED)
        rows["landmarks"][t] = points
        rows["landmarks_visible"][t] = shot.truth.visible & inside
        rows["weights"][t] = shot.truth.weights
        rows["pose"][t] = np.concatenate([shot.truth.quaternion, shot.truth.translation])
        rows["gaze"][t] = shot.truth.gaze
        rows["times"][t] = action.times[t]
        rows["occluded"][t] = _out_of_sight(shot.truth.hidden, points)
        rows["five_from_onet"][t] = five is not None


_REGION_POINTS = list(region_points(IBUG68).values())
"""Points that `_out_of_sight` counts, as in `annotate`: iBUG's 68 points alone, the first of mien198's."""


def _out_of_sight(hidden: Float[np.ndarray, "3"], points: Float[np.ndarray, "L 2"]) -> Float[np.ndarray, "3"]:
    """`hidden`, where points outside the crop (without its margin) count as hidden too."""
    inside: np.ndarray = np.all((points >= MARGIN - 0.5) & (points < MARGIN + CROP - 0.5), axis=1)
    return 1 - (1 - hidden) * np.array([inside[points].mean() for points in _REGION_POINTS])


def sample_action(rng: np.random.Generator, frames: int, fps: tuple[float, float]) -> "Action":
    """The performance: a still, or a window of motion at a camera's times."""
    from mien.synth.motion import motion_at, sample_still
    from mien.synth.scene import Action

    if frames == 1:
        weights, angles = sample_still(rng)
        return Action(times=np.zeros(1), weights=weights[None], angles=angles[None], translation=np.zeros((1, 3)))
    motion = motion_at(rng, frame_times(rng, frames, fps))
    return Action(times=motion.times, weights=motion.weights, angles=motion.angles, translation=motion.translation)


def frame_times(rng: np.random.Generator, frames: int, fps: tuple[float, float]) -> Float[np.ndarray, "T"]:
    """Times of the frames of a window, from 0 [s]: a rate drawn log-uniformly from `fps`; one window in four is uneven,
    as with real cameras and browsers: one or two frames are lost, or steps differ by up to 30 %.
    """
    steps = np.full(frames - 1, np.exp(-rng.uniform(*np.log(fps))))
    uneven = rng.random()
    if uneven < _UNEVEN / 2:
        steps[int(rng.integers(frames - 1))] *= rng.choice([2, 3], p=[0.8, 0.2])
    elif uneven < _UNEVEN:
        steps *= rng.uniform(0.7, 1.3, frames - 1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def follow(
    rng: np.random.Generator, onet: "ONet", shot: "Shot", box: np.ndarray | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """O-Net's five points as at run time, and the box to hold for the next frame; None where O-Net finds no face."""
    from mien.synth.annotate import true_five
    from mien.track.boxes import box_iou, square_boxes

    if box is None:
        five = true_five(shot.truth.landmarks)
        eyes = float(np.linalg.norm(five[1] - five[0]))
        half = 1.25 * max(eyes, 0.6 * float(np.ptp(five[:, 1])), 6.0)
        start = np.concatenate([five.mean(0) - half, five.mean(0) + half])
        found = onet.refine(shot.image, _jittered(rng, start, 0.06))
        if found is None:
            return None, None
        # At run time the box was refined on an earlier frame, in which the head was at a slightly different place.
        box = _jittered(rng, square_boxes(found.box), 0.03)
    found = onet.refine(shot.image, box)
    if found is None:
        return None, None
    square = square_boxes(found.box)
    if box_iou(square, box[None])[0] < _HOLD_IOU:
        box = square
    return found.five_points, box


def _jittered(rng: np.random.Generator, box: np.ndarray, spread: float) -> np.ndarray:
    """A square box, shifted and scaled by up to about twice `spread` times its side."""
    side = box[2] - box[0]
    centre = (box[:2] + box[2:]) / 2 + np.clip(rng.normal(0, spread, 2), -2 * spread, 2 * spread) * side
    half = side / 2 * np.exp(np.clip(rng.normal(0, spread), -2 * spread, 2 * spread))
    return np.concatenate([centre - half, centre + half])


def _guessed_five(rng: np.random.Generator, shot: "Shot") -> np.ndarray:
    """True points with the error of a detector (3 % of the eye distance), for faces that O-Net rejects."""
    from mien.synth.annotate import true_five

    five = true_five(shot.truth.landmarks)
    return five + rng.normal(0, 0.03 * max(float(np.linalg.norm(five[1] - five[0])), 10.0), (5, 2))


def _check(settings: ShardSettings, shards: int) -> None:
    low, high = settings.identities
    if shards < 1 or settings.per_shard < 1 or settings.frames < 1:
        raise MienError("shards, samples per shard and frames must each be at least 1")
    if not (0 <= low < high):
        raise MienError(f"identities {low}:{high} is empty; give a low and a higher performer number")
    slow, fast = settings.fps
    if not (np.isfinite([slow, fast]).all() and 0 < slow <= fast):
        raise MienError(f"frame rates go from a positive low to a high one, not {slow:g}-{fast:g}; try 12-60 or 30-30")


def _describe(index: int, settings: ShardSettings) -> dict[str, object]:
    return {"format": FORMAT, "index": index, "mien": mien.__version__, **asdict(settings)}


def _is_there(out: Path, index: int, settings: ShardSettings) -> bool:
    """Whether the shard exists; raises MienError when it was written with other settings."""
    note = out / f"shard-{index:05d}" / "shard.json"
    if not note.is_file():
        return False
    try:
        found = json.loads(note.read_text())
    except ValueError as error:
        raise MienError(f"{note} is damaged; delete its folder and run again") from error
    wanted = json.loads(json.dumps(_describe(index, settings)))
    different = [k for k in wanted if k != "mien" and found.get(k) != wanted[k]]
    if different:
        raise MienError(
            f"{note.parent} was made with another {', '.join(different)}; choose another folder or delete it"
        )
    return True
