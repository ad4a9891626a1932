from dataclasses import replace
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.core import ARKIT, Camera, MienError
from mien.core.transforms import angles_from_quaternion
from mien.io.video import open_video, read_image
from mien.io.video_writer import VideoWriter
from mien.runtime import Bundle, open_session
from mien.systems.capture import predict, spec
from mien.systems.capture.predict import Capture, CaptureResult, clean_weights
from mien.systems.capture.runtime.landmark_rig import LandmarkRig, landmark_rig


@pytest.fixture(scope="module")
def take(assets: Path) -> CaptureResult:
    return Capture().video(assets / "video" / "liveportrait_d18.mp4")


@given(arrays(np.float32, (4, len(ARKIT)), elements=st.floats(-2, 3, width=32)))
@settings(max_examples=50)
def test_weights_are_bounded_and_mouth_close_never_exceeds_jaw_open(raw: np.ndarray) -> None:
    weights = clean_weights(raw)
    assert weights.shape == (4, 52) and (weights >= 0).all() and (weights <= 1).all()
    assert (weights[:, ARKIT.index("mouthClose")] <= weights[:, ARKIT.index("jawOpen")]).all()
    free = [i for i, name in enumerate(ARKIT) if name != "mouthClose"]
    np.testing.assert_array_equal(weights[:, free], np.clip(raw[:, free], 0, 1))


def test_a_clip_has_the_videos_own_times_and_no_gap(take: CaptureResult, assets: Path) -> None:
    with open_video(assets / "video" / "liveportrait_d18.mp4") as video:
        times = [frame.time for frame in video]
    np.testing.assert_array_equal(take.clip.times, times)
    assert take.clip.seen.all() and len(take.milliseconds) == len(times)


def test_landmarks_lie_on_the_face_that_other_trackers_see(take: CaptureResult, assets: Path) -> None:
    with np.load(assets / "refs" / "liveportrait_d18.npz") as refs:
        five = refs["five_points"]
    ours = take.track.landmarks
    assert ours is not None
    eyes = np.linalg.norm(five[:, 0] - five[:, 1], axis=1)
    for mine, theirs in ((slice(36, 42), 0), (slice(42, 48), 1), (48, 3), (54, 4)):
        points = ours[:, mine] if isinstance(mine, int) else ours[:, mine].mean(axis=1)
        error = np.linalg.norm(points - five[:, theirs], axis=1) / eyes
        assert np.median(error) < 0.12


def test_pose_puts_the_mean_face_where_the_landmarks_are(take: CaptureResult, assets: Path) -> None:
    from scipy.spatial.transform import Rotation

    with open_video(assets / "video" / "liveportrait_d18.mp4") as video:
        camera = Camera.guess(video.width, video.height)
    bundle = Bundle.load("capture")
    rig = LandmarkRig.from_arrays(bundle.arrays)
    clip, landmarks = take.clip, take.track.landmarks
    assert clip.head_rotation is not None and clip.head_translation is not None and landmarks is not None
    columns = [ARKIT.index(name) for name in bundle.manifest.channels]
    for t in range(0, len(clip), 20):
        points = rig.points(clip.weights[t, columns])
        seen = camera.project(Rotation.from_quat(clip.head_rotation[t]).apply(points) + clip.head_translation[t])
        eyes = np.linalg.norm(landmarks[t, 36:42].mean(axis=0) - landmarks[t, 42:48].mean(axis=0))
        assert np.median(np.linalg.norm(seen - landmarks[t], axis=1)) < 0.08 * eyes


def test_a_window_of_a_frame_shows_the_same_pose_when_its_camera_is_known(assets: Path) -> None:
    whole = read_image(assets / "faces" / "webmorph_canada" / "003f.jpg")
    height, width = whole.shape[:2]
    camera = Camera.guess(width, height, focal=1.7 * width)
    cut = width // 5 // 16 * 16  # on the grid of blocks that crops are averaged over
    x, y = camera.centre
    window = replace(camera, width=width - cut, centre=(x - cut, y))
    capture = Capture()

    def turn(image: np.ndarray, known: Camera | None) -> np.ndarray:
        capture.reset()
        capture.camera = Camera.guess if known is None else lambda *_: known
        face = capture.frame(image, 0.0)
        assert face is not None
        return np.append(np.degrees(angles_from_quaternion(face.rotation)), face.translation[2] / 100)

    right = np.ascontiguousarray(whole[:, cut:])
    np.testing.assert_allclose(turn(right, window), turn(whole, camera), atol=0.5)
    assert abs(turn(right, None) - turn(whole, camera)).max() > 2
    with pytest.raises(MienError, match="focal"):
        Camera.guess(640, 480, focal=-1.0)


def test_both_runtimes_agree_over_200_fed_back_frames_of_the_shipped_weights() -> None:
    from mien.engine.export import parity

    bundle = Bundle.load("capture")
    rng = np.random.default_rng(0)
    ends = rng.uniform(0, 255, (2, 1, 3, spec.CROP, spec.CROP)).astype(np.float32)
    given = {
        value.name: rng.uniform(0.01, 0.1, value.shape).astype(np.float32)
        for value in bundle.manifest.inputs
        if value.name not in ("crop", "fresh")
    }
    frames = [
        {**given, "crop": ends[0] + (ends[1] - ends[0]) * np.float32(t / 200), "fresh": np.float32([[t % 77 == 0]])}
        for t in range(200)
    ]
    states = {state.output: (state.input, np.zeros(state.shape, np.float32)) for state in bundle.manifest.states}
    onnx, ncnn = open_session(bundle, "onnx"), open_session(bundle, "ncnn")
    scale = {"landmarks": 1 / spec.CROP}

    def scaled(run):
        return lambda values: {name: v * scale.get(name, 1) for name, v in run(values).items()}

    assert parity(scaled(onnx.run), scaled(ncnn.run), frames, states) <= 1e-4


def test_a_picture_is_a_clip_of_one_frame(assets: Path) -> None:
    path = assets / "faces" / "webmorph_canada" / "003f.jpg"
    result = Capture().video(path)
    assert len(result.clip) == 1 and result.clip.seen.all() and result.clip.source == "003f.jpg"
    frame = Capture().frame(read_image(path), 0.0)
    assert frame is not None
    np.testing.assert_array_equal(result.clip.weights[0], frame.weights)


def test_both_passes_over_a_take_are_counted(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "perf_counter", count().__next__)  # every reading of the clock is a second later
    capture, path = Capture(), assets / "faces" / "webmorph_canada" / "003f.jpg"
    assert capture.takes_rest
    assert capture.video(path).milliseconds.tolist() == [1000]
    assert capture.video(path, neutral=0).milliseconds.tolist() == [2000]


def test_a_lost_face_leaves_a_gap_and_comes_back(assets: Path, tmp_path: Path) -> None:
    # the face, then grey, then the face again, at uneven times
    portrait = cv2.resize(read_image(assets / "faces" / "webmorph_canada" / "003f.jpg"), (480, 640))
    times = np.cumsum([0.0] + [0.03, 0.05] * 5 + [0.04] * 5)
    with VideoWriter(tmp_path / "gap.mp4", 480, 640, 25) as writer:
        for i, time in enumerate(times):
            writer.write(np.full_like(portrait, 90) if 6 <= i < 11 else portrait, float(time))
    clip = Capture().video(tmp_path / "gap.mp4").clip
    np.testing.assert_allclose(clip.times, times, atol=1e-4)
    np.testing.assert_array_equal(clip.seen, [not 6 <= i < 11 for i in range(len(times))])
    assert clip.confidence is not None and (clip.confidence[~clip.seen] == 0).all()
    assert np.abs(clip.weights[11] - clip.weights[5]).max() < 0.1


def test_capturing_twice_gives_the_same_clip(take: CaptureResult, assets: Path) -> None:
    capture = Capture()
    capture.video(assets / "faces" / "webmorph_canada" / "010f.jpg")  # leaves no trace
    again = capture.video(assets / "video" / "liveportrait_d18.mp4")
    np.testing.assert_array_equal(again.clip.weights, take.clip.weights)


def test_a_face_near_that_of_the_video_before_is_looked_for_anew(assets: Path, tmp_path: Path) -> None:
    portrait = cv2.imread(str(assets / "faces" / "webmorph_canada" / "003f.jpg"))
    for name, shift in (("one.png", 0), ("other.png", 4)):
        cv2.imwrite(str(tmp_path / name), np.roll(portrait, shift, axis=1))
    capture = Capture()
    capture.video(tmp_path / "one.png")
    after, fresh = capture.video(tmp_path / "other.png"), Capture().video(tmp_path / "other.png")
    np.testing.assert_array_equal(after.track.five_points, fresh.track.five_points)
    np.testing.assert_array_equal(after.raw, fresh.raw)


def test_no_face_anywhere_is_one_clear_line(assets: Path) -> None:
    with pytest.raises(MienError, match=r"no_face\.mp4: no face found"):
        Capture().video(assets / "video" / "no_face.mp4")


def test_a_bundle_of_another_system_is_refused(tmp_path: Path) -> None:
    shipped = Bundle.load("capture")
    manifest = replace(shipped.manifest, name="speak")
    other = Bundle.write(tmp_path / "other", manifest, model=shipped.onnx, arrays=shipped.arrays)
    with pytest.raises(MienError, match="not a bundle of this version's capture"):
        Capture(other)


def test_the_shipped_landmark_rig_is_the_ict_rigs(assets: Path) -> None:
    shipped = Bundle.load("capture")
    made = landmark_rig(shipped.manifest.layout)
    own = [spec.CHANNELS.index(name) for name in shipped.manifest.channels]
    np.testing.assert_allclose(shipped.arrays["landmarks_neutral"], made["landmarks_neutral"], atol=1e-3)
    np.testing.assert_allclose(shipped.arrays["landmarks_shapes"], made["landmarks_shapes"][own], atol=1e-3)
