"""The verb: every option does what it says, streams equal wholes, and what cannot be used is one line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT, Clip, MienError, VisemeTrack
from mien.core.transforms import angles_from_quaternion, quaternion_from_angles
from mien.runtime import Bundle
from mien.synth.motion.speakers import draw_speaker
from mien.synth.motion.speaking import speaking_motion
from mien.systems.speak import spec
from mien.systems.speak.perform import LIPS, perform, speak
from mien.systems.speak.predict import Speak


def track() -> VisemeTrack:
    visemes = ("PP", "aa", "nn", "FF", "ou")
    starts = np.array([0.5, 0.6, 0.8, 0.9, 1.0])
    return VisemeTrack(visemes=visemes, starts=starts, ends=np.array([0.6, 0.8, 0.9, 1.0, 1.2]))


def take(seed: int = 3, seconds: float = 4.0, fps: float = 30.0) -> Clip:
    times = np.arange(int(seconds * fps)) / fps
    rng = np.random.default_rng(seed)
    said = replace(track(), starts=track().starts + 0.3, ends=track().ends + 0.3)
    motion = speaking_motion(said, times, draw_speaker(rng), rng)
    rotation = quaternion_from_angles(motion.angles + 0.2)
    return Clip(times=times, weights=motion.weights, head_rotation=rotation, source="take.csv")


def test_every_option_changes_what_it_names(small: Bundle) -> None:
    base = speak(visemes=track(), bundle=small)
    assert base.channels == ARKIT and base.head_rotation is not None and base.gaze is not None
    np.testing.assert_allclose(np.diff(base.times), 1 / 60)
    assert base.duration == pytest.approx(1.8, abs=0.02)
    assert np.isfinite(base.weights).all() and base.weights.min() >= 0 and base.weights.max() <= 1
    np.testing.assert_array_equal(base.weights, speak(visemes=track(), bundle=small).weights)
    for change in (
        {"seed": 1},
        {"style": take()},
        {"generator": "rules", "bundle": None},
        {"visemes": replace(track(), strength=np.full(5, 0.5))},
    ):
        other = speak(**{"visemes": track(), "bundle": small, **change})  # pyright: ignore
        assert np.abs(other.weights - base.weights).max() > 1e-4, change
    few = speak(visemes=track(), bundle=small, fps=24.0)
    np.testing.assert_allclose(np.diff(few.times), 1 / 24)
    np.testing.assert_allclose(few.at(base.times[::5]).weights, few.at(base.times[::5]).weights)
    with pytest.raises(MienError, match="`fps`"):
        speak(visemes=track(), bundle=small, fps=0.0)


def test_a_mix_of_one_style_is_that_style_and_shares_count(small: Bundle, tmp_path: Path) -> None:
    one, two = tmp_path / "a.npz", tmp_path / "b.npz"
    take(3).save(one)
    take(4).save(two)
    network = Speak(small)
    styles = [network.style(Clip.load(path)) for path in (one, two)]
    assert np.abs(styles[0] - styles[1]).max() > 1e-4
    np.testing.assert_allclose(
        network.mixed([(Clip.load(one), 3.0), (Clip.load(two), 1.0)]), 0.75 * styles[0] + 0.25 * styles[1], atol=1e-6
    )
    alone = speak(visemes=track(), style=one, bundle=small)
    np.testing.assert_array_equal(speak(visemes=track(), style_mix={one: 2.0}, bundle=small).weights, alone.weights)
    with pytest.raises(MienError, match="exclude each other"):
        speak(visemes=track(), style=one, style_mix={two: 1.0}, bundle=small)
    with pytest.raises(MienError, match="one must be positive"):
        speak(visemes=track(), style_mix={one: 0.0}, bundle=small)


def test_a_merged_take_keeps_its_face_and_head_and_gets_spoken_lips(small: Bundle) -> None:
    captured = take()
    weights = captured.weights.copy()
    weights[10:12] = np.nan
    captured = replace(captured, weights=weights, confidence=np.where(np.isfinite(weights[:, 0]), 1.0, 0.0))
    done = speak(visemes=track(), merge=captured, bundle=small)
    spoken = Speak(small).generate(track(), captured.times)
    np.testing.assert_array_equal(done.times, captured.times)
    np.testing.assert_array_equal(done.seen, captured.seen)
    assert captured.head_rotation is not None and done.head_rotation is not None
    np.testing.assert_array_equal(done.head_rotation, captured.head_rotation)
    seen = captured.seen
    for name in ARKIT:
        got = done.curve(name)[seen]
        if name not in LIPS:
            np.testing.assert_array_equal(got, captured.curve(name)[seen])
        elif name.startswith(("mouthSmile", "mouthFrown")):
            assert (got >= captured.curve(name)[seen] - 1e-6).all()
        else:
            np.testing.assert_allclose(got, spoken.curve(name)[seen], atol=1e-6)


def test_signals_and_weights_are_each_others_inverse() -> None:
    signals = spec.signals_of_clip(take(fps=60.0))
    weights = spec.weights_of_signals(signals)
    again = spec.signals_of_weights(weights, signals[:, -3:])
    np.testing.assert_allclose(again[:, : len(spec.FACE)], np.clip(signals[:, : len(spec.FACE)], 0, 1), atol=1e-6)
    np.testing.assert_allclose(again, signals, atol=0.02)
    angles = angles_from_quaternion(take(fps=60.0).head_rotation)  # pyright: ignore
    np.testing.assert_allclose(signals[:, -3:], angles - angles.mean(axis=0), atol=1e-6)


def test_levels_hold_the_share_of_each_frame_and_sum_to_one() -> None:
    levels = spec.levels_of_track(track(), 90)
    np.testing.assert_allclose(levels.sum(axis=1), 1.0, atol=1e-6)
    frame = round(0.6 * spec.FPS)  # a sound's edge lies in the middle of this frame's time
    np.testing.assert_allclose(sorted(levels[frame])[-2:], [0.5, 0.5])


def test_chunks_streamed_equal_the_performance(small: Bundle) -> None:
    network = Speak(small)
    whole = network.signals(track(), 96, seed=5)
    quiet = spec.LOOK_AHEAD + 2 * spec.CHUNK
    total = 96 + spec.LOOK_AHEAD + quiet
    levels = spec.levels_of_track(track(), total, start=-quiet / spec.FPS).reshape(-1, spec.CHUNK, 15)
    pieces = list(network.stream(iter(levels), seed=5))
    assert all(piece.shape == (spec.CHUNK, len(spec.SIGNALS)) for piece in pieces)
    np.testing.assert_array_equal(np.concatenate(pieces)[quiet + spec.LOOK_AHEAD :][:96], whole)
    with pytest.raises(MienError, match="a chunk must be 12 frames"):
        next(network.stream([levels[0][:5]]))


def test_the_residual_and_the_priors_matter(small: Bundle) -> None:
    network = Speak(small)
    chunks = spec.levels_of_track(track(), 120).reshape(-1, spec.CHUNK, 15)
    base = np.concatenate(list(network.stream(chunks)))
    moved = np.concatenate(list(network.stream(chunks, residual=[np.full(4, 3.0, np.float32)] * len(chunks))))
    assert np.abs(moved - base)[:, : len(spec.FACE)].max() > 1e-4
    flat = np.concatenate(list(network.stream(chunks, priors=False)))
    np.testing.assert_array_equal(flat[:, : len(spec.FACE)], base[:, : len(spec.FACE)])
    assert np.abs(flat - base)[:, len(spec.FACE) :].max() > 1e-3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"visemes": None}, "nothing to say"),
        ({"visemes": None, "text": "  "}, "the text is empty"),
        ({"visemes": None, "text": Path("none.txt")}, "cannot read none.txt"),
        ({"visemes": None, "text": "hi", "pace": 9.0}, "`pace` lies between"),
        ({"text": "hi"}, "already say what is said"),
        ({"visemes": None, "voice": "en-us"}, "a `voice` speaks a text"),
        ({"visemes": VisemeTrack(visemes=(), starts=np.zeros(0), ends=np.zeros(0))}, "nothing to say"),
        ({"generator": "rules", "style": take()}, "takes no `style`"),
        ({"style": take(seconds=1.0)}, "too short"),
        ({"style": replace(take(), weights=np.zeros_like(take().weights))}, "nobody who speaks"),
        ({"style": Clip(times=np.arange(90) / 30, weights=np.zeros((90, 1)), channels=("smile",))}, "another rig"),
    ],
)
def test_what_cannot_be_used_is_one_line(small: Bundle, change: dict[str, object], said: str) -> None:
    bundle = None if change.get("generator") == "rules" else small
    with pytest.raises(MienError, match=said) as error:
        perform(**{"visemes": track(), "bundle": bundle, **change})  # pyright: ignore
    assert "\n" not in str(error.value)


def test_one_sound_and_a_word_repeated_are_performed(small: Bundle) -> None:
    one = VisemeTrack(visemes=("aa",), starts=np.array([0.2]), ends=np.array([3.0]))
    assert np.isfinite(speak(visemes=one, bundle=small).weights).all()
    assert len(speak("ba ba ba ba", bundle=small)) > 30
