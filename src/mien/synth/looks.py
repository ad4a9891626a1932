"""The look of a performer: skin, brows, lips, eyes, hair, beard, make-up. It is sampled once per identity."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

__all__ = ["HAIR_KINDS", "Brows", "HairStyle", "Look", "linear", "sample_look", "skin_color"]

Color = Float[np.ndarray, "3"]
"""Linear reflectance in [0, 1]."""


def linear(r: float, g: float, b: float) -> Color:
    """Linear reflectance from 8-bit sRGB."""
    s = np.array([r, g, b]) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


_SKIN = np.log(
    np.stack(
        [linear(238, 205, 187), linear(214, 170, 143), linear(181, 134, 104), linear(133, 90, 65), linear(86, 58, 44)]
    )
)
"""Log reflectance of cheeks from little to much melanin, over the range of the Monk scale photographs; the steps are
nearly even in perceived lightness."""
_HAEMOGLOBIN = np.array([0.10, 0.62, 0.42])
"""Extra absorbance per unit of blood: haemoglobin absorbs green and blue, and hardly any red (Tsumura et al. 1999, Fig.
2)."""
_HAIR = {
    "black": linear(28, 23, 21), "dark brown": linear(52, 37, 28), "brown": linear(84, 58, 39),
    "light brown": linear(118, 90, 66), "blonde": linear(172, 140, 102), "red": linear(122, 68, 42),
    "grey": linear(126, 121, 116), "white": linear(190, 185, 178),
}  # fmt: skip
_DYE = [linear(150, 40, 60), linear(196, 110, 140), linear(60, 70, 130), linear(110, 60, 130), linear(206, 190, 160)]
_IRIS = {
    "dark": linear(54, 33, 22), "brown": linear(92, 58, 34), "hazel": linear(112, 88, 48), "green": linear(98, 108, 72),
    "blue": linear(98, 128, 156), "grey": linear(118, 128, 134),
}  # fmt: skip


def skin_color(melanin: float, blood: float = 0.0, yellow: float = 0.0) -> Color:
    """Linear skin reflectance; melanin in [0, 1], blood about 0 (pale -0.3, flushed 0.5), yellow about 0 (+-0.3)."""
    place = np.clip(melanin, 0, 1) * (len(_SKIN) - 1)
    low = min(int(place), len(_SKIN) - 2)
    log = _SKIN[low] + (_SKIN[low + 1] - _SKIN[low]) * (place - low)
    return np.exp(log - blood * _HAEMOGLOBIN - yellow * np.array([0.0, 0.05, 0.35]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Brows:
    """Eyebrow hair, in pixels of the face chart (1 px is about 0.4 mm across, 0.6 mm up)."""

    color: Color
    density: float
    """Density of the hair in [0, 1]; 0 is nearly hairless."""
    body: float
    """Share of the band that looks like one dark patch from afar, where hairs are close."""
    thickness: float
    """Height of the hairy band [px]; its border is softer where hairs are sparse."""
    taper: float
    arch: float
    """Height by which the outer third is raised [px]."""
    lift: float
    """Vertical shift of the whole brow [px]; + is up."""
    gap: float
    """Shift of the inner ends apart (+) or towards each other (-) [px]."""
    tail: float
    """Length of the brow as a share of the landmarks' span, 0.8 to 1.1."""
    made_up: float
    """Share of uniform brow pencil under the hairs."""


HAIR_KINDS = (
    "bald", "buzz", "short", "quiff", "fringe", "medium", "long", "curly", "back", "bun", "afro", "receding",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class HairStyle:
    """Hair of the head."""

    kind: str
    """One of `HAIR_KINDS`."""
    color: Color
    hairline: float
    """Shift of the front hairline [rad]; + is receding."""
    volume: float
    """Height of the hair over the scalp [mm]."""
    length: float
    """How low medium and long hair hangs [mm below the eyes]."""
    part: float
    """Azimuth of the parting [rad]."""
    rough: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """The properties of a person that stay the same."""

    melanin: float
    skin: Color
    mottling: float
    patches: float
    """Standard deviation of blood between patches of a few millimetres."""
    redness: float
    """Blood in cheeks, nose and ears beyond the rest of the skin."""
    shadows: float
    """Darkness under the eyes."""
    sockets: float
    """Darkness of the lids and of the thin skin round the eyes."""
    freckles: float
    moles: int
    pores: float
    lines: float
    """Depth of the lines that expressions draw (forehead, glabella, crow's feet, nasolabial)."""
    oil: float
    """Strength of the skin's highlight."""
    lips: Color
    lip_gloss: float
    lip_edge: float
    """Shift of the painted lip border outwards [chart px]."""
    liner: float
    shadow_color: Color
    eye_shadow: float
    lashes: float
    crease: float
    """Depth of the fold over the upper lid; 0 for none."""
    crease_height: float
    """Height of that fold over the lid margin [chart px]."""
    brows: Brows
    hair: HairStyle
    stubble: float
    beard: str
    """Kind of beard: "none", "moustache", "goatee", "full" or "chin"."""
    beard_length: float
    """Length of the beard [mm]."""
    beard_color: Color
    iris: Color
    iris_ring: Color
    iris_radius: float
    """Radius of the iris [mm]."""
    pupil: float
    """Radius of the pupil [mm]."""
    sclera: Color
    teeth: Color


def sample_look(rng: np.random.Generator) -> Look:
    """A look drawn from broad, independent ranges: variety matters more for training than realistic frequencies."""
    melanin = float(rng.uniform(0, 1) ** 1.15)
    # Melanin lies above the blood and hides much of its colour.
    blood, yellow = float(rng.normal(0.38, 0.14) * (1 - 0.6 * melanin)), float(rng.normal(-0.12, 0.12))
    skin = skin_color(melanin, blood, yellow)
    hair_color = _hair_color(rng, melanin)
    natural = hair_color
    if rng.random() < 0.02:  # dyed hair; brows and beard keep their colour
        hair_color = _DYE[rng.integers(len(_DYE))] * rng.uniform(0.6, 1.2)
    feminine = rng.random() < 0.5
    bearded = not feminine and rng.random() < 0.55
    beard = str(rng.choice(["none", "moustache", "goatee", "full", "chin"], p=[0.40, 0.11, 0.12, 0.30, 0.07]))
    make_up = feminine and rng.random() < 0.5
    return Look(
        melanin=melanin,
        skin=skin,
        mottling=float(rng.uniform(0.01, 0.05)),
        patches=float(rng.uniform(0.06, 0.2)),
        redness=float(rng.gamma(2.2, 0.11)),
        shadows=float(rng.uniform(0, 0.35)),
        sockets=float(rng.uniform(0.05, 0.4)),
        freckles=float(rng.uniform(0.2, 1)) if rng.random() < 0.18 else 0.0,
        moles=int(rng.poisson(1.0)),
        pores=float(rng.uniform(0.0, 0.06)),
        lines=float(rng.uniform(0.1, 1.0)),
        oil=float(rng.uniform(0.15, 1.0)),
        lips=_lip_color(rng, melanin, blood, yellow, make_up),
        lip_gloss=float(rng.uniform(0.1, 1.0) if make_up else rng.uniform(0.05, 0.4)),
        lip_edge=float(rng.normal(0, 1.2)),
        liner=float(rng.uniform(0.3, 1.0)) if make_up and rng.random() < 0.7 else float(rng.uniform(0, 0.2)),
        shadow_color=skin * rng.uniform(0.35, 0.8, 3),
        eye_shadow=float(rng.uniform(0.2, 0.8)) if make_up and rng.random() < 0.5 else 0.0,
        lashes=float(rng.uniform(0.45, 1.0) if make_up else rng.uniform(0.1, 0.6)),
        crease=float(rng.uniform(0.2, 0.75)) if rng.random() < 0.8 else 0.0,
        crease_height=float(rng.uniform(8, 17)),
        brows=_brows(rng, natural, skin, feminine, make_up),
        hair=_hair(rng, hair_color, feminine),
        stubble=float(rng.uniform(0.08, 0.75)) if not feminine and rng.random() < 0.75 else 0.0,
        beard=beard if bearded else "none",
        beard_length=float(rng.uniform(1.2, 8) if rng.random() < 0.85 else rng.uniform(8, 28)),
        beard_color=_beard_color(rng, natural, skin),
        **_eyes(rng, melanin),
    )


def _hair_color(rng: np.random.Generator, melanin: float) -> Color:
    names = list(_HAIR)
    light = np.clip(1 - 1.6 * melanin, 0.03, 1)
    shares = np.array([1.2, 1.2, 0.9 * light + 0.1, 0.7 * light, 0.8 * light, 0.25 * light, 0.28, 0.09])
    color = _HAIR[names[rng.choice(len(names), p=shares / shares.sum())]]
    # Hair varies from ash to gold, never towards green.
    warm = np.exp(rng.normal(0, 0.07) * np.array([1.0, 0.0, -1.4]))
    return np.clip(color * rng.uniform(0.8, 1.35) * warm, 0.012, 0.8)


def _beard_color(rng: np.random.Generator, hair: Color, skin: Color) -> Color:
    """Beards are duller and often darker than the hair, and skin shows between the hairs."""
    grey = np.full(3, hair.mean())
    return _between((0.7 * hair + 0.3 * grey) * rng.uniform(0.6, 1.1), skin, rng.uniform(0.1, 0.4))


def _between(hair: Color, skin: Color, share: float) -> Color:
    """Hair colour mixed with a share of the skin between the hairs, never lighter than the skin."""
    seen = np.exp((1 - share) * np.log(np.clip(hair, 0.01, 0.6)) + share * np.log(skin))
    return np.minimum(seen, (1.0 if hair.mean() > 0.18 else 0.7) * skin)


def _lip_color(rng: np.random.Generator, melanin: float, blood: float, yellow: float, make_up: bool) -> Color:
    natural = skin_color(min(melanin + rng.uniform(0.02, 0.16), 1), blood + rng.uniform(0.35, 1.0), yellow) * 0.95
    if not make_up or rng.random() < 0.35:
        return natural
    stick = linear(
        *rng.choice([(170, 40, 50), (190, 80, 90), (120, 30, 50), (200, 110, 105), (150, 70, 60), (90, 30, 45)])
    )
    strength = rng.uniform(0.3, 0.95)
    return natural * (1 - strength) + stick * rng.uniform(0.7, 1.2) * strength


def _brows(rng: np.random.Generator, hair: Color, skin: Color, feminine: bool, make_up: bool) -> Brows:
    # Most brows are darker than the hair; fair brows stay fair.
    dark = _HAIR["dark brown"] * 0.7
    share = rng.uniform(0.05, 0.6) if rng.random() < 0.85 else rng.uniform(0.6, 1.0)
    color = _between((hair * share + dark * (1 - share)) * rng.uniform(0.4, 0.9), skin, rng.uniform(0.0, 0.12))
    # Hair as light as the skin would hide the brow; few people have it, and on skin of any tone most brows look dark.
    contrast = rng.uniform(0.5, 0.7) if rng.random() < 0.08 else rng.uniform(0.2, 0.5)
    color = color * min(1.0, contrast * skin.mean() / color.mean())
    # With single hairs beyond it, the band is 5 to 8 mm high on women and 6 to 12 mm on men; some are plucked thin.
    thickness = rng.uniform(7.5, 14) if feminine else rng.uniform(8, 17)
    return Brows(
        color=color,
        density=float(rng.beta(2.8, 1.0)),
        body=float(rng.uniform(0.35, 0.9)),
        thickness=float(rng.uniform(4.5, 8) if feminine and rng.random() < 0.25 else thickness),
        taper=float(rng.uniform(0.3, 0.85)),
        arch=float(rng.normal(2.5 if feminine else 0.5, 2.5)),
        lift=float(np.clip(rng.normal(0.0 if feminine else -2.5, 3.0), -9, 7)),
        gap=float(rng.normal(1.5, 3.5)),
        tail=float(rng.uniform(0.82, 1.12)),
        made_up=float(rng.uniform(0.2, 0.8)) if make_up else float(rng.uniform(0, 0.25)),
    )


def _hair(rng: np.random.Generator, color: Color, feminine: bool) -> HairStyle:
    shares = (
        [0.01, 0.02, 0.07, 0.03, 0.12, 0.15, 0.26, 0.08, 0.10, 0.11, 0.05, 0.0]
        if feminine
        else [0.05, 0.11, 0.31, 0.16, 0.10, 0.04, 0.04, 0.07, 0.03, 0.01, 0.03, 0.05]
    )
    kind = str(rng.choice(HAIR_KINDS, p=shares))
    ranges = {
        "short": (4, 18), "quiff": (10, 35), "curly": (15, 55), "buzz": (1, 3), "bun": (3, 9), "afro": (28, 75),
        "receding": (2, 9),
    }  # fmt: skip
    volume = ranges.get(kind, (6, 22))
    hairline = np.clip(rng.normal(-0.03 if feminine else 0.01, 0.1), -0.2, 0.45)
    return HairStyle(
        kind=kind,
        color=color,
        hairline=float(rng.uniform(0.25, 0.65) if kind == "receding" else hairline),
        volume=float(rng.uniform(*volume)),
        length=float(rng.uniform(40, 110) if kind == "medium" else rng.uniform(110, 260)),
        part=float(rng.normal(0, 0.35)),
        rough=float(rng.uniform(0.2, 1.0)),
    )


def _eyes(rng: np.random.Generator, melanin: float) -> dict[str, Any]:
    names = list(_IRIS)
    light = np.clip(1 - 1.7 * melanin, 0.02, 1)
    shares = np.array([0.6 + melanin, 0.9, 0.45 * light, 0.35 * light, 0.7 * light, 0.35 * light])
    iris = _IRIS[names[rng.choice(len(names), p=shares / shares.sum())]] * rng.uniform(0.5, 1.1)
    iris = iris + rng.uniform(0.1, 0.5) * (iris.mean() - iris)  # most irises are greyer than the names of their colours
    red = rng.uniform(0, 0.12)
    return {
        "iris": np.clip(iris, 0.008, 0.22),
        "iris_ring": np.clip(iris * rng.uniform(0.25, 0.6), 0.005, 0.4),
        "iris_radius": float(rng.normal(5.85, 0.22)),
        "pupil": float(rng.uniform(1.1, 2.9)),
        "sclera": np.array([0.52, 0.51 - 0.8 * red, 0.49 - 0.9 * red]) * rng.uniform(0.6, 1.0),
        "teeth": linear(226, 218, 200)
        * rng.uniform(0.65, 1.05)
        * np.array([1, rng.uniform(0.94, 1), rng.uniform(0.82, 1)]),
    }
