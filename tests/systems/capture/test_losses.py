import torch
from hypothesis import given
from hypothesis import strategies as st

from mien.systems.capture import losses, spec


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_velocity_ignores_offsets_and_acceleration_ignores_ramps(offset: float, slope: float) -> None:
    true = torch.rand(2, 8, 3)
    scale = torch.tensor([1.0, 2.0, 3.0])
    ramp = offset + slope * torch.arange(8.0)[None, :, None]
    assert losses.velocity_loss(true + offset, true, scale) < 1e-10
    torch.testing.assert_close(
        losses.velocity_loss(true + ramp, true, scale), torch.tensor(slope**2 * 2.0), atol=1e-5, rtol=1e-4
    )
    assert losses.acceleration_loss(true + ramp, true, scale) < 1e-9


def test_a_resting_face_has_no_weights_but_any_gaze() -> None:
    gaze = torch.tensor([name.startswith("eyeLook") for name in spec.CHANNELS])
    weights, scale = torch.rand(3, len(spec.CHANNELS)), torch.rand(len(spec.CHANNELS)) + 0.5
    assert (losses.rest_error(torch.where(gaze, weights, 0), scale) == 0).all()
    expected = (weights.square() * scale)[:, ~gaze].sum(dim=1) / weights.shape[1]
    torch.testing.assert_close(losses.rest_error(weights, scale), expected)


def test_the_gaze_of_a_shut_eye_has_no_say_and_nothing_else_changes() -> None:
    channels = {name: i for i, name in enumerate(spec.CHANNELS)}
    scale = torch.arange(1.0, len(spec.CHANNELS) + 1)
    true = torch.rand(1, 4, len(spec.CHANNELS)) * 0.5
    true[0, :, channels["eyeBlinkLeft"]] = torch.tensor([0.0, 0.6, 0.75, 1.0])
    weighed = losses.facs_scale(true, scale) / scale
    of_left = [i for name, i in channels.items() if name.startswith("eyeLook") and name.endswith("Left")]
    assert len(of_left) == 4
    torch.testing.assert_close(weighed[0, :, of_left], torch.tensor([1.0, 1.0, 0.5, 0.0])[:, None].expand(4, 4))
    others = [i for i in channels.values() if i not in of_left]
    assert (weighed[0][:, others] == 1).all()


def test_the_loss_of_regions_in_sight_is_least_at_their_share() -> None:
    share = torch.tensor([[0.0, 0.3, 1.0]])
    at_share = losses.seen_loss(torch.logit(share, eps=1e-6), share)
    for shift in (-0.5, 0.5):
        assert losses.seen_loss(torch.logit(share, eps=1e-6) + shift, share) > at_share


def test_images_of_which_nobody_knows_what_is_in_sight_say_nothing() -> None:
    share, logit = torch.rand(4, 3), torch.randn(4, 3, requires_grad=True)
    known = torch.tensor([True, False, True, False])
    loss = losses.seen_loss(logit, share, known)
    torch.testing.assert_close(loss, losses.seen_loss(logit[known], share[known]))
    (gradient,) = torch.autograd.grad(loss, logit)
    assert (gradient[~known] == 0).all() and (gradient[known] != 0).all()
    assert losses.seen_loss(logit, share, torch.zeros(4)) == 0
