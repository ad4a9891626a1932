"""Nothing of mo's face passes through anything else: lids, lips, teeth and eyeballs, by triangle against triangle.

Tolerances [mm]: lips that rest on each other share a surface, and folded corners are finer than their triangles.
"""

from functools import cache

import numpy as np
import pytest

from mien.core import ARKIT, Rig
from mien.core.channels import index, mirrored
from mien.core.visemes import VISEMES, arkit_from_visemes
from mien.rigs.crossing import crossings
from mien.rigs.mo.load import load_mo
from mien.rigs.mo.sculpt import EYE_CENTRE, EYE_RADIUS
from mien.synth.motion import sample_still

AT = index(ARKIT)
SINGLE, COMBINED = 0.3, 0.55
"""How deep [mm] surfaces may cross at one shape, and where shapes meet."""
MARGIN, BALL = 0.15, 0.35
"""How far [mm] an upper margin of lids or lips may lie below the lower one, and a lid inside the eyeball."""


@cache
def surfaces() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name -> triangles of two surfaces that must not cross."""
    topology = load_mo().neutral.topology
    parts = {part.name: topology.triangles[part.start : part.stop] for part in topology.parts}

    def of(name: str, part: str) -> np.ndarray:
        return parts[part][np.isin(parts[part], topology.groups[name]).all(axis=1)]

    lips = {side: of(f"mouth_{side}", "skin") for side in ("upper", "lower")}
    teeth = {side: of(f"teeth_{side}", "teeth") for side in ("upper", "lower")}
    out = {"lips": (lips["upper"], lips["lower"])}
    out |= {f"{a} lip, {b} teeth": (lips[a], teeth[b]) for a in lips for b in teeth}
    tongue = parts["tongue"]
    out |= {f"{side} lip, tongue": (lips[side], tongue) for side in lips}
    out |= {f"{side} teeth, tongue": (teeth[side], tongue) for side in teeth}
    return out | {f"lids {s}": (of(f"lid_upper_{s}", "skin"), of(f"lid_lower_{s}", "skin")) for s in ("left", "right")}


def faults(weights: np.ndarray, tolerance: float) -> dict[str, float]:
    """What crosses, and how deep [mm]."""
    rig = load_mo()
    groups = rig.neutral.topology.groups
    v = rig.evaluate(weights).astype(float)
    out = {name: float(crossings(v, a, b)[1].max(initial=0.0)) for name, (a, b) in surfaces().items()}
    found = {name: round(depth, 2) for name, depth in out.items() if depth > tolerance}
    for name in ("lid_margin_{}_left", "lid_margin_{}_right", "lip_margin_{}"):
        gap = (v[groups[name.format("upper")]] - v[groups[name.format("lower")]])[:, 1].min()
        if gap < -MARGIN:
            found[name.format("")] = round(float(gap), 2)
    for side, sign in (("left", 1), ("right", -1)):
        upper, lower = surfaces()[f"lids {side}"]
        points = np.concatenate([v[np.concatenate([upper, lower])].reshape(-1, 3), v[upper].mean(1), v[lower].mean(1)])
        inside = EYE_RADIUS - np.linalg.norm(points - EYE_CENTRE * [sign, 1, 1], axis=1).min()
        if inside > BALL:
            found[f"eyeball {side}"] = round(float(inside), 2)
    return found


def pose(**values: float) -> np.ndarray:
    w = np.zeros(len(ARKIT), np.float32)
    for name, value in values.items():
        for channel in (name,) if name in AT else (f"{name}Left", f"{name}Right"):
            w[AT[channel]] = value
    return w


@pytest.mark.parametrize("level", [0.5, 1.0])
def test_no_shape_crosses_itself(level: float):
    assert not {n: found for n in ARKIT if (found := faults(pose(**{n: level}), SINGLE))}


@pytest.mark.parametrize("jaw", [0.0, 0.2, 0.5, 1.0])
def test_the_tongue_leaves_between_lips_and_teeth(jaw: float):
    rig = load_mo()
    groups = rig.neutral.topology.groups
    for out in (0.25, 0.5, 0.75, 1.0):
        assert not faults(pose(jawOpen=jaw, tongueOut=out), COMBINED)
    bare, v = rig.evaluate(pose(jawOpen=jaw)), rig.evaluate(pose(jawOpen=jaw, tongueOut=1.0))
    lips, tongue = v[np.concatenate([groups["lip_upper"], groups["lip_lower"]])], v[groups["tongue"]]
    assert tongue[:, 2].max() > lips[:, 2].max() + 10
    dropped = (v - bare)[groups["teeth_lower"]][:, 1].min()
    assert dropped > -12.5 * (1 - jaw) - 0.1, "as far as the tongue needs it, not on top of an open jaw"
    if jaw == 1.0:
        np.testing.assert_allclose(v[groups["teeth_lower"]], bare[groups["teeth_lower"]], atol=0.05)


def test_no_viseme_crosses_itself():
    shapes = arkit_from_visemes(np.eye(len(VISEMES)))
    assert not {name: found for name, w in zip(VISEMES, shapes, strict=True) if (found := faults(w, SINGLE))}


def test_200_natural_expressions_do_not_cross():
    rng = np.random.default_rng(4)
    wrong = {}
    for k in range(200):
        weights, _ = sample_still(rng)
        found = faults(weights, COMBINED)
        if found:
            wrong[k] = found, {ARKIT[c]: round(float(weights[c]), 2) for c in np.flatnonzero(weights > 0.1)}
    assert not wrong


LIDS = ("eyeSquint", "eyeWide", "eyeLookDown", "eyeLookUp", "cheekSquint")


@pytest.mark.parametrize("name", LIDS)
@pytest.mark.parametrize("blink", [0.5, 0.8, 1.0])
def test_lids_close_whatever_else_they_do(name: str, blink: float):
    for other in (0.5, 1.0):
        assert not faults(pose(eyeBlink=blink, **{name: other}), COMBINED)
    v = load_mo().evaluate(pose(eyeBlink=1.0, **{name: 1.0}))
    groups = load_mo().neutral.topology.groups
    for side in ("left", "right"):
        gap = v[groups[f"lid_margin_upper_{side}"]] - v[groups[f"lid_margin_lower_{side}"]]
        assert np.linalg.norm(gap, axis=1).max() < 0.3, "no slit, no overshoot"


@pytest.mark.parametrize("close", [0.25, 0.6, 1.0])
@pytest.mark.parametrize("jaw", [0.0, 0.3, 1.0])
def test_mouth_close_never_closes_more_than_there_is(jaw: float, close: float):
    assert not faults(pose(jawOpen=jaw, mouthClose=close), COMBINED)
    v, groups = load_mo().evaluate(pose(jawOpen=jaw, mouthClose=close)), load_mo().neutral.topology.groups
    gap = np.linalg.norm(v[groups["lip_margin_upper"]] - v[groups["lip_margin_lower"]], axis=1).max()
    assert gap < 0.3 if close >= jaw else gap > 1.0


def test_a_laugh_shows_the_upper_teeth_and_lifts_the_corners():
    rig = load_mo()
    marks = rig.landmarks["ibug68"]
    laugh, jaw = (rig.evaluate(pose(jawOpen=0.6, **more)) for more in ({"mouthSmile": 1.0}, {}))
    added = rig.evaluate(pose(mouthSmile=1.0)) - rig.neutral.vertices
    corner = (marks.positions(laugh) - marks.positions(jaw + added))[[48, 54]]
    assert (corner[:, 1] > 1.0).all(), "higher than the two shapes add up to"
    teeth = laugh[rig.neutral.topology.groups["teeth_upper"]][:, 1].min()
    assert marks.positions(laugh)[62, 1] > teeth + 1.5


def test_correctives_mirror_each_other():
    rig = load_mo()
    assert rig.corrective_shapes is not None
    at = {frozenset(c.channels): k for k, c in enumerate(rig.correctives)}
    still = np.concatenate([rig.neutral.topology.groups[name] for name in ("hair", "catchlights")])
    assert not rig.corrective_shapes[:, still].any()
    for corrective, shape in zip(rig.correctives, rig.corrective_shapes, strict=True):
        assert set(corrective.channels) <= set(ARKIT)
        partner = rig.corrective_shapes[at[frozenset(mirrored(c) for c in corrective.channels)]]
        reach = np.linalg.norm(shape, axis=1)
        assert reach.max() > 0.5, corrective.name
        np.testing.assert_allclose(np.sort(reach), np.sort(np.linalg.norm(partner, axis=1)), atol=0.02)


def test_correctives_are_no_channels():
    rig: Rig = load_mo()
    assert rig.shape_names == ARKIT
    assert not {c.name for c in rig.correctives} & set(ARKIT)
    names = {c.name for c in rig.correctives}
    assert {"mouthClose_over_jawOpen", "jawOpen_mouthSmileLeft", "eyeBlinkRight_eyeSquintRight"} <= names
