"""The generator of speech: lips close where they must, styles show, and the same seed is the same performance."""

from dataclasses import replace

import hypothesis
import hypothesis.strategies as st
import numpy as np

from mien.core import ARKIT, VisemeTrack
from mien.synth.motion.articulation import Articulation, articulate, closures
from mien.synth.motion.groups import AT, mirror
from mien.synth.motion.speakers import Speaker, draw_speaker
from mien.synth.motion.speaking import emphasis, speaking_motion
from mien.synth.motion.utterances import draw_utterance

TIMES = np.arange(480) / 60


def utterance(seed: int = 0) -> VisemeTrack:
    return draw_utterance(np.random.default_rng(seed), 8.0)


@hypothesis.given(seed=st.integers(0, 10_000))
@hypothesis.settings(max_examples=15)
def test_lips_are_closed_for_every_labial_of_every_speaker(seed: int) -> None:
    rng = np.random.default_rng(seed)
    track, speaker = draw_utterance(rng, 6.0), draw_speaker(rng)
    # At the sounds' own times: frames of a video may fall beside a short one.
    at = [float(track.starts[k]) + 0.005 for k, name in enumerate(track.visemes) if name == "PP"]
    hypothesis.assume(len(at) > 1)
    weights = speaking_motion(track, np.array(at), speaker, rng).weights
    np.testing.assert_allclose(weights[:, AT["mouthClose"]], weights[:, AT["jawOpen"]], atol=1e-6)
    for name in ("mouthFunnel", "mouthLowerDownLeft", "mouthUpperUpRight"):
        assert weights[:, AT[name]].max() < 1e-6, name


def test_the_lower_lip_is_on_the_teeth_for_f_and_v() -> None:
    track = VisemeTrack(visemes=("aa", "FF", "aa"), starts=np.array([0, 0.2, 0.3]), ends=np.array([0.2, 0.3, 0.5]))
    weights = articulate(track, np.array([0.1, 0.22, 0.4]))
    assert weights[1, AT["mouthRollLower"]] == 0.5 > weights[0, AT["mouthRollLower"]]
    assert weights[1, AT["jawOpen"]] < 0.1 < weights[0, AT["jawOpen"]]


def test_rounding_begins_before_its_vowel_and_open_vowels_open_more_than_close_ones() -> None:
    def said(vowel: str) -> VisemeTrack:
        starts = np.array([0.5, 0.6, 0.7])
        return VisemeTrack(visemes=("kk", "nn", vowel), starts=starts, ends=np.array([0.6, 0.7, 0.95]))

    before = articulate(said("ou"), np.array([0.66]))[0, AT["mouthPucker"]]
    assert before > 0.15 > articulate(said("aa"), np.array([0.66]))[0, AT["mouthPucker"]]
    opened = {vowel: articulate(said(vowel), np.array([0.82]))[0, AT["jawOpen"]] for vowel in ("aa", "ih", "ou")}
    assert opened["aa"] > 1.4 * opened["ih"] > 1.4 * opened["ou"]


def test_the_jaw_does_not_tremble() -> None:
    """It turns about no more often than there are sounds to turn for."""
    track = utterance()
    jaw = articulate(track, np.arange(960) / 120)[:, AT["jawOpen"]]
    turns = np.abs(np.diff(np.sign(np.diff(jaw)))) > 1
    assert turns.sum() <= 2 * len(track)


def test_each_habit_of_a_speaker_shows_where_it_should() -> None:
    track, plain = utterance(), Speaker()

    def made(speaker: Speaker) -> np.ndarray:
        return speaking_motion(track, TIMES, speaker, np.random.default_rng(1)).weights

    base = made(plain)
    smiling = made(replace(plain, smile=0.5))
    labial, _ = closures(track, TIMES)
    assert (smiling[:, AT["mouthSmileLeft"]] - base[:, AT["mouthSmileLeft"]]).min() > 0.15
    np.testing.assert_allclose(smiling[labial > 0.99, AT["mouthClose"]], base[labial > 0.99, AT["mouthClose"]])
    strong = made(replace(plain, articulation=Articulation(strength=1.5)))
    assert strong[:, AT["jawOpen"]].std() > 1.3 * base[:, AT["jawOpen"]].std()
    lively = made(replace(plain, brow_emphasis=0.6))
    assert lively[:, AT["browInnerUp"]].max() > 2 * base[:, AT["browInnerUp"]].max()
    often = made(replace(plain, blink_interval=0.8))
    assert often[:, AT["eyeBlinkLeft"]].mean() > 2 * base[:, AT["eyeBlinkLeft"]].mean()
    nodding = speaking_motion(track, TIMES, replace(plain, nod=0.2), np.random.default_rng(1)).angles
    still = speaking_motion(track, TIMES, replace(plain, nod=0.0), np.random.default_rng(1)).angles
    stress = emphasis(track)
    at = int(np.searchsorted(TIMES, stress[stress[:, 1].argmax(), 0]))
    assert (nodding - still)[at, 1] < -0.05


def test_asymmetry_mirrors_the_mouth() -> None:
    track = utterance()
    left, right = (articulate(track, TIMES, Articulation(asymmetry=a)) for a in (0.6, -0.6))
    np.testing.assert_allclose(left, mirror(right), atol=1e-9)
    assert left[:, AT["mouthLowerDownLeft"]].mean() > 1.5 * left[:, AT["mouthLowerDownRight"]].mean()


def test_a_seed_is_a_performance_and_times_do_not_matter_to_the_mouth() -> None:
    track = utterance()
    one, same, other = (speaking_motion(track, TIMES, Speaker(), np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.weights, same.weights)
    mouth = [AT[name] for name in ARKIT if name.startswith(("mouth", "jaw"))]
    np.testing.assert_array_equal(one.weights[:, mouth], other.weights[:, mouth])
    assert np.abs(one.weights - other.weights).max() > 0.3
    few = articulate(track, TIMES[::7])
    np.testing.assert_allclose(few, articulate(track, TIMES)[::7], atol=1e-9)


def test_silence_is_a_face_at_rest() -> None:
    track = VisemeTrack(visemes=(), starts=np.zeros(0), ends=np.zeros(0))
    assert articulate(track, TIMES).max() == 0
