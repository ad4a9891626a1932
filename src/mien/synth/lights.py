"""Lights: up to three lamps and an ambient cube, in the camera frame."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

__all__ = ["Lights", "sample_lights"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Lights:
    """Linear RGB radiance, scaled so that a white card that faces the lights is about 1."""

    directions: Float[np.ndarray, "3 3"]
    """Unit vectors towards the lamps, camera frame (x right, y up, z to the viewer)."""
    colors: Float[np.ndarray, "3 3"]
    softness: Float[np.ndarray, "3"]
    """Size of each lamp, from 0 (a point) to 1 (a wall of light); light of larger lamps wraps further round the
    terminator."""
    ambient: Float[np.ndarray, "6 3"]
    """Irradiance on faces towards +x, -x, +y, -y, +z, -z (an ambient cube: McTaggart 2004, "Half-Life 2 shading")."""
    shadow: float
    """Strength of the first lamp's cast shadow."""


def _kelvin(temperature: float) -> np.ndarray:
    """Rough linear colour of a black body, luminance about 1 (fit to Planck's law under the sRGB primaries)."""
    t = np.log(temperature / 6500)
    color = np.exp(np.array([-0.62, 0.05, 0.95]) * t + np.array([-0.10, 0.0, -0.25]) * t**2)
    return color / (color @ (0.2126, 0.7152, 0.0722))


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.array([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)])


_SHARES = {"window": 0.27, "lamp": 0.23, "screen": 0.1, "sun": 0.12, "ring": 0.13, "overcast": 0.15}


def sample_lights(
    rng: np.random.Generator, surround: Float[np.ndarray, "3"], *, kinds: tuple[str, ...] = tuple(_SHARES)
) -> Lights:
    """A plausible set-up whose main light is one of `kinds`; `surround` tints the ambient light."""
    shares = np.array([_SHARES[k] for k in kinds])
    kind = str(rng.choice(list(kinds), p=shares / shares.sum()))
    side = float(rng.choice([-1, 1]))
    warm = _kelvin(rng.uniform(2700, 4200))
    day = _kelvin(rng.uniform(5000, 8000))
    blue = _kelvin(rng.uniform(6500, 11000))
    main: dict[str, tuple[np.ndarray, np.ndarray, float, float]] = {
        "window": (_direction(side * rng.uniform(20, 95), rng.uniform(-5, 40)), day * rng.uniform(0.5, 1.3), 0.75, 0.5),
        "lamp": (_direction(side * rng.uniform(0, 70), rng.uniform(25, 75)), warm * rng.uniform(0.6, 1.3), 0.4, 0.7),
        "screen": (_direction(rng.normal(0, 12), rng.normal(-6, 8)), blue * rng.uniform(0.3, 0.9), 0.8, 0.15),
        "sun": (_direction(side * rng.uniform(0, 80), rng.uniform(15, 65)), day * rng.uniform(0.9, 1.8), 0.12, 0.9),
        "ring": (_direction(rng.normal(0, 10), rng.normal(6, 8)), day * rng.uniform(0.5, 1.1), 0.6, 0.3),
        "overcast": (_direction(rng.normal(0, 40), rng.uniform(40, 85)), day * rng.uniform(0.2, 0.6), 1.0, 0.3),
    }
    first = main[kind]
    second = main[str(rng.choice(["window", "lamp", "screen", "ring"]))]
    rim = (_direction(-side * rng.uniform(100, 160), rng.uniform(0, 50)), warm if rng.random() < 0.5 else day)
    ambient_level = rng.uniform(0.18, 0.65) * (1.6 if kind == "overcast" else 1.0)
    tint = 0.5 + 0.5 * surround / max(float(surround.mean()), 1e-3)
    sky, floor = rng.uniform(0.9, 1.5), rng.uniform(0.35, 0.85)
    walls = rng.uniform(0.6, 1.3, 4)
    cube = np.array([walls[0], walls[1], sky, floor, walls[2], walls[3]])[:, None] * tint[None] * ambient_level
    if rng.random() < 0.08:  # coloured lamps, as in streams or at parties
        second = (second[0], rng.uniform(0.05, 1.0, 3), second[2], second[3])
    return Lights(
        directions=np.stack([first[0], second[0], rim[0]]),
        colors=np.stack(
            [
                first[1],
                second[1] * rng.uniform(0.0, 0.45),
                rim[1] * (rng.uniform(0.3, 1.2) if rng.random() < 0.3 else 0.0),
            ]
        ),
        softness=np.array([first[2], second[2], 0.3]),
        ambient=cube,
        shadow=first[3] * float(rng.uniform(0.6, 1.0)),
    )
