from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mien.core.transforms import GAZE_LIMITS, gaze_from_weights
from mien.systems.capture import spec
from mien.systems.capture.config import PRESETS
from mien.systems.capture.evaluation.face_measures import MEASURES, measures_of_weights
from mien.systems.capture.model import CaptureNet
from mien.systems.capture.runtime.landmark_rig import LandmarkRig, landmark_rig
from mien.systems.capture.training.mean_face import MeanFace
from mien.systems.capture.training.pair_losses import (
    PairCodes,
    change_loss,
    gaze_loss,
    gaze_of,
    measure_loss,
    pair_losses,
)
from mien.systems.capture.training.real_pairs import PairKind

COUNT = len(spec.CHANNELS)
AT = {name: k for k, name in enumerate(spec.CHANNELS)}


@pytest.fixture(scope="module")
def face(assets: Path) -> MeanFace:
    return MeanFace.load()


class Answering(CaptureNet):
    """A net whose codes are its answers: the first channels of a code, and beside a rest the next ones."""

    def weigh(self, code_BTE: Tensor, rest_BE: Tensor, known_B1: Tensor) -> Tensor:
        alone, beside = code_BTE[..., :COUNT], code_BTE[..., COUNT : 2 * COUNT]
        return torch.where(known_B1[:, None] > 0, beside, alone)


def pairs_of(kinds: list[PairKind], **known: Tensor) -> PairCodes:
    """Pairs with random answers, of which nothing but their kind and `known` is known."""
    g, count = torch.Generator().manual_seed(3), len(kinds)
    codes = [torch.rand(count, spec.CODE, generator=g) for _ in range(2)]
    said: dict[str, Any] = {
        "measures_P6": torch.zeros(count, len(MEASURES)),
        "change_PA": torch.zeros(count, COUNT),
        "beside_P": torch.zeros(count, dtype=torch.bool),
        "at_rest_P2": torch.zeros(count, 2, dtype=torch.bool),
        "into_camera_P2": torch.zeros(count, 2, dtype=torch.bool),
        "gaze_P2C": torch.full((count, 2, 2), torch.nan),
    }
    return PairCodes(one_PE=codes[0], other_PE=codes[1], kind_P=torch.tensor(kinds), **{**said, **known})


def weighed(pairs: PairCodes, face: MeanFace, consistency: float = 1.0) -> dict[str, Tensor]:
    return pair_losses(Answering(), pairs, torch.ones(COUNT), face, PRESETS["cpu"], consistency)


def test_measures_in_torch_are_those_in_numpy(face: MeanFace) -> None:
    weights = np.random.default_rng(0).uniform(0, 1, (40, COUNT))
    expected = measures_of_weights(weights, LandmarkRig.from_arrays(landmark_rig()))
    got = face.measures(torch.from_numpy(weights.astype(np.float32)))
    np.testing.assert_allclose(got.numpy(), expected, atol=2e-5)


def test_measures_have_a_gradient_even_where_lids_meet(face: MeanFace) -> None:
    points = face.neutral_L2[None].clone()
    points[:, [37, 38, 40, 41]] = points[:, [37, 38, 40, 41]].mean(dim=1, keepdim=True)
    shut = MeanFace(points[0], face.shapes_AL2)
    weights = torch.zeros(1, COUNT, requires_grad=True)
    (gradient,) = torch.autograd.grad(shut.measures(weights).sum(), weights)
    assert torch.isfinite(gradient).all()


def test_a_change_is_squared_in_units_of_what_faces_do_and_linear_far_off() -> None:
    told = torch.zeros(1, 6)
    one = torch.zeros(1, 6)
    one[0, MEASURES.index("width")] = 0.03
    torch.testing.assert_close(change_loss(one, told), torch.tensor([1 / 6]))
    torch.testing.assert_close(change_loss(3 * one, told), torch.tensor([9 / 6]))
    torch.testing.assert_close(change_loss(10 * one, told), torch.tensor([(60 - 9) / 6]))
    # A change that is too small counts three times.
    told[0, MEASURES.index("width")] = 0.06
    torch.testing.assert_close(change_loss(told + one, told), torch.tensor([1 / 6]))
    torch.testing.assert_close(change_loss(told - one, told), torch.tensor([3 / 6]))
    torch.testing.assert_close(change_loss(one - told, -told), torch.tensor([3 / 6]))


def test_the_error_of_measures_is_in_units_of_what_faces_do(face: MeanFace) -> None:
    rng = np.random.default_rng(2)
    true = rng.uniform(0, 0.6, (30, COUNT)).astype(np.float32)
    near = np.clip(true + rng.normal(0, 0.02, true.shape), 0, 1).astype(np.float32)
    rig = LandmarkRig.from_arrays(landmark_rig())
    far = (measures_of_weights(near, rig) - measures_of_weights(true, rig)) / (0.04, 0.03, 0.025, 0.012, 0.012, 0.06)
    expected = np.where(np.abs(far) < 3, far**2, 3 * (2 * np.abs(far) - 3)).mean()
    got = measure_loss(face, torch.from_numpy(near), torch.from_numpy(true))
    assert float(got) == pytest.approx(expected, rel=1e-3)
    assert measure_loss(face, torch.from_numpy(true), torch.from_numpy(true)) == 0


def test_gaze_in_torch_is_that_in_numpy() -> None:
    weights = np.random.default_rng(1).uniform(0, 1, (20, COUNT)).astype(np.float32)
    np.testing.assert_allclose(gaze_of(torch.from_numpy(weights)).numpy(), gaze_from_weights(weights), atol=1e-6)


def test_an_error_of_gaze_is_squared_in_units_of_a_tenth_of_a_radian_and_linear_far_off() -> None:
    true = torch.tensor([[[0.2, -0.1], [0.2, -0.1]]])
    assert gaze_loss(true, true) == 0
    torch.testing.assert_close(gaze_loss(true + 0.2, true), torch.tensor([4.0]))
    torch.testing.assert_close(gaze_loss(true + torch.tensor([0.5, 0.0]), true), torch.tensor([(30 - 9) / 2]))


def test_two_pictures_of_a_person_say_only_how_the_measures_changed(face: MeanFace) -> None:
    pairs = pairs_of([PairKind.PICTURES, PairKind.PICTURES], beside_P=torch.tensor([True, False]))
    one, other = pairs.one_PE[:, :COUNT], pairs.other_PE[:, :COUNT]
    # The teacher's brows fall short.
    short = torch.tensor([1, 1, 1, 1, 1.3, 1])
    pairs.measures_P6.copy_((face.measures(one) - face.measures(other)) / short)
    terms = weighed(pairs, face)
    assert terms["pair"] < 1e-9
    zero = {
        "moved",
        "moved_beside",
        "moved_measures",
        "moved_measures_beside",
        "invariance",
        "rest",
        "gaze",
        "gaze_ahead",
        "gaze_moved",
    }
    assert all(terms[name] == 0 for name in zero) and terms["pair_beside"] > 0 and terms["rest_beside"] > 0
    beside = face.measures(pairs.one_PE[:1, COUNT : 2 * COUNT]) - face.measures(pairs.other_PE[:1, COUNT : 2 * COUNT])
    expected = PRESETS["cpu"].pair_weight * change_loss(beside, short * pairs.measures_P6[:1])[0]
    torch.testing.assert_close(terms["pair_beside"], expected)


def test_a_moved_face_has_changed_by_the_known_weights_but_for_gaze_and_lids(face: MeanFace) -> None:
    pairs = pairs_of([PairKind.MOVED], beside_P=torch.tensor([True]))
    pairs.change_PA.copy_(pairs.one_PE[:, :COUNT] - pairs.other_PE[:, :COUNT])
    terms = weighed(pairs, face)
    assert (
        max(terms["moved"], terms["moved_measures"]) < 1e-9
        and terms["pair"] == terms["pair_beside"] == terms["invariance"] == 0
    )
    # Beside the face at rest the change is the answer itself.
    free = [k for name, k in AT.items() if name.startswith(("eyeLook", "eyeBlink"))]
    off = (pairs.one_PE[:, COUNT : 2 * COUNT] - pairs.change_PA).square()
    off[:, free] = 0
    torch.testing.assert_close(terms["moved_beside"], off.sum() / COUNT)
    at = pairs.other_PE[:, COUNT : 2 * COUNT]
    beside = face.measures(pairs.one_PE[:, COUNT : 2 * COUNT]) - face.measures(at)
    expected = change_loss(beside, face.measures(at + pairs.change_PA) - face.measures(at))[0]
    torch.testing.assert_close(terms["moved_measures_beside"], PRESETS["cpu"].pair_weight * expected)
    pairs.change_PA[:, free] += 1
    assert weighed(pairs, face)["moved"] < 1e-12


def test_views_of_one_picture_have_equal_weights_and_measures(face: MeanFace) -> None:
    pairs = pairs_of([PairKind.VIEWS])
    off = (pairs.one_PE[:, :COUNT] - pairs.other_PE[:, :COUNT]).square().mean()
    torch.testing.assert_close(weighed(pairs, face, consistency=3.0)["invariance"], 3 * off)
    pairs.other_PE.copy_(pairs.one_PE)
    terms = weighed(pairs, face)
    assert terms["invariance"] == terms["pair"] == 0


def test_rest_and_gaze_are_asked_for_only_where_they_are_known(face: MeanFace) -> None:
    nobody = weighed(pairs_of([PairKind.PICTURES] * 3), face)
    assert nobody["rest"] == nobody["gaze"] == nobody["gaze_ahead"] == nobody["rest_beside"] == 0
    said = torch.tensor([[False, True], [False, False], [False, False]])
    pairs = pairs_of([PairKind.PICTURES] * 3, at_rest_P2=said, into_camera_P2=said.flip(1))
    terms, config = weighed(pairs, face), PRESETS["cpu"]
    known = torch.full((3, 2, 2), torch.nan)
    known[2, 1] = torch.tensor([0.3, -0.2])
    pairs.gaze_P2C.copy_(known)
    terms = weighed(pairs, face)
    gaze = torch.tensor([name.startswith("eyeLook") for name in spec.CHANNELS])
    rest = torch.where(gaze, 0, pairs.other_PE[0, :COUNT]).square().mean()
    torch.testing.assert_close(terms["rest"], config.rest_weight * rest)
    ahead = gaze_loss(gaze_of(pairs.one_PE[:1, :COUNT]), torch.zeros(1, 2, 2))[0]
    torch.testing.assert_close(terms["gaze_ahead"], config.gaze_weight * ahead)
    looks = gaze_of(pairs.other_PE[2:, :COUNT]).mean(dim=1)
    torch.testing.assert_close(terms["gaze"], config.gaze_weight * gaze_loss(looks[:, None], known[2:, 1:])[0])


def test_turned_eyes_have_turned_each_by_the_known_angle(face: MeanFace) -> None:
    pairs = pairs_of([PairKind.MOVED, PairKind.PICTURES])
    pairs.change_PA[0] = pairs.one_PE[0, :COUNT] - pairs.other_PE[0, :COUNT]
    assert weighed(pairs, face)["gaze_moved"] < 1e-12
    pairs.change_PA[0, AT["eyeLookUpLeft"]] += 0.1 / GAZE_LIMITS["Up"]
    torch.testing.assert_close(weighed(pairs, face)["gaze_moved"], torch.tensor(PRESETS["cpu"].gaze_weight / 4))
