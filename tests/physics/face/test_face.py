"""The simulated face: rest, symmetry, what single muscles move, volume, contact, other identities, bad input."""

import numpy as np
import pytest

from mien.core import MienError
from mien.physics.energies.prisms import volumes
from mien.physics.face.actions import ACTIONS
from mien.physics.face.anatomy import muscles
from mien.physics.face.face import Face, State, build_face
from mien.rigs.mo.load import load_mo


def posed(face: Face, **values: float) -> State:
    return face.pose(face.control(values), rounds=2)


def marks(face: Face, state: State) -> np.ndarray:
    return face.rig.landmarks["ibug68"].positions(face.vertices(state)) - face.rig.landmarks["ibug68"].positions(
        face.rig.neutral.vertices
    )


def test_26_muscles_and_every_recipe_names_them() -> None:
    table = muscles()
    assert len(table) == len({m.name for m in table}) == 26
    assert sum(bool(m.fibres or m.rings) for m in table) == 23
    for m in table:
        assert (m.force > 0) == (not m.lid)
    jaw = {"jaw_open", "jaw_forward", "jaw_left"}
    assert {name for recipe in ACTIONS.values() for name in recipe} <= {m.name for m in table} | jaw


def test_rest_is_equilibrium(face: Face) -> None:
    state = posed(face)
    np.testing.assert_allclose(state.positions, face.rest, atol=1e-9)
    np.testing.assert_allclose(face.vertices(state), face.rig.neutral.vertices, atol=1e-6)
    assert (face.tissue.prisms.rest > 0).all()


@pytest.mark.parametrize(
    ("muscle", "point", "direction"),
    [
        ("frontalis_medialis", 21, [0, 1, 0]),
        ("frontalis_lateralis", 18, [0, 1, 0]),
        ("corrugator", 22, [-1, 0, 0]),
        ("depressor_supercilii", 22, [0, -1, 0]),
        ("zygomaticus_major", 54, [1, 1, 0]),
        ("depressor_anguli_oris", 54, [0, -1, 0]),
        ("risorius", 54, [1, 0, -1]),
        ("levator_labii_superioris", 51, [0, 1, 0]),
        ("depressor_labii_inferioris", 57, [0, -1, 0]),
        ("mentalis", 57, [0, 1, 0]),
        ("orbicularis_oris_peripheral", 51, [0, 0, 1]),
        ("incisivus_superioris", 54, [-1, 0, 0]),
        ("orbicularis_oculi_palpebral_upper", 44, [0, -1, 0]),
        ("orbicularis_oculi_palpebral_lower", 46, [0, 1, 0]),
        ("levator_palpebrae", 44, [0, 1, 0]),
        ("jaw_open", 8, [0, -1, 0]),
        ("jaw_forward", 57, [0, 0, 1]),
        ("jaw_left", 8, [1, 0, 0]),
    ],
)
def test_a_muscle_moves_its_landmark(face: Face, muscle: str, point: int, direction: list[int]) -> None:
    moved = marks(face, posed(face, **{muscle: 0.8}))[point]
    along = float(moved @ direction) / np.linalg.norm(direction)
    assert along > 1.0 and along > 0.4 * np.linalg.norm(moved)


def test_one_side_mirrors_the_other_and_leaves_it_alone(face: Face) -> None:
    left, right = (posed(face, **{f"zygomaticus_major_{side}": 0.7}) for side in ("left", "right"))
    moved = face.skin(left)
    np.testing.assert_allclose(face.skin(right), moved[face.mesh.twin] * [-1, 1, 1], atol=0.1)
    assert np.abs(moved).max() > 5
    size, x = np.linalg.norm(moved, axis=1), face.layers.skin[:, 0]
    assert size[x < -15].mean() < 0.25 * size[x > 15].mean()


def test_random_activations_keep_volume_and_layers_and_lower_the_energy(face: Face) -> None:
    random, prisms = np.random.default_rng(0), face.tissue.prisms
    for k in range(6):
        controls = np.zeros(len(face.controls))
        chosen = random.choice(len(controls) - 4, 10, replace=False)
        controls[chosen] = random.uniform(0.2, 1.0, 10)
        controls[-4] = 0.6 * (k % 2)
        state = face.state()
        done = face.solve(state, controls)
        assert not done.diverged and len(done.energies) > 5
        assert (np.diff(done.energies) <= 0).all()
        volume = volumes(state.positions, prisms.corners)
        assert (volume > 0).all()
        assert abs(volume.sum() / prisms.rest.sum() - 1) < 0.05
        assert np.isfinite(face.vertices(state)).all()


def test_closed_lids_meet_outside_the_eyes(face: Face) -> None:
    state = posed(face, orbicularis_oculi_palpebral_upper=1.0)
    points = face.rig.landmarks["ibug68"].positions(face.vertices(state))
    assert (points[[43, 44], 1] - points[[47, 46], 1]).max() < 0.6
    for lids in face.tissue.lids:
        gap, rest = (lids.eye.gap(x[lids.members]) for x in (state.positions, face.rest))
        assert (gap - np.minimum(rest, 0.0)).min() > -0.3  # the rims behind the edges are inside the eyes at rest


def test_teeth_move_rigidly_with_the_jaw(face: Face) -> None:
    moved = face.vertices(posed(face, jaw_open=1.0)) - face.rig.neutral.vertices
    teeth = face.rig.neutral.topology.groups["teeth"]
    np.testing.assert_allclose(moved[teeth], face.rig.shape("jawOpen")[teeth], atol=0.2)


def test_another_identity_smiles_alike(face: Face, another: Face) -> None:
    assert np.abs(another.layers.skin - face.layers.skin).max() > 3
    moved, same = (face_.skin(posed(face_, zygomaticus_major=0.7)) for face_ in (another, face))
    cosine = (moved * same).sum() / np.linalg.norm(moved) / np.linalg.norm(same)
    assert 0.9 < cosine < 1 - 1e-6


def test_a_failed_solve_keeps_the_last_good_state(face: Face) -> None:
    state = posed(face, zygomaticus_major=0.5)
    good, controls = state.positions.copy(), state.controls.copy()
    kept = face.tissue.ties.stiffness[0]
    face.tissue.ties.stiffness[0] = np.nan
    try:
        done = face.solve(state, face.control({"zygomaticus_major": 0.6}))
    finally:
        face.tissue.ties.stiffness[0] = kept
    assert done.diverged and state.diverged
    np.testing.assert_array_equal(state.positions, good)
    np.testing.assert_array_equal(state.controls, controls)
    assert not face.solve(state, controls).diverged


@pytest.mark.parametrize("value", [-0.1, 1.2, np.nan])
def test_an_activation_out_of_range_is_refused(face: Face, value: float) -> None:
    with pytest.raises(MienError, match=r"risorius_left is not in \[0, 1\]"):
        face.solve(face.state(), face.control({"risorius": value}))


def test_an_unknown_muscle_and_another_rig_are_refused(face: Face) -> None:
    with pytest.raises(MienError, match="no muscle 'biceps'"):
        face.control({"biceps": 1.0})
    with pytest.raises(MienError, match="ICT-FaceKit's topology"):
        build_face(load_mo())
