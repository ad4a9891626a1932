"""The verb `speak`: from a text, a voice or visemes to the performance of a whole face, in a style."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from mien.core import ARKIT, Clip, MienError, VisemeTrack
from mien.core.transforms import gaze_from_weights, quaternion_from_angles
from mien.io.sound import Sound, read_sound
from mien.runtime import Bundle

__all__ = ["LIPS", "Generator", "Spoken", "merged", "perform", "speak", "speech"]

Generator = Literal["network", "rules"]
LIPS: tuple[str, ...] = tuple(
    name for name in ARKIT if name.startswith(("mouth", "jaw", "tongue")) or name == "cheekPuff"
)
"""Channels that sound decides when lips are merged into a captured take."""
_AFTER = 0.6
"""Time by which a performance outlasts its last sound, if no sound file is longer [s]."""
_FASTEST = 240.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Spoken:
    """A spoken performance and what it was made from."""

    clip: Clip
    """52 weights, head rotation and gaze."""
    track: VisemeTrack
    """The visemes and their times."""
    sound: Sound | None
    """The voice; None for visemes alone, or a text without a voice."""


def speak(
    text: str | Path | None = None,
    *,
    audio: str | Path | None = None,
    visemes: str | Path | VisemeTrack | None = None,
    voice: str | None = None,
    style: str | Path | Clip | None = None,
    style_mix: Mapping[str | Path, float] | None = None,
    merge: str | Path | Clip | None = None,
    generator: Generator = "network",
    seed: int = 0,
    fps: float = 60.0,
    pace: float = 1.0,
    bundle: Bundle | str | Path | None = None,
) -> Clip:
    """The performance of a face that speaks: what `mien speak` writes.

    Args:
        text: what is said, or a Path of a text file. With `audio` it is aligned with the sound; alone it is timed by
            rule, or spoken by `voice`.
        audio: a file with the voice, in any format with sound; without `text` its phones are recognised, less exactly.
        visemes: a track, or a file that `VisemeTrack.load` reads, in place of text and audio.
        voice: a voice of espeak-ng, such as "en-us", that speaks the text.
        style: a take whose way of speaking is taken over (`Clip.load`).
        style_mix: takes and their shares, in place of `style`.
        merge: a captured take: the result has its times, brows, eyes and head, and the lips that the sound asks for.
        generator: "network", or "rules" for the rule-based generator that the network learnt from.
        seed: seed of blinks, gaze and head movement.
        fps: frames per second of the result, unless a take is merged.
        pace: rate of speech for a text that is timed by rule; 2 is twice as fast.
        bundle: a trained bundle or its folder; None for the weights that ship with mien.

    Raises MienError when an input cannot be read or used, or an optional dependency is missing.
    """
    return perform(
        text,
        audio=audio,
        visemes=visemes,
        voice=voice,
        style=style,
        style_mix=style_mix,
        merge=merge,
        generator=generator,
        seed=seed,
        fps=fps,
        pace=pace,
        bundle=bundle,
    ).clip


def perform(
    text: str | Path | None = None,
    *,
    audio: str | Path | None = None,
    visemes: str | Path | VisemeTrack | None = None,
    voice: str | None = None,
    style: str | Path | Clip | None = None,
    style_mix: Mapping[str | Path, float] | None = None,
    merge: str | Path | Clip | None = None,
    generator: Generator = "network",
    seed: int = 0,
    fps: float = 60.0,
    pace: float = 1.0,
    bundle: Bundle | str | Path | None = None,
) -> Spoken:
    """Like `speak`, which documents the arguments and errors; the result also holds the visemes and the voice."""
    if not 1 <= fps <= _FASTEST:
        raise MienError(f"the frame rate `fps` lies between 1 and {_FASTEST:.0f}, not at {fps:g}")
    if style is not None and style_mix is not None:
        raise MienError("`style` and `style_mix` exclude each other; give one of them")
    if generator == "rules" and (style is not None or style_mix is not None or bundle is not None):
        raise MienError("the rule-based generator takes no `style` and no `bundle`; use the network for them")
    take = _clip(merge)
    shares = {style: 1.0} if isinstance(style, str | Path) else style_mix
    styles = [(style, 1.0)] if isinstance(style, Clip) else [(_clip(path), s) for path, s in (shares or {}).items()]
    track, sound = speech(text, audio=audio, visemes=visemes, voice=voice, pace=pace)
    end = max(track.duration + _AFTER, sound.start + sound.duration if sound else 0.0)
    times = np.arange(int(np.floor(end * fps + 1e-9)) + 1) / fps if take is None else take.times
    if generator == "rules":
        clip = _by_rule(track, times, seed)
    else:
        from mien.systems.speak.predict import Speak

        network = Speak(bundle)
        chosen = network.mixed([(clip, share) for clip, share in styles if clip is not None]) if styles else None
        clip = network.generate(track, times, style=chosen, seed=seed)
    return Spoken(clip=clip if take is None else merged(clip, take), track=track, sound=sound)


def speech(
    text: str | Path | None = None,
    *,
    audio: str | Path | None = None,
    visemes: str | Path | VisemeTrack | None = None,
    voice: str | None = None,
    pace: float = 1.0,
) -> tuple[VisemeTrack, Sound | None]:
    """(visemes, voice) of what is to be said; the arguments and errors are those of `speak`."""
    if visemes is not None:
        if text is not None or voice is not None:
            raise MienError("`visemes` already say what is said; give them without `text` and `voice`")
        track = visemes if isinstance(visemes, VisemeTrack) else VisemeTrack.load(visemes)
        if not len(track):
            raise MienError(f"{track.source or 'the viseme track'} holds no sound of speech; there is nothing to say")
        return track, None if audio is None else read_sound(audio)
    words = None if text is None else _text(text)
    if voice is not None:
        if audio is not None or words is None:
            raise MienError("a `voice` speaks a text; give `text`, and no `audio`")
        from mien.systems.speak.runtime.espeak import speak_text

        return speak_text(words, voice)
    if audio is None:
        if words is None:
            raise MienError("there is nothing to say; give a text, `audio` or `visemes`")
        from mien.systems.speak.runtime.pronunciation import words_of
        from mien.systems.speak.runtime.timing_by_rule import track_of_words

        if not 0.25 <= pace <= 4:
            raise MienError(f"`pace` lies between 0.25 and 4, not at {pace:g}")
        return track_of_words(words_of(words), pace=pace), None
    return _heard(read_sound(audio), words)


def _heard(sound: Sound, text: str | None) -> tuple[VisemeTrack, Sound]:
    from mien.systems.speak.runtime.alignment import align, recognise
    from mien.systems.speak.runtime.pronunciation import words_of

    return (recognise(sound) if text is None else align(sound, words_of(text))), sound


def _text(text: str | Path) -> str:
    """The text; raises MienError when it is empty or the file cannot be read."""
    if isinstance(text, Path):
        try:
            said = text.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise MienError(f"cannot read {text}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise MienError(f"{text} is not a text file in UTF-8; save it as one") from error
    else:
        said = text
    if not said.strip():
        raise MienError("the text is empty; there is nothing to say")
    return said


def _clip(given: str | Path | Clip | None) -> Clip | None:
    return Clip.load(given) if isinstance(given, str | Path) else given


def _by_rule(track: VisemeTrack, times: np.ndarray, seed: int) -> Clip:
    """The performance of the generator's default speaker."""
    from mien.synth.motion.speakers import Speaker
    from mien.synth.motion.speaking import speaking_motion

    motion = speaking_motion(track, times, Speaker(), np.random.default_rng(seed))
    return Clip(
        times=times,
        weights=motion.weights,
        head_rotation=quaternion_from_angles(motion.angles),
        gaze=gaze_from_weights(motion.weights),
        source=f"mien speak, by rule: {track.source}",
    )


def merged(spoken: Clip, take: Clip) -> Clip:
    """A captured take with the lips of a spoken clip of the same times; frames without a face stay so.

    A smile or frown of the take stays, as far as the spoken lips leave room for it.
    """
    arkit, said = take.with_channels(ARKIT), spoken.with_channels(ARKIT)
    weights = arkit.weights.copy()
    for name in LIPS:
        at = ARKIT.index(name)
        own = weights[:, at] if name.startswith(("mouthSmile", "mouthFrown")) else 0.0
        weights[:, at] = 1.0 - (1.0 - said.weights[:, at]) * (1.0 - np.clip(own, 0.0, 1.0))
    weights[~take.seen] = np.nan
    return replace(arkit, weights=weights, source=f"{take.source}, lips: {spoken.source}")
