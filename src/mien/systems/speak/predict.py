"""Speak: from visemes and a style to a `Clip`. Needs no torch."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mien.core import Clip, MienError, VisemeTrack
from mien.core.transforms import gaze_from_weights, quaternion_from_angles
from mien.core.visemes import VISEMES
from mien.runtime import Bundle, Stream, open_session
from mien.systems.speak import spec
from mien.systems.speak.runtime.style_encoder import style_of

__all__ = ["Speak", "Style"]

Style = Float[np.ndarray, "16"]
"""How somebody speaks; zero is the average speaker."""
_LONGEST = 3600.0
"""Longest performance [s]."""
_LEAST_STYLE = 2.0
"""Length from which a style can be read off a take [s]."""
_MOVES = 0.02
"""Standard deviation that the jaw or the lips of a take of speech exceed."""
_QUIET = spec.LOOK_AHEAD + 2 * spec.CHUNK
"""Silent frames before time 0, after which the zeros that a stream starts from are forgotten."""


class Speak:
    """The speak system. Keeps state between chunks, so it serves one thread only."""

    def __init__(self, bundle: Bundle | str | Path | None = None, *, threads: int = 1) -> None:
        """Load the network; by default the one that ships with mien. Raises MienError when there is none."""
        if not isinstance(bundle, Bundle):
            bundle = Bundle.load("speak" if bundle is None else bundle)
        if bundle.manifest.name != "speak":
            raise MienError(f"{bundle.path}: a bundle of '{bundle.manifest.name}', not of 'speak'")
        self._arrays = bundle.arrays
        self._session = open_session(bundle, threads=threads)

    def style(self, take: Clip) -> Style:
        """The style of a take, captured or generated, of any rig with ARKit's channels.

        Raises MienError for a take under two seconds, or one in which nobody speaks.
        """
        name = take.source or "the style take"
        if len(take) < 2 or take.duration < _LEAST_STYLE:
            raise MienError(f"{name} is too short to show a style: two seconds of speech are needed")
        if not set(take.channels) & set(spec.FACE):
            raise MienError(f"{name} is a take of another rig: it has none of ARKit's channels; retarget it first")
        if not take.seen.any():
            raise MienError(f"{name} shows no face; a take of speech is needed")
        signals = spec.signals_of_clip(take)
        jaw = signals[:, spec.FACE.index("jawOpen")]
        lips = signals[
            :, [spec.FACE.index(f"mouth{n}{s}") for n in ("LowerDown", "UpperUp") for s in ("Left", "Right")]
        ]
        if jaw.std() < _MOVES and lips.std(axis=0).max() < _MOVES:
            raise MienError(f"{name} shows nobody who speaks: neither jaw nor lips move; give a take of speech")
        return self.style_of_signals(signals)

    def style_of_signals(self, signals: spec.Signals) -> Style:
        """The style of signals at `spec.FPS`, unchecked."""
        return style_of(signals, self._arrays)

    def mixed(self, takes: Sequence[tuple[Clip, float]]) -> Style:
        """The mean of the styles of takes by their shares; raises MienError for shares that sum to nothing."""
        total = sum(share for _, share in takes)
        if not total > 0 or any(share < 0 for _, share in takes):
            raise MienError("the shares of `style_mix` must not be negative, and one must be positive")
        return np.sum([self.style(take) * np.float32(share / total) for take, share in takes], axis=0)

    def stream(
        self,
        visemes: Iterable[Float[np.ndarray, "CHUNK 15"]],
        style: Style | None = None,
        *,
        seed: int = 0,
        residual: Iterable[Float[np.ndarray, "4"]] | None = None,
        priors: bool = True,
    ) -> Iterator[spec.Signals]:
        """Signals chunk by chunk, `spec.LOOK_AHEAD` frames behind the visemes: a chunk comes out for each that goes in.

        `residual` is the handle that training used to resolve what visemes leave open, one vector for each chunk.
        Without `priors`, eyes and head are regressed from speech, for comparison: a regression shows no blink.
        """
        stream = Stream(self._session)
        rng = np.random.default_rng(seed)
        own = np.zeros(spec.STYLE, np.float32) if style is None else style
        given = iter(residual) if residual is not None else None
        none = np.zeros(spec.RESIDUAL, np.float32)
        for chunk in visemes:
            levels = np.asarray(chunk, np.float32)
            if levels.shape != (spec.CHUNK, len(VISEMES)):
                raise MienError(f"a chunk must be {spec.CHUNK} frames of {len(VISEMES)} visemes, not {levels.shape}")
            out = stream.step(
                {
                    "visemes": np.ascontiguousarray(levels.T[None]),
                    "style": own[None].astype(np.float32),
                    "residual": (none if given is None else np.asarray(next(given), np.float32))[None],
                    "noise": rng.gumbel(size=(1, spec.NOISE)).astype(np.float32),
                }
            )
            yield np.concatenate([out["face"], out["eyes_head" if priors else "raw"]], axis=1)

    def signals(
        self, track: VisemeTrack, frames: int, style: Style | None = None, *, seed: int = 0, priors: bool = True
    ) -> spec.Signals:
        """Signals of the first `frames` frames of a track, at `spec.FPS` from time 0; `priors` as in `stream`."""
        whole = -(-(frames + spec.LOOK_AHEAD + _QUIET) // spec.CHUNK) * spec.CHUNK
        levels = spec.levels_of_track(track, whole, start=-_QUIET / spec.FPS)
        chunks = levels.reshape(-1, spec.CHUNK, len(VISEMES))
        made = np.concatenate(list(self.stream(chunks, style, seed=seed, priors=priors)))
        return made[_QUIET + spec.LOOK_AHEAD :][:frames]

    def generate(
        self, track: VisemeTrack, times: Float[np.ndarray, "T"], *, style: Style | None = None, seed: int = 0
    ) -> Clip:
        """The performance of a track at increasing times [s], in a style (the average speaker's when None).

        Raises MienError for a performance of more than an hour.
        """
        times = np.asarray(times, float)
        if not len(times) or times[-1] > _LONGEST:
            raise MienError(f"a performance lasts up to {_LONGEST / 60:.0f} minutes and at least a frame; cut it")
        frames = max(int(np.ceil(max(times[-1], 0.0) * spec.FPS)) + 2, 2)
        made = self.signals(track, frames, style, seed=seed)
        weights = spec.weights_of_signals(made)
        angles = made[:, -len(spec.HEAD) :].astype(np.float64)
        clip = Clip(
            times=np.arange(frames) / spec.FPS,
            weights=weights,
            head_rotation=quaternion_from_angles(angles),
            gaze=gaze_from_weights(weights),
            source=f"mien speak: {track.source}",
        )
        return clip.at(times)
