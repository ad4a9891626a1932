"""The built-in head: complete, symmetric, closing, moving as a face does, and equal to what its code models."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mien.core import ARKIT, Clip, MienError, Rig
from mien.core.channels import index, mirrored
from mien.core.mesh import vertex_normals
from mien.rigs.mo.load import STORED, build, load_mo
from mien.rigs.mo.parts import IRIS_ANGLE
from mien.rigs.mo.sculpt import EYE_CENTRE, EYE_RADIUS
from mien.rigs.mo.store import STEP, read, write

AT = index(ARKIT)


@pytest.fixture(scope="module")
def rig() -> Rig:
    return load_mo()


def posed(rig: Rig, **weights: float) -> np.ndarray:
    w = np.zeros(len(ARKIT), np.float32)
    for name, value in weights.items():
        w[AT[name]] = value
    return rig.evaluate(w)


def both(name: str, value: float = 1.0) -> dict[str, float]:
    return {f"{name}Left": value, f"{name}Right": value}


def group(rig: Rig, name: str) -> np.ndarray:
    return rig.neutral.topology.groups[name]


def test_size_and_completeness(rig: Rig):
    assert STORED.stat().st_size < 500_000
    assert 4000 <= len(rig.neutral.vertices) <= 8000
    assert rig.shape_names == ARKIT
    assert np.isfinite(rig.neutral.vertices).all()
    assert np.isfinite(rig.shapes).all()
    reach = np.linalg.norm(rig.shapes, axis=2).max(axis=1)
    weak = {name: round(float(r), 2) for name, r in zip(ARKIT, reach, strict=True) if r < 1.0}
    assert not weak, "shapes that hardly move anything [mm]"
    assert reach.max() < 60.0


def test_topology_is_sound(rig: Rig):
    topology = rig.neutral.topology
    triangles = topology.triangles
    assert np.array_equal(np.unique(triangles), np.arange(len(rig.neutral.vertices)))
    runs = sorted((p.start, p.stop) for p in topology.parts)
    assert runs[0][0] == 0
    assert runs[-1][1] == len(triangles)
    assert all(a[1] == b[0] for a, b in pairwise(runs))
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    for part in topology.parts:
        if part.name == "skin":
            own = np.tile(np.arange(len(triangles)), 3) < part.stop
            _, uses = np.unique(edges[own], axis=0, return_counts=True)
            assert uses.max() == 2, "the skin is a manifold"
            ends = np.unique(edges[own], axis=0)[uses == 1]
            points = np.abs(rig.neutral.vertices[ends].reshape(-1, 3).astype(float) * [1, 0, 0]) + (
                rig.neutral.vertices[ends].reshape(-1, 3) * [0, 1, 1]
            )
            behind_lids = np.linalg.norm(points - EYE_CENTRE, axis=1) < EYE_RADIUS + 0.6
            assert (behind_lids | (points[:, 1] < -120)).all(), "and open at the neck and behind the lids only"
    assert topology.uv is not None
    assert topology.uv.min() >= 0
    assert topology.uv.max() <= 1
    for name, members in topology.groups.items():
        assert len(members), name
        assert members.max() < len(rig.neutral.vertices)


def test_pieces_face_outwards(rig: Rig):
    v = rig.neutral.vertices.astype(float)
    for part in rig.neutral.topology.parts:
        if part.name in ("lashes", "catchlights"):  # two-sided; open caps
            continue
        t = rig.neutral.topology.triangles[part.start : part.stop]
        middle = v[np.unique(t)].mean(axis=0)
        a, b, c = (v[t[:, k]] - middle for k in range(3))
        assert np.einsum("ij,ij->", a, np.cross(b, c)) > 0, part.name


def test_shapes_mirror_each_other(rig: Rig):
    hair, lamps = group(rig, "hair"), group(rig, "catchlights")
    free = np.setdiff1d(np.arange(len(rig.neutral.vertices)), np.concatenate([hair, lamps]))
    still = [not name.startswith("eyeLook") for name in ARKIT]
    assert not rig.shapes[:, hair].any(), "hair is asymmetric, so it must not move"
    assert not rig.shapes[np.ix_(still, lamps)].any(), "the lamp's image moves with the eye alone"
    v = rig.neutral.vertices[free].astype(float)
    distance, near = cKDTree(v).query(v * [-1, 1, 1], k=4)  # lips that touch share their positions
    assert distance[:, 0].max() < 0.02
    for name in ARKIT:
        here, there = rig.shape(name)[free], rig.shape(mirrored(name))[free]
        gap = np.linalg.norm(here[:, None] * [-1, 1, 1] - there[near], axis=2)
        gap = np.where(distance < 0.02, gap, np.inf).min(axis=1)
        assert gap.max() <= 0.01 * np.linalg.norm(here, axis=1).max() + STEP, name


def looking(rig: Rig, way: str, side: str, level: float) -> np.ndarray:
    """Vertices with one eye looking In, Out, Up or Down."""
    weights = np.zeros((1, len(ARKIT)), np.float32)
    weights[0, AT[f"eyeLook{way}{side}"]] = level
    return rig.perform(Clip(times=np.zeros(1), weights=weights), 0).astype(float)


@pytest.mark.parametrize("side", ["Left", "Right"])
@pytest.mark.parametrize("way", ["In", "Out", "Up", "Down"])
@pytest.mark.parametrize("level", [0.5, 1.0])
def test_eyes_stay_in_their_lids_however_they_look(rig: Rig, way: str, side: str, level: float):
    """Seen from the front: most of the iris shows, the lamp's image lies on it, and nothing shows behind the ball."""
    v = looking(rig, way, side, level)
    centre = EYE_CENTRE * [1 if side == "Left" else -1, 1, 1]
    upper, lower = (v[group(rig, f"lid_margin_{edge}_{side.lower()}")] for edge in ("upper", "lower"))
    ball = v[group(rig, f"eyeball_{side.lower()}")] - centre
    axis = ball[0] / np.linalg.norm(ball[0])
    angle = np.degrees(np.arccos(np.clip(ball @ axis / EYE_RADIUS, -1, 1)))
    iris = ball[angle < np.degrees(IRIS_ANGLE)]
    assert _inside_lids(iris + centre, upper, lower).mean() > {0.5: 0.75, 1.0: 0.55}[level]
    assert _inside_lids(ball[:1] + centre, upper, lower).all(), "the pupil's centre"
    lamp = v[group(rig, "catchlights")]
    lamp = lamp[np.sign(lamp[:, 0]) == np.sign(centre[0])] - centre
    assert (np.linalg.norm(lamp, axis=1) > EYE_RADIUS).all()
    rim = ball[angle > 90]
    assert not _inside_lids(rim + centre, upper, lower)[rim[:, 2] > 0].any(), "the ball's edge stays hidden"


def _inside_lids(points: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """True for points between the margins as seen from the front."""
    spans = [np.interp(points[:, 0], row[:, 0], row[:, 1]) for row in (r[np.argsort(r[:, 0])] for r in (upper, lower))]
    ends = upper[:, 0].min(), upper[:, 0].max()
    return (points[:, 1] < spans[0]) & (points[:, 1] > spans[1]) & (points[:, 0] > ends[0]) & (points[:, 0] < ends[1])


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_blink_leaves_no_slit(rig: Rig, side: str):
    v = posed(rig, **{f"eyeBlink{side}": 1.0})
    upper, lower = (v[group(rig, f"lid_margin_{edge}_{side.lower()}")] for edge in ("upper", "lower"))
    assert np.linalg.norm(upper - lower, axis=1).max() <= 0.3
    other = "Right" if side == "Left" else "Left"
    upper, lower = (v[group(rig, f"lid_margin_{edge}_{other.lower()}")] for edge in ("upper", "lower"))
    assert np.linalg.norm(upper - lower, axis=1).max() > 10, "the other eye stays open"


@pytest.mark.parametrize("name", ["eyeBlink", "eyeSquint", "eyeWide", "eyeLookDown", "eyeLookUp", "eyeLookIn"])
@pytest.mark.parametrize("level", [0.25, 0.5, 0.75, 1.0])
def test_lids_ride_over_the_eyeball(rig: Rig, name: str, level: float):
    v = posed(rig, **both(name, level))
    members = np.concatenate([group(rig, f"lid_{edge}_left") for edge in ("upper", "lower")])
    inside = np.zeros(len(v), bool)
    inside[members] = True
    triangles = rig.neutral.topology.triangles
    triangles = triangles[inside[triangles].all(axis=1)]
    points = np.concatenate([v[members], v[triangles].mean(axis=1)])
    assert np.linalg.norm(points - EYE_CENTRE, axis=1).min() >= EYE_RADIUS - 0.02


def test_jaw_carries_lower_teeth_and_tongue(rig: Rig):
    rest, v = rig.neutral.vertices, posed(rig, jawOpen=1.0)
    upper, lower, tongue = group(rig, "teeth_upper"), group(rig, "teeth_lower"), group(rig, "tongue")
    assert np.array_equal(v[upper], rest[upper])
    assert (v[lower] - rest[lower])[:, 1].mean() < -8
    assert (v[tongue] - rest[tongue])[:, 1].mean() < -4
    # the lower teeth move as one stiff body
    a, b = rest[lower] - rest[lower].mean(axis=0), v[lower] - v[lower].mean(axis=0)
    np.testing.assert_allclose(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1), atol=0.03)
    gap = np.linalg.norm(v[group(rig, "lip_margin_upper")] - v[group(rig, "lip_margin_lower")], axis=1)
    assert gap.max() > 12
    assert gap[[0, -1]].max() < 0.02, "the corners hold together"


def test_mouth_close_seals_the_dropped_jaw(rig: Rig):
    for level in (1.0, 0.5):
        v = posed(rig, jawOpen=level, mouthClose=level)
        gap = np.linalg.norm(v[group(rig, "lip_margin_upper")] - v[group(rig, "lip_margin_lower")], axis=1)
        assert gap.max() <= 0.3
    chin = rig.landmarks["mien70"].positions(v)[8] - rig.landmarks["mien70"].positions(rig.neutral.vertices)[8]
    assert chin[1] < -5, "the jaw stays dropped"


def test_lips_rest_closed(rig: Rig):
    v = rig.neutral.vertices
    gap = np.linalg.norm(v[group(rig, "lip_margin_upper")] - v[group(rig, "lip_margin_lower")], axis=1)
    assert gap.max() < 0.02


@pytest.mark.parametrize(
    ("name", "landmark", "axis", "least"),
    [
        ("mouthSmileLeft", 54, 1, 5), ("mouthFrownLeft", 54, 1, -4), ("mouthStretchLeft", 54, 0, 4),
        ("mouthLeft", 57, 0, 4), ("mouthPucker", 54, 0, -5), ("mouthFunnel", 62, 2, 3), ("jawLeft", 8, 0, 4),
        ("jawForward", 8, 2, 4), ("browDownLeft", 23, 1, -4), ("browOuterUpLeft", 25, 1, 4), ("browInnerUp", 22, 1, 5),
        ("noseSneerLeft", 35, 1, 2), ("mouthUpperUpLeft", 52, 1, 4), ("mouthLowerDownLeft", 56, 1, -4),
        ("mouthShrugLower", 57, 1, 2), ("eyeSquintLeft", 47, 1, 2), ("eyeWideLeft", 43, 1, 2),
    ],
)  # fmt: skip
def test_shapes_go_the_anatomical_way(rig: Rig, name: str, landmark: int, axis: int, least: float):
    marks = rig.landmarks["ibug68"]
    moved = marks.positions(posed(rig, **{name: 1.0}))[landmark] - marks.positions(rig.neutral.vertices)[landmark]
    assert moved[axis] * np.sign(least) > abs(least)


def forehead(rig: Rig, channel: str, x: float, low: float, high: float) -> np.ndarray:
    """How far out [mm] the skin near x moves, less its trend; from low to high."""
    at = group(rig, "face")
    v = rig.neutral.vertices[at]
    at = at[(np.abs(v[:, 0] - x) < 0.7) & (v[:, 1] > low) & (v[:, 1] < high)]
    at = at[np.argsort(rig.neutral.vertices[at, 1])]
    normals = vertex_normals(rig.neutral.vertices.astype(float), rig.neutral.topology.triangles)[at]
    out = np.einsum("ij,ij->i", rig.shape(channel)[at], normals)
    return out - np.polyval(np.polyfit(np.arange(len(out)), out, 2), np.arange(len(out)))


@pytest.mark.parametrize(
    ("channel", "x"), [("browInnerUp", 0.0), ("browOuterUpLeft", 27.0), ("browOuterUpRight", -27.0)]
)
def test_raised_brows_fold_the_forehead(rig: Rig, channel: str, x: float):
    out = forehead(rig, channel, x, 32, 55)
    furrows = np.flatnonzero((out[1:-1] < out[:-2]) & (out[1:-1] < out[2:])) + 1
    assert len(furrows) == 3
    for a, b in pairwise(furrows.tolist()):
        assert out[a:b].max() - out[[a, b]].max() > 0.8, "a ridge between two furrows"


def test_knit_brows_fold_between_them(rig: Rig):
    at = group(rig, "face")
    v = rig.neutral.vertices[at]
    both_down = rig.shape("browDownLeft") + rig.shape("browDownRight")
    normals = vertex_normals(rig.neutral.vertices.astype(float), rig.neutral.topology.triangles)
    out = np.einsum("ij,ij->i", both_down, normals)[at]
    row = (v[:, 1] > 17) & (v[:, 1] < 25)
    middle, furrow = (row & (np.abs(np.abs(v[:, 0]) - x) < 0.9) for x in (0.0, 5.7))
    assert out[middle].mean() - out[furrow].mean() > 1.0


def test_no_triangle_is_a_sliver(rig: Rig):
    """4 sqrt(3) area over the sum of squared edges: 1 for an equilateral triangle."""
    v = rig.neutral.vertices.astype(float)[rig.neutral.topology.triangles]
    edges = v - np.roll(v, 1, axis=1)
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) / 2
    quality = 4 * np.sqrt(3) * area / (edges**2).sum(axis=(1, 2))
    assert quality.min() > 0.07
    assert np.quantile(quality, 0.01) > 0.1
    assert np.median(quality) > 0.7


def test_landmarks_sit_on_the_surface(rig: Rig):
    triangles = {tuple(sorted(t)) for t in rig.neutral.topology.triangles.tolist()}
    for name in ("ibug68", "mien70", "mien198"):
        marks = rig.landmarks[name]
        np.testing.assert_allclose(marks.weights.sum(axis=1), 1, atol=1e-5)
        assert (marks.weights >= 0).all()
        for at, weight in zip(marks.indices.tolist(), marks.weights, strict=True):
            on_edge = len(set(at)) < 3 and any(set(at) <= set(t) for t in triangles)
            assert weight.max() == 1.0 or tuple(sorted(at)) in triangles or on_edge
        p = marks.positions(rig.neutral.vertices)
        np.testing.assert_allclose(p[list(marks.layout.mirror)] * [-1, 1, 1], p, atol=0.3)
    # the order of the iBUG annotation: image left to right is the subject's right to left
    assert (np.diff(p[:17, 0]) > 0).all()
    assert np.argmin(p[:17, 1]) == 8
    assert (np.diff(p[17:27, 0]) > 0).all()
    assert p[36, 0] < p[39, 0] < p[42, 0] < p[45, 0]
    assert p[48, 0] < p[51, 0] < p[54, 0]
    assert p[51, 1] > p[62, 1] >= p[66, 1] > p[57, 1]
    np.testing.assert_allclose(p[69], EYE_CENTRE + np.array([0, 0, EYE_RADIUS]), atol=0.01)


def test_joints_turn_eyes_and_head(rig: Rig):
    assert {joint.name for joint in rig.joints} == {"neck", "head", "jaw", "eyeLeft", "eyeRight"}
    assert rig.joint_weights is not None
    np.testing.assert_allclose(rig.joint_weights.sum(axis=1), 1, atol=1e-5)
    assert rig.joint_weights.min() > -1e-6
    weights = np.zeros((1, len(ARKIT)), np.float32)
    weights[0, [AT["eyeLookOutLeft"], AT["eyeLookInRight"]]] = 1.0
    turned = rig.perform(Clip(times=np.zeros(1), weights=weights), 0)
    marks = rig.landmarks["mien70"]
    moved = marks.positions(turned) - marks.positions(rig.neutral.vertices)
    expected = EYE_RADIUS * np.sin(np.radians(32.0))
    np.testing.assert_allclose(moved[[68, 69], 0], expected, atol=0.05)
    half = np.sqrt(0.5)
    clip = Clip(times=np.zeros(1), weights=np.zeros((1, 52), np.float32), head_rotation=np.array([[0, half, 0, half]]))
    nose = marks.positions(rig.perform(clip, 0))[30]
    assert nose[0] > 60, "a quarter turn brings the nose to the image's right"


def test_stored_head_is_what_the_code_models(rig: Rig, tmp_path):
    made = build()
    assert np.array_equal(made.neutral.topology.triangles, rig.neutral.topology.triangles)
    np.testing.assert_allclose(made.neutral.vertices, rig.neutral.vertices, atol=2 * STEP)
    np.testing.assert_allclose(made.shapes, rig.shapes, atol=4 * STEP)
    assert made.correctives == rig.correctives
    np.testing.assert_allclose(made.corrective_shapes, rig.corrective_shapes, atol=4 * STEP)
    assert np.array_equal(made.neutral.topology.uv_triangles, rig.neutral.topology.uv_triangles)
    np.testing.assert_allclose(made.neutral.topology.uv, rig.neutral.topology.uv, atol=1e-4)
    np.testing.assert_allclose(made.colors, rig.colors, atol=0.01)
    np.testing.assert_allclose(made.joint_weights, rig.joint_weights, atol=1e-4)
    assert made.neutral.topology.parts == rig.neutral.topology.parts
    assert made.joints == rig.joints
    for name, marks in made.landmarks.items():
        assert np.array_equal(marks.indices, rig.landmarks[name].indices)
    for name in ("a.npz", "b.npz"):
        write(made, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "text"])
def test_a_damaged_file_is_one_clear_line(tmp_path, damage: str):
    path = tmp_path / "mo.npz"
    whole = STORED.read_bytes()
    if damage != "missing":
        path.write_bytes({"empty": b"", "truncated": whole[: len(whole) // 2], "text": b"hello"}[damage])
    with pytest.raises(MienError) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_every_part_of_a_face_has_a_group(rig: Rig):
    for name in (
        "face", "neck", "head", "nose", "chin", "forehead", "cheek_left", "lip_upper", "lip_lower", "lid_upper_left",
        "lid_lower_right", "brow_left", "lash_right", "eyeball_left", "ear_right", "teeth_upper", "teeth_lower",
        "crowns", "gums", "tongue", "mouth_cavity", "hair", "catchlights",
    ):  # fmt: skip
        assert len(group(rig, name)) >= 10, name
    v = rig.neutral.vertices
    for name in [n for n in rig.neutral.topology.groups if n.endswith("_left")]:
        other = group(rig, name.replace("_left", "_right"))
        assert len(other) == len(group(rig, name))
        assert v[group(rig, name), 0].mean() > 10
        np.testing.assert_allclose(v[group(rig, name), 0].mean(), -v[other, 0].mean(), atol=0.02)


def test_the_texture_is_an_atlas(rig: Rig):
    topology = rig.neutral.topology
    assert topology.uv is not None
    assert topology.uv_triangles is not None
    corners = topology.uv[topology.uv_triangles].astype(float)
    assert np.bincount(_covered(corners, 2048)).max() == 1, "no two triangles share a point"
    skin = slice(topology.parts[0].start, topology.parts[0].stop)
    face = np.isin(topology.triangles[skin], group(rig, "face")).all(axis=1)
    e, f = corners[skin][face, 1] - corners[skin][face, 0], corners[skin][face, 2] - corners[skin][face, 0]
    area = e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0]
    assert (area > 0).all(), "the face lies flat, upright, seen from outside"
    a, b, c = (rig.neutral.vertices[topology.triangles[skin][face, k]].astype(float) for k in range(3))
    density = np.sqrt(area / np.linalg.norm(np.cross(b - a, c - a), axis=1))
    assert np.median(density) > 1.5 / 1000, "and is large: 1.5 texels a millimetre at 1024"
    assert (np.abs(np.log2(density / np.median(density))) < 1).mean() > 0.9


def _covered(corners: np.ndarray, side: int) -> np.ndarray:
    """Pixels (flat, once per triangle) whose centres lie inside triangles [N, 3, 2] of the unit square."""
    c = corners * side - 0.5
    low, high = np.ceil(c.min(axis=1)).astype(int), np.floor(c.max(axis=1)).astype(int)
    size = np.clip(high - low + 1, 0, None)
    count = size.prod(axis=1)
    which = np.repeat(np.arange(len(c)), count)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    x, y = low[which, 0] + nth % size[which, 0], low[which, 1] + nth // size[which, 0]
    (ax, ay), (bx, by), (cx, cy) = c.transpose(1, 2, 0)
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    b = ((x - ax[which]) * (cy - ay)[which] - (y - ay[which]) * (cx - ax)[which]) / area[which]
    g = ((y - ay[which]) * (bx - ax)[which] - (x - ax[which]) * (by - ay)[which]) / area[which]
    inside = (b > 1e-6) & (g > 1e-6) & (b + g < 1 - 1e-6)
    return (y * side + x)[inside]
