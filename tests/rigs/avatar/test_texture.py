"""The texture of an avatar against photos whose skin, light and pose are known."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mien.core import ARKIT, Camera, MienError
from mien.core.landmarks import MIEN198
from mien.core.mesh import vertex_normals
from mien.rigs.avatar.build import build_avatar
from mien.rigs.avatar.light import evened, shading
from mien.rigs.avatar.photo import Photo, problem, seen_in, srgb
from mien.rigs.avatar.texture import skin_of
from mien.rigs.fit import Fit, head_position
from mien.rigs.ict import load_ict
from mien.rigs.ict_topology import SKIN
from mien.rigs.raster import Camera as Pinhole
from mien.rigs.raster import Raster, chart

SIDE, FOCAL, FAR = 500, 1100.0, 650.0
LIGHT = np.array([0.35, 0.2, 0.9])


@cache
def true_skin() -> np.ndarray:
    """A linear colour for every vertex: skin with smooth patches, which no light could make."""
    v = load_ict().neutral.vertices
    patches = np.sin(v[:, :1] / 9 + np.array([0, 1, 2])) * np.cos(v[:, 1:2] / 11)
    return (np.array([0.50, 0.30, 0.22]) * np.exp(0.3 * patches)).astype(np.float32)


def rotated(yaw: float) -> np.ndarray:
    return np.array([0.0, np.sin(yaw / 2), 0.0, np.cos(yaw / 2)])


@cache
def fit_of(*yaws: float) -> Fit:
    """What a perfect fit of frames with these head angles would be: the mean face, at rest."""
    rig, count = load_ict(), len(yaws)
    return Fit(
        identity=np.zeros(100),
        weights=np.zeros((count, len(ARKIT))),
        rotation=np.stack([rotated(yaw) for yaw in yaws]),
        translation=np.tile([0.0, 0.0, -FAR], (count, 1)),
        focal=np.full(count, FOCAL),
        reprojected=np.zeros((count, MIEN198.count, 2)),
        residual=np.zeros(count),
        steps=1,
        converged=True,
        rig=rig,
    )


def photo(yaw: float, *, lit: bool = False, bright: float = 1.0) -> Photo:
    """A picture of the mean face with `true_skin`, without shading or under one lamp."""
    rig = load_ict()
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    points = (rig.neutral.vertices - head_position(rig)) @ turn.T + [0, 0, -FAR]
    light = 0.35 + 0.65 * np.clip(vertex_normals(points, rig.neutral.topology.triangles) @ LIGHT, 0, None)
    colors = true_skin() * (light[:, None] if lit else 1.0) * bright
    raster = Raster(Pinhole(width=SIDE, height=SIDE, focal=FOCAL, near=50, far=3000))
    image = np.full((SIDE, SIDE, 3), 0.02, np.float32)
    skin = rig.neutral.topology.triangles[(rig.neutral.topology.triangles < SKIN).all(axis=1)]
    raster.draw(
        points.astype(np.float32), skin.astype(np.int32), colors.astype(np.float32), image, raster.empty_depth()
    )
    camera = Camera.guess(SIDE, SIDE, FOCAL)
    return Photo(
        image=np.rint(255 * srgb(image)).astype(np.uint8),
        camera=camera,
        landmarks=camera.project(rig.landmarks["mien198"].positions(points)),
        layout=MIEN198,
        name=f"yaw {yaw}",
    )


def test_what_a_photo_shows_gets_its_own_colour() -> None:
    fit = fit_of(0.0)
    seen = seen_in(photo(0.0), fit, 0)
    skin = skin_of(fit.rig, [seen])
    well = (seen.facing[:SKIN] > 0.75) & (np.abs(fit.rig.neutral.vertices[:SKIN, 0]) < 45)
    well &= fit.rig.neutral.vertices[:SKIN, 2] > 40
    truth, ours = np.log(true_skin()[:SKIN][well]), np.log(skin.base[well])
    assert well.sum() > 1000
    # The light of a photo is unknown up to a factor, and slow changes of colour are taken for light.
    error = ours - truth - np.median(ours - truth, axis=0)
    assert np.abs(error).mean() < 0.5 * np.abs(truth - np.median(truth, axis=0)).mean()
    for c in range(3):
        assert np.corrcoef(truth[:, c], ours[:, c])[0, 1] > 0.85


def test_a_head_is_hidden_behind_itself() -> None:
    fit = fit_of(0.0, 0.9)
    front, turned = (seen_in(photo(yaw), fit, k).facing for k, yaw in enumerate((0.0, 0.9)))
    marks = fit.rig.landmarks["mien198"]
    cheeks = [marks.indices[list(marks.layout.groups[f"cheek_{side}"]), 0] for side in ("right", "left")]
    assert (front[np.concatenate(cheeks)] > 0.3).all()
    seen = [turned[cheek].mean() for cheek in cheeks]
    assert min(seen) < 0.1 and max(seen) > 0.5, "a turned head shows one cheek"
    assert not front[fit.rig.neutral.vertices[:, 2] < -60].any(), "nobody sees the back of the head from in front"


def test_two_sides_show_more_than_one() -> None:
    fit = fit_of(-0.7, 0.7)
    left, right = (seen_in(photo(yaw), fit, k) for k, yaw in enumerate((-0.7, 0.7)))
    alone, both = skin_of(fit.rig, [left]), skin_of(fit.rig, [left, right])
    assert both.coverage > alone.coverage + 0.05


def test_the_seam_of_the_charts_has_one_colour() -> None:
    fit = fit_of(0.0)
    skin = skin_of(fit.rig, [seen_in(photo(0.0, lit=True), fit, 0)])
    topology = fit.rig.neutral.topology
    assert topology.uv is not None and topology.uv_triangles is not None
    colors: dict[str, dict[int, np.ndarray]] = {}
    for name, picture in (("face", skin.face), ("head_neck", skin.head)):
        part = next(part for part in topology.parts if part.name == name)
        corners, at = topology.triangles[part.start : part.stop], topology.uv_triangles[part.start : part.stop]
        uv = topology.uv[at.reshape(-1)] % 1.0
        y, x = ((1 - uv[:, 1]) * len(picture)).astype(int), (uv[:, 0] * len(picture)).astype(int)
        colors[name] = dict(zip(corners.reshape(-1).tolist(), picture[y, x].astype(int), strict=True))
    shared = colors["face"].keys() & colors["head_neck"].keys()
    apart = [np.abs(colors["face"][v] - colors["head_neck"][v]).max() for v in shared]
    assert len(shared) > 50 and np.max(apart) <= 6 and np.mean(apart) < 2


def test_known_light_is_taken_off() -> None:
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(4000, 3))
    normals[:, 2] = np.abs(normals[:, 2])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    light = 0.4 + 0.6 * np.clip(normals @ LIGHT, 0, None)
    colors = np.array([0.5, 0.3, 0.2]) * light[:, None]
    colors[:300] *= 0.15  # brows and lips have colours of their own
    left = np.log(colors[300:, 1] / shading(evened(colors, normals, np.ones(4000)), normals[300:]))
    assert left.std() < 0.25 * np.log(light).std()


def test_lids_and_lips_do_not_get_the_colour_of_what_lies_between_them() -> None:
    fit, picture = fit_of(0.0), photo(0.0)
    image = picture.image.copy()
    import cv2

    for name in ("eye_right", "eye_left"):
        loop = picture.landmarks[list(MIEN198.groups[name])]
        inside = loop.mean(axis=0) + 0.85 * (loop - loop.mean(axis=0))
        cv2.fillPoly(image, [np.rint(inside).astype(np.int32)], (0, 255, 0))
    skin = skin_of(fit.rig, [seen_in(replace(picture, image=image), fit, 0)])
    green = (skin.base[:, 1] > 1.2 * skin.base[:, 0]).sum()
    assert green == 0


def test_dark_and_small_photos_are_named_and_done_without() -> None:
    good = photo(0.0)
    dark = replace(good, image=(good.image * 0.1).astype(np.uint8))
    small = replace(good, landmarks=good.landmarks * 0.2)
    assert problem(good) is None
    assert "dark" in str(problem(dark)) and "small" in str(problem(small))
    plain = build_avatar(fit_of(0.0), [dark])
    assert (plain.sources, plain.coverage, plain.hair) == ((), 0.0, None)
    assert set(plain.unused) == {dark.name} and set(plain.rig.neutral.topology.textures) == {"eyes"}
    one = build_avatar(fit_of(0.0, 0.7), [good, replace(photo(0.7), image=dark.image)])
    assert one.sources == (good.name,) and set(one.unused) == {"yaw 0.7"}
    with pytest.raises(MienError, match="2 frames, and there are 1 photos"):
        build_avatar(fit_of(0.0, 0.7), [good])


def test_a_chart_has_values_where_its_triangles_lie() -> None:
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 3, 2]])  # the second one is wound the other way
    found = chart(uv, triangles, np.column_stack([uv, np.ones(4)]), 16, 8)
    u, v = (np.arange(16) + 0.5) / 16, 1 - (np.arange(8) + 0.5) / 8
    np.testing.assert_allclose(found[..., 0], np.tile(u, (8, 1)), atol=1e-5)
    np.testing.assert_allclose(found[..., 1], np.tile(v[:, None], (1, 16)), atol=1e-5)
    assert np.isnan(chart(uv, triangles[:1], np.column_stack([uv, np.ones(4)]), 16, 16)[0, 0]).all()
