from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mien.systems.capture import spec
from mien.systems.capture.config import PRESETS
from mien.systems.capture.evaluation.face_measures import MEASURES, measures_of_weights
from mien.systems.capture.model import CaptureNet
from mien.systems.capture.runtime.landmark_rig import LandmarkRig, landmark_rig
from mien.systems.capture.training.mean_face import MeanFace
from mien.systems.capture.training.pair_losses import PairCodes, change_loss, gaze_loss, pair_losses
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
    one[0, MEASURES.index("width")] = 0.04
    torch.testing.assert_close(change_loss(one, told), torch.tensor([1 / 6]))
    torch.testing.assert_close(change_loss(3 * one, told), torch.tensor([9 / 6]))
    torch.testing.assert_close(change_loss(10 * one, told), torch.tensor([(60 - 9) / 6]))
    # The teacher's brows fall short.
    told[0, MEASURES.index("brows")] = 0.01
    assert change_loss(1.3 * told, told) < 1e-12 < change_loss(told, told)


def test_eyes_in_the_camera_are_a_little_turned_in() -> None:
    weights = torch.rand(1, COUNT)
    weights[0, [k for name, k in AT.items() if name.startswith("eyeLook")]] = 0.0
    weights[0, [AT["eyeLookInLeft"], AT["eyeLookInRight"]]] = 0.09
    assert gaze_loss(weights, torch.ones(COUNT)) < 1e-12
    weights[0, AT["eyeLookUpLeft"]] = 0.4
    torch.testing.assert_close(gaze_loss(weights, torch.full((COUNT,), 2.0)), torch.tensor([2 * 0.16 / 8]))


def test_two_pictures_of_a_person_say_only_how_the_measures_changed(face: MeanFace) -> None:
    pairs = pairs_of([PairKind.PICTURES, PairKind.PICTURES], beside_P=torch.tensor([True, False]))
    one, other = pairs.one_PE[:, :COUNT], pairs.other_PE[:, :COUNT]
    pairs.measures_P6.copy_((face.measures(one) - face.measures(other)) / torch.tensor([1, 1, 1, 1, 1.3, 1]))
    terms = weighed(pairs, face)
    assert terms["pair"] < 1e-9
    zero = {"moved", "moved_beside", "invariance", "rest", "gaze"}
    assert all(terms[name] == 0 for name in zero) and terms["pair_beside"] > 0 and terms["rest_beside"] > 0
    beside = face.measures(pairs.one_PE[:1, COUNT : 2 * COUNT]) - face.measures(pairs.other_PE[:1, COUNT : 2 * COUNT])
    torch.testing.assert_close(terms["pair_beside"], change_loss(beside, pairs.measures_P6[:1])[0])


def test_a_moved_face_has_changed_by_the_known_weights_but_for_gaze_and_lids(face: MeanFace) -> None:
    pairs = pairs_of([PairKind.MOVED], beside_P=torch.tensor([True]))
    pairs.change_PA.copy_(pairs.one_PE[:, :COUNT] - pairs.other_PE[:, :COUNT])
    terms = weighed(pairs, face)
    assert terms["moved"] < 1e-12 and terms["pair"] == terms["pair_beside"] == terms["invariance"] == 0
    # Beside the face at rest the change is the answer itself.
    free = [k for name, k in AT.items() if name.startswith(("eyeLook", "eyeBlink"))]
    off = (pairs.one_PE[:, COUNT : 2 * COUNT] - pairs.change_PA).square()
    off[:, free] = 0
    torch.testing.assert_close(terms["moved_beside"], off.sum() / COUNT)
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
    assert nobody["rest"] == nobody["gaze"] == nobody["rest_beside"] == 0
    said = torch.tensor([[False, True], [False, False], [False, False]])
    pairs = pairs_of([PairKind.PICTURES] * 3, at_rest_P2=said, into_camera_P2=said.flip(1))
    terms, config = weighed(pairs, face), PRESETS["cpu"]
    gaze = torch.tensor([name.startswith("eyeLook") for name in spec.CHANNELS])
    rest = torch.where(gaze, 0, pairs.other_PE[0, :COUNT]).square().mean()
    torch.testing.assert_close(terms["rest"], config.rest_weight * rest)
    torch.testing.assert_close(
        terms["gaze"], config.gaze_weight * gaze_loss(pairs.one_PE[:1, :COUNT], torch.ones(COUNT))[0]
    )
