"""What is drawn is where the annotation says it is: checked in the renderer's id buffer."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mien.core import ARKIT, Camera
from mien.core.transforms import weights_from_gaze
from mien.synth.body import body
from mien.synth.brows import brow_anchors
from mien.synth.cameras import View
from mien.synth.hair import HEAD_CENTRE, grow_hair, head_radius
from mien.synth.lights import sample_lights
from mien.synth.looks import HAIR_KINDS, sample_look
from mien.synth.painting import beard_mask, beard_region, paint_face
from mien.synth.performer import BROW_POINTS, Performer
from mien.synth.renderer import renderer
from mien.synth.scene import (
    Action,
    Cast,
    Scene,
    Shot,
    _lit,
    _seen_balance,
    _soften_hair,
    cast,
    film,
    set_scene,
)
from mien.synth.sensor import _curve, develop, sample_sensor
from mien.synth.solids import Id, join
from mien.synth.uvmaps import face_chart

AT = {name: i for i, name in enumerate(ARKIT)}


def _bare(identity: int) -> Cast:
    """A performer without hair, glasses or beard: nothing hides the face."""
    who = cast(0, identity)
    nothing = join([])
    costume = replace(
        who.costume, hair=nothing, with_head=nothing, lenses=nothing, beard=np.zeros((0, 2)), lens_tint=np.zeros(4)
    )
    return Cast(identity=identity, performer=who.performer, costume=costume)


def _scene(who: Cast, size: int = 200) -> Scene:
    scene = set_scene(np.random.default_rng(1), who, occluders=False)
    camera = Camera(width=size, height=size, focal=4.2 * size, centre=((size - 1) / 2, (size - 1) / 2))
    return replace(
        scene,
        view=View(camera=camera, translation=np.array([0.0, -15.0, -900.0])),
        background=np.zeros((size, size, 3), np.uint8),
    )


def _film(who: Cast, weights: np.ndarray, angles: np.ndarray | None = None, size: int = 200) -> list[Shot]:
    gl = renderer()
    gl.wear(who.costume)
    count = len(weights)
    action = Action(
        times=np.arange(count) / 30,
        weights=weights.astype(np.float32),
        angles=np.zeros((count, 3)) if angles is None else angles,
        translation=np.zeros((count, 3)),
    )
    return list(film(np.random.default_rng(0), gl, who, _scene(who, size), action, scale=2.0))


def _around(shot: Shot, point: np.ndarray, reach: int = 1) -> np.ndarray:
    x, y = np.floor((point + 0.5) * shot.scale).astype(int)
    return shot.ids[y - reach : y + reach + 1, x - reach : x + reach + 1]


@pytest.mark.parametrize("first", [0, 10])
def test_closed_lids_leave_no_eye_visible(first: int) -> None:
    """Twenty identities at blink = 1, with and without a squint and a look aside: not one pixel of eyeball."""
    weights = np.zeros((3, 52))
    weights[:, [AT["eyeBlinkLeft"], AT["eyeBlinkRight"]]] = 1
    weights[1, [AT["eyeSquintLeft"], AT["eyeSquintRight"], AT["cheekSquintLeft"], AT["cheekSquintRight"]]] = 1
    weights[2, [AT["eyeLookOutLeft"], AT["eyeLookInRight"], AT["eyeLookDownLeft"], AT["eyeLookDownRight"]]] = 0.8
    for identity in range(first, first + 10):
        for shot in _film(_bare(identity), weights):
            # One of the 160,000 samples may fall into a crack between merged triangles.
            assert np.isin(shot.ids, [Id.SCLERA, Id.IRIS]).sum() <= 1, identity


@pytest.mark.parametrize("identity", [0, 3])
def test_iris_landmarks_lie_on_the_iris(identity: int) -> None:
    gaze = np.array([[[0, 0], [0, 0]], [[0.25, 0], [0.25, 0]], [[-0.25, -0.05], [-0.25, -0.05]]], float)
    weights = weights_from_gaze(gaze)
    weights[:, [AT["eyeWideLeft"], AT["eyeWideRight"]]] = 0.6
    angles = np.array([[0, 0, 0], [0.2, 0.1, 0.1], [-0.2, 0, -0.1]])
    for shot in _film(_bare(identity), weights, angles):
        for point in shot.truth.landmarks[68:70]:
            assert (_around(shot, point) == Id.IRIS).all()
            y, x = np.nonzero(shot.ids == Id.IRIS)
            centre = np.stack([x, y], 1) / shot.scale
            assert np.linalg.norm(centre - point, axis=1).min() < 1


def test_the_iris_is_painted_round_its_landmark() -> None:
    """With the eye wide open and straight ahead, the visible iris is centred on the landmark sideways."""
    weights = np.zeros((1, 52))
    weights[:, [AT["eyeWideLeft"], AT["eyeWideRight"]]] = 1
    shot = _film(_bare(1), weights)[0]
    columns = np.nonzero((shot.ids == Id.IRIS).any(axis=0))[0] / shot.scale
    for point in shot.truth.landmarks[68:70]:
        own = columns[np.abs(columns - point[0]) < 12]
        assert abs((own.min() + own.max()) / 2 - point[0]) < 1.0


def test_lip_landmarks_lie_on_the_lips() -> None:
    who = _bare(2)
    who = replace(who, costume=replace(who.costume, look=replace(who.costume.look, lip_edge=0.0)))
    weights = np.zeros((2, 52))
    weights[1, [AT["mouthSmileLeft"], AT["mouthSmileRight"]]] = 0.7
    for shot in _film(who, weights, np.array([[0, 0, 0], [0.25, 0.1, 0.1]])):
        for k in range(48, 60):
            assert (_around(shot, shot.truth.landmarks[k], 3) == Id.LIPS).any(), k


def test_sealed_lips_show_no_mouth() -> None:
    for identity in range(4):
        weights = np.zeros((2, 52))
        weights[1, [AT["jawOpen"], AT["mouthClose"]]] = 0.5
        for shot in _film(_bare(identity), weights):
            assert not np.isin(shot.ids, [Id.MOUTH, Id.TEETH]).any()


def test_an_open_mouth_shows_teeth_or_tongue() -> None:
    weights = np.zeros((1, 52))
    weights[:, AT["jawOpen"]] = 0.5
    shot = _film(_bare(0), weights)[0]
    assert np.isin(shot.ids, [Id.MOUTH, Id.TEETH]).sum() > 300


def test_visibility_follows_the_turn_of_the_head() -> None:
    angles = np.array([[0.0, 0, 0], [0.75, 0, 0], [-0.75, 0, 0]])
    front, to_right, to_left = _film(_bare(0), np.zeros((3, 52)), angles)
    assert front.truth.visible[17:68].all()
    assert front.truth.hidden.max() == 0
    # The nose turned to the image's right hides the far side: the subject's left (image right) cheek.
    assert not to_right.truth.visible[13:16].any()
    assert to_right.truth.visible[1:4].all()
    assert not to_left.truth.visible[1:4].any()
    assert to_left.truth.visible[13:16].all()
    assert to_right.truth.landmarks[30, 0] > front.truth.landmarks[30, 0] > to_left.truth.landmarks[30, 0]


def test_truth_is_the_pose_that_was_asked_for() -> None:
    from mien.core.transforms import angles_from_quaternion

    angles = np.array([[0.3, -0.2, 0.1]])
    shot = _film(_bare(0), np.zeros((1, 52)), angles)[0]
    np.testing.assert_allclose(angles_from_quaternion(shot.truth.quaternion), angles[0], atol=1e-9)
    np.testing.assert_allclose(shot.truth.translation, [0, -15, -900])


def test_a_hand_over_the_mouth_hides_it() -> None:
    from mien.synth.occluders import Held
    from mien.synth.solids import box

    who = _bare(0)
    gl = renderer()
    gl.wear(who.costume)
    mouth = who.performer.landmarks(who.performer.neutral)[66]
    slab = Held(
        solid=box((90.0, 50.0, 5.0), np.full(3, 0.3), Id.OCCLUDER),
        start=mouth + np.array([0, 0, 40]),
        speed=np.zeros(3),
    )
    scene = replace(_scene(who), held=slab)
    still = Action(
        times=np.zeros(1), weights=np.zeros((1, 52), np.float32), angles=np.zeros((1, 3)), translation=np.zeros((1, 3))
    )
    shot = next(film(np.random.default_rng(0), gl, who, scene, still))
    assert shot.truth.hidden[2] == 1.0
    assert shot.truth.hidden[:2].max() == 0.0
    assert not shot.truth.visible[48:68].any()
    assert (shot.ids == Id.OCCLUDER).any()


@pytest.mark.parametrize(("opacity", "hidden"), [(0.1, 0.0), (0.9, 0.9)])
def test_dark_lenses_hide_the_eyes_and_nothing_else(opacity: float, hidden: float) -> None:
    who = _bare(0)
    who = replace(who, costume=replace(who.costume, lens_tint=np.array([0, 0, 0, opacity])))
    (shot,) = _film(who, np.zeros((1, 52)))
    assert shot.truth.hidden == pytest.approx([hidden, 0, 0])
    assert shot.truth.visible[36:48].any() == (hidden == 0)
    assert shot.truth.visible[:36].any() and shot.truth.visible[48:68].all()


def test_hair_is_never_green_and_brows_and_beards_never_lighter_than_the_skin() -> None:
    for seed in range(300):
        look = sample_look(np.random.default_rng(seed))
        assert look.hair.color[1] <= 1.01 * max(look.hair.color[0], look.hair.color[2])
        assert (look.brows.color <= look.skin).all()
        assert (look.beard_color <= look.skin).all()


@pytest.mark.parametrize("kind", HAIR_KINDS)
def test_hair_of_every_kind_lies_on_the_head_and_is_the_same_again(kind: str) -> None:
    neutral = body().neutral
    style = replace(sample_look(np.random.default_rng(3)).hair, kind=kind)
    hair, again = (grow_hair(np.random.default_rng(7), style, neutral) for _ in range(2))
    np.testing.assert_array_equal(hair.vertices, again.vertices)
    if kind in ("bald", "buzz"):
        assert not len(hair.triangles)
        return
    assert np.isfinite(hair.vertices).all()
    assert hair.triangles.max() < len(hair.vertices)
    reach = np.linalg.norm(hair.vertices[:, :3] - HEAD_CENTRE, axis=1)
    assert reach.min() > 0.9 * head_radius(neutral).min()


@pytest.mark.parametrize("kind", ["full", "moustache", "goatee", "chin"])
def test_a_beard_has_no_hard_border(kind: str) -> None:
    """From skin to beard takes at least 8 chart pixels (3 mm), but for the lips' edge, which hairs do not cross."""
    region = beard_region(kind)
    assert 0.3 < region.max() <= 1
    lips = cv2.GaussianBlur(face_chart().lips, (0, 0), 3.0)
    steps = np.abs(np.diff(region, axis=1))[lips[:, 1:] < 0.02]
    assert np.percentile(steps[steps > 1e-4], 99) < 1 / 8


@pytest.mark.parametrize("seed", range(6))
def test_brow_landmarks_lie_in_the_painted_hair(seed: int) -> None:
    """On the mean head each of the twenty points is where the hair is, and the skin above and below is lighter."""
    look = sample_look(np.random.default_rng(seed))
    look = replace(look, brows=replace(look.brows, color=0.3 * look.skin, density=0.9, body=0.9))
    vertices, weights = brow_anchors(look.brows)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    performer = Performer(np.zeros(1, np.float32))
    own = performer.landmarks(performer.neutral)
    performer.brows = (vertices, weights)
    points = performer.landmarks(performer.neutral)
    others = np.setdiff1d(np.arange(198), BROW_POINTS)
    np.testing.assert_array_equal(points[others], own[others])
    chart = face_chart()
    places = [
        np.unravel_index(np.argmin(((chart.positions - p) ** 2).sum(-1)), chart.positions.shape[:2])
        for p in points[BROW_POINTS]
    ]
    texture = paint_face(np.random.default_rng(1), look, beard_mask(np.random.default_rng(2), look))[..., :3]
    light = texture.astype(float).mean(axis=-1)
    inner = [k for k in range(20) if k % 5 in (1, 2, 3)]  # the ends fade
    for k in inner:
        row, column = places[k]
        around = light[row - 26 : row + 27, column - 1 : column + 2].mean(axis=1)
        hair = around[24:29].mean()
        assert hair < 0.8 * around.max(), k
    rows = np.array([row for row, _ in places]).reshape(4, 5)
    assert (rows[:2].mean(axis=1) > rows[2:].mean(axis=1)).all()  # the chart's rows run upwards


def test_what_lies_beyond_the_pictures_edge_is_hidden() -> None:
    who = _bare(0)
    gl = renderer()
    gl.wear(who.costume)
    still = Action(
        times=np.zeros(1), weights=np.zeros((1, 52), np.float32), angles=np.zeros((1, 3)), translation=np.zeros((1, 3))
    )
    scene = _scene(who)
    (whole,) = film(np.random.default_rng(0), gl, who, scene, still)
    brows, eyes = whole.truth.landmarks[17:27, 1].max(), whole.truth.landmarks[36:48, 1].min()
    top = int((brows + eyes) / 2)
    (cut,) = film(np.random.default_rng(0), gl, who, replace(scene, top=top), still)
    assert cut.image.shape == (scene.view.size - top, scene.view.size, 3)
    np.testing.assert_allclose(cut.truth.landmarks + np.array([0, top]), whole.truth.landmarks)
    assert cut.truth.hidden == pytest.approx([0, 1, 0])
    assert not cut.truth.visible[17:27].any() and cut.truth.visible[36:48].all() and cut.truth.visible[48:68].all()


def test_hair_ends_softly_and_nothing_else_is_touched() -> None:
    ids = np.full((60, 60), Id.SKIN, np.uint8)
    image = np.full((60, 60, 4), 255, np.uint8)
    image[:, :30, :3] = 90
    bare = image.copy()
    _soften_hair(bare, ids, 48.0)
    np.testing.assert_array_equal(bare, image)
    ids[:, :30] = Id.HAIR
    soft = image.copy()
    _soften_hair(soft, ids, 48.0)
    across = soft[30, :, 0].astype(int)
    assert (np.diff(across) >= 0).all() and np.diff(across).max() < 0.6 * 165
    np.testing.assert_array_equal(soft[:, :20], image[:, :20])
    np.testing.assert_array_equal(soft[:, 40:], image[:, 40:])


@pytest.mark.parametrize("seed", range(4))
def test_a_grey_wall_stays_greyer_for_the_camera_when_the_lamps_light_it_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lights = sample_lights(rng, np.ones(3), kinds=("lamp", "screen"))
    wall = np.full((8, 8, 3), 120, np.uint8)

    def tinge(picture: np.ndarray) -> float:
        seen = (picture[0, 0].astype(float) / 255) ** 2 * _seen_balance(lights)
        return float(np.ptp(np.log(seen)))

    assert tinge(_lit(rng, wall, lights)) < 0.5 * tinge(wall) + 0.03


def test_the_tone_curve_rises_and_keeps_highlights_apart() -> None:
    for seed in range(5):
        sensor = replace(sample_sensor(np.random.default_rng(seed)), balance=np.ones(3), contrast=1.0, lift=0.0)
        curve = _curve(sensor, np.ones(3))[0].astype(int)
        assert (np.diff(curve, axis=0) >= 0).all()
        white, brighter = curve[180], curve[250]  # linear 1.0 and 1.9
        assert (white < brighter).all() and (brighter < 255).all()


def test_a_codec_that_predicts_frames_freezes_what_does_not_change() -> None:
    rng = np.random.default_rng(0)
    sensor = replace(
        sample_sensor(rng), predicted=True, quality=40, noise=0.0, shrink=1.0, sharpen=0.0, blur=0.0, grey=False
    )
    picture = cv2.resize(rng.integers(40, 200, (12, 12, 3), np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC)
    nothing = np.zeros(2)
    gain = np.ones(3)
    first, reference = develop(rng, sensor, picture, gain, nothing)
    frames = []
    for _ in range(4):
        image, reference = develop(rng, sensor, picture, gain, nothing, reference)
        frames.append(image.astype(int))
    assert np.abs(frames[-1] - frames[-2]).mean() < 0.5
    plain, _ = develop(rng, replace(sensor, quality=0), picture, gain, nothing)
    error = np.abs(frames[-1] - plain).mean()
    assert error <= np.abs(first.astype(int) - plain).mean() + 0.5  # errors do not pile up
