import json
import pickle
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import tyro

from mien.cli.synth import Dataset, Preview
from mien.core import MienError
from mien.engine.checkpoint import load_checkpoint
from mien.engine.optim import warmup_cosine
from mien.engine.run import open_process
from mien.io.video import open_video
from mien.systems.capture import spec
from mien.systems.capture.config import CaptureConfig
from mien.systems.capture.data import BatchSource, Shards, channel_scale, whitening
from mien.systems.capture.export import export
from mien.systems.capture.model import CaptureNet
from mien.systems.capture.predict import Capture
from mien.systems.capture.runtime.landmark_rig import vertex_gram
from mien.systems.capture.runtime.live_capture import LiveCapture
from mien.systems.capture.train import _new_net, train
from mien.systems.capture.training.augment import sample_view
from mien.systems.capture.training.head_fit import Codes, fit_head, start_linear
from mien.systems.capture.training.mean_face import MeanFace
from mien.systems.capture.training.pair_losses import PairCodes

pytestmark = pytest.mark.filterwarnings("ignore:.*legacy TorchScript:DeprecationWarning")


def after_one_step(config: CaptureConfig) -> CaptureConfig:
    """Windows and resting faces join after one step."""
    return replace(config, samples=10 * config.batch, landmark_share=0.1)


def test_processes_draw_parts_of_a_batch_that_make_a_whole_one(smoke: CaptureConfig) -> None:
    config = after_one_step(replace(smoke, processes=2, sequences_per_batch=2, known_sequences=1))
    whole = BatchSource(config)
    for step in (0, 1):
        one, other = (whole.share(k, 2)[step] for k in (0, 1))
        for name, value in vars(whole[step]).items():
            assert len(getattr(one, name)) + len(getattr(other, name)) == len(value), name
        assert abs(len(one.crops) - len(other.crops)) <= 2
        assert not torch.equal(one.crops[0], other.crops[0])
    with pytest.raises(MienError, match="3 processes cannot share 2 windows"):
        train(replace(config, processes=3))


def test_windows_that_are_missing_when_they_join_are_one_clear_line(smoke: CaptureConfig, tmp_path: Path) -> None:
    config = replace(smoke, samples=2 * smoke.batch, landmark_share=0.5, workers=1, out=str(tmp_path / "run"))
    with pytest.raises(MienError) as raised:
        train(replace(config, sequences=str(tmp_path / "gone")))
    assert "gone" in str(raised.value) and "\n" not in str(raised.value)


def test_shards_go_to_another_process_by_name(smoke: CaptureConfig) -> None:
    shards = Shards(Path(smoke.stills))
    sent = pickle.dumps(shards)
    assert len(sent) < 1000
    again = pickle.loads(sent)
    assert len(again) == len(shards)
    np.testing.assert_array_equal(again[1].crops, shards[1].crops)


def test_two_processes_train_one_network_and_go_on_after_a_kill(smoke: CaptureConfig, tmp_path: Path) -> None:
    two = replace(smoke, processes=2, sequences_per_batch=2, threads=1)
    config = replace(two, samples=4 * two.batch, landmark_share=0.5, out=str(tmp_path / "whole"))
    whole = load_checkpoint(train(config))
    killed = replace(config, out=str(tmp_path / "killed"))
    train(killed, stop_after=3)
    resumed = load_checkpoint(train(killed))
    assert whole is not None and resumed is not None and whole["step"] == resumed["step"] == 4
    for name, value in whole["net"].items():
        torch.testing.assert_close(value, resumed["net"][name], rtol=0, atol=0, msg=name)


def test_a_step_moves_by_each_optimisers_own_rate_and_enters_the_average(smoke: CaptureConfig, tmp_path: Path) -> None:
    config = replace(smoke, samples=8 * smoke.batch, landmark_share=1.0, faces="none", out=str(tmp_path))
    state = load_checkpoint(train(config, stop_after=1))
    assert state is not None and config.muon_rate != config.learning_rate
    rate = warmup_cosine(0, steps=config.steps, warmup=config.warmup, peak=1.0)
    for name, peak in (("muon", config.muon_rate), ("adamw", config.learning_rate)):
        assert [group["lr"] for group in state[name]["param_groups"]] == pytest.approx(
            [rate * peak] * len(state[name]["param_groups"])
        )
    open_process(config)
    start = _new_net(BatchSource(config))[0].state_dict()  # the first draw after the seed
    for name, average in state["average"].items():  # a tenth of the start is left after the first step
        torch.testing.assert_close(average, 0.1 * start[name] + 0.9 * state["net"][name], atol=1e-6, rtol=1e-5)
    assert any(not torch.equal(start[name], state["net"][name]) for name in start)


def test_training_learns_the_landmarks_it_sees(smoke: CaptureConfig, tmp_path: Path) -> None:
    sizes = {"samples": 60 * smoke.batch, "save_every": 60, "head_samples": 800}
    config = replace(smoke, **sizes, landmark_share=0.5, out=str(tmp_path))
    train(config)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["landmarks"] < 0.75 * rows[0]["landmarks"]
    assert "facs" not in rows[0] and rows[-1]["facs"] < rows[1]["facs"] * 1.5


def test_a_take_is_read_again_beside_the_face_at_rest(smoke: CaptureConfig, tmp_path: Path, assets: Path) -> None:
    config = replace(smoke, samples=4 * smoke.batch, landmark_share=1.0, out=str(tmp_path / "run"))
    capture = Capture(export(train(config, stop_after=1), tmp_path / "bundle"))
    picture = assets / "faces" / "webmorph_canada" / "003f.jpg"
    alone, again, beside = (
        capture.video(picture),
        capture.video(picture, neutral="auto"),
        capture.video(picture, neutral=0),
    )
    assert capture.takes_rest and capture.rest is None and capture.layout is spec.LAYOUT
    # One frame recurs nowhere: no rest is found in it, but it may be named.
    np.testing.assert_array_equal(again.raw, alone.raw)
    np.testing.assert_array_equal(beside.codes, alone.codes)
    np.testing.assert_array_equal(beside.track.landmarks, alone.track.landmarks)
    capture.rest = alone.codes[0]
    known = capture.video(picture)
    np.testing.assert_array_equal(beside.raw, known.raw)
    assert np.abs(beside.raw - alone.raw).max() > 1e-3


@pytest.mark.parametrize("mirror", [False, True])
def test_live_the_network_is_shown_the_performer_at_rest(
    smoke: CaptureConfig, tmp_path: Path, assets: Path, mirror: bool
) -> None:
    config = replace(smoke, samples=4 * smoke.batch, landmark_share=1.0, out=str(tmp_path / "run"))
    bundle = export(train(config, stop_after=1), tmp_path / "bundle")
    capture = Capture(bundle, mirror=mirror)
    live, steps = LiveCapture(capture, smooth=False, rest=0.4, hold=False), []
    with open_video(assets / "video" / "single_face.mp4") as video:
        frames = [frame for frame, _ in zip(video, range(20), strict=False)]
    for frame in frames:
        known = capture.rest
        live.frame(frame.image, frame.time)
        steps.append((known, live.captured))
    first = next(n for n, (rest, _) in enumerate(steps) if rest is not None)
    met, (known, after) = steps[:first], steps[first]
    assert frames[first - 1].time >= 0.2 > frames[first - 2].time
    codes = np.stack([face.code for _, face in met if face is not None])
    assert known is not None and after is not None and len(codes) == first
    np.testing.assert_allclose(known, codes.mean(axis=0), rtol=1e-5)
    assert codes.shape == (first, 1 + mirror, spec.CODE)
    alone = Capture(capture.bundle, mirror=mirror)
    faces = [alone.frame(frame.image, frame.time) for frame in frames[: first + 1]]
    assert faces[-1] is not None and np.abs(after.raw - faces[-1].raw).max() > 1e-3
    np.testing.assert_array_equal(after.code, faces[-1].code)
    live.reset()
    assert capture.rest is None


def test_batches_are_a_function_of_seed_and_step(smoke: CaptureConfig) -> None:
    config = after_one_step(smoke)
    one, other = (BatchSource(config) for _ in range(2))
    for step in (0, 1):
        a, b = vars(one[step]), vars(other[step])
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(one[1].crops, one[2].crops)
    first, second = one[0], one[1]
    assert len(first.window_weights) == 0 and second.window_weights.shape == (1, 8, len(spec.CHANNELS))
    rendered = len(second.still_weights) + 8 + int(second.known.sum())
    assert rendered == smoke.batch and int(second.known.sum()) == smoke.known_stills + smoke.known_sequences
    count = rendered + 2 * smoke.faces_per_batch
    assert second.rendered == rendered and second.pairs == smoke.faces_per_batch
    assert len(second.crops) == len(second.landmarks) == len(second.trust) == len(second.steps) == count
    assert (second.steps > 0).all()
    assert second.seen.shape == (count, len(spec.REGIONS))
    assert ((second.seen >= 0) & (second.seen <= 1)).all()


def test_the_channel_scale_is_the_inverse_variance(smoke: CaptureConfig) -> None:
    shards = Shards(Path(smoke.stills))
    weights = np.concatenate([shards[i].weights for i in range(len(shards))])
    scale = channel_scale(shards, floor=1e-9)
    moving = weights.var(axis=0) > 1e-6
    np.testing.assert_allclose(scale[moving], 1 / weights.var(axis=0)[moving], rtol=1e-3)


def test_whitened_landmarks_vary_alike_in_every_direction_but_the_noise(smoke: CaptureConfig) -> None:
    shards = Shards(Path(smoke.stills))
    mean, matrix = whitening(shards, views=3000, noise=1e-3, seed=3)
    rng = np.random.default_rng(3)
    picks = rng.integers(len(shards), size=3000)
    rows = [sample_view(rng).points(shards[int(i)].landmarks[0])[: spec.KEYS] for i in picks]
    white = (np.stack(rows).reshape(3000, -1) - mean) @ matrix
    covariance = np.cov(white.T.astype(np.float64))
    off = covariance - np.diag(np.diag(covariance))
    assert np.abs(off).max() < 0.05
    strong = np.diag(covariance) > 0.5  # 32 faces in similarity views do not span all 140 directions
    assert strong.sum() > 30
    np.testing.assert_allclose(np.diag(covariance)[strong][-20:], 1.0, atol=0.02)
    _, damped = whitening(shards, views=3000, noise=0.5, seed=3)
    assert np.abs(damped).max() <= 1 / 0.5 + 1e-6


def test_the_head_starts_as_the_ridge_regression_of_weights_on_codes() -> None:
    torch.manual_seed(0)
    net, codes = CaptureNet(), _codes()
    start_linear(net.temporal, codes)
    code = torch.cat([codes.still_NE, codes.window_BTE.flatten(0, 1)]).double()
    rest = torch.cat([codes.still_rest_NE, codes.window_rest_BE.repeat_interleave(8, dim=0)]).double()
    known = torch.cat([codes.still_known_N1, codes.window_known_B1.repeat_interleave(8, dim=0)]).double()
    y = torch.cat([codes.still_weights_NA, codes.window_weights_BTA.flatten(0, 1)]).double()

    def expected(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The same regression as a least-squares problem with the penalty as extra rows."""
        centred, rows = x - x.mean(0), (0.01 * len(x)) ** 0.5 * torch.eye(x.shape[1]).double()
        slope = torch.linalg.lstsq(
            torch.cat([centred, rows]), torch.cat([y - y.mean(0), torch.zeros(len(rows), y.shape[1]).double()])
        ).solution
        return (centred @ slope + y.mean(0))[len(codes.still_NE) :].unflatten(0, (-1, 8))

    with torch.no_grad():
        got = net.weigh(codes.window_BTE, codes.window_rest_BE, codes.window_known_B1)
    beside, count = torch.cat([code, known * code, known * rest, known], dim=1), len(spec.RESTING)
    resting, tongue = expected(beside, y[:, :count]), expected(code, y[:, count:])
    torch.testing.assert_close(got.double(), torch.cat([resting, tongue], dim=-1), atol=1e-4, rtol=1e-3)


def test_fitting_the_head_learns_what_no_linear_map_can(smoke: CaptureConfig) -> None:
    torch.manual_seed(0)
    net, codes = CaptureNet(), _codes()
    start_linear(net.temporal, codes)
    scale, gram = torch.ones(len(spec.CHANNELS)), torch.zeros(len(spec.CHANNELS), len(spec.CHANNELS))

    def error() -> float:
        with torch.no_grad():
            still = net.weigh(codes.still_NE[:, None], codes.still_rest_NE, codes.still_known_N1)[:, 0]
            return float((still - codes.still_weights_NA).square().mean())

    linear, encoder = error(), [p.clone() for p in net.encoder.parameters()]
    fit_head(
        net,
        codes,
        scale,
        gram,
        MeanFace.load(),
        replace(smoke, stills_per_batch=8, head_steps=300, head_rate=3e-3, measure_weight=0),
    )
    assert error() < 0.7 * linear
    assert all(torch.equal(a, b) for a, b in zip(encoder, net.encoder.parameters(), strict=True))


def _codes() -> Codes:
    """Codes of which some channels are a linear, some a rectified function; half the performers are known at rest."""
    g = torch.Generator().manual_seed(1)
    still, window = torch.randn(600, spec.CODE, generator=g), torch.randn(30, 8, spec.CODE, generator=g)
    mix = torch.randn(spec.CODE, len(spec.CHANNELS), generator=g) / spec.CODE**0.5
    bend = torch.arange(len(spec.CHANNELS)) % 2 == 0

    def truth(code: torch.Tensor) -> torch.Tensor:
        return torch.where(bend, (code @ mix).abs(), code @ mix)

    def known(count: int) -> torch.Tensor:
        return (torch.arange(count) % 2 == 0).float()[:, None]

    none, said = torch.zeros(0, spec.CODE), torch.zeros(0, 2, dtype=torch.bool)
    pairs = PairCodes(
        one_PE=none,
        other_PE=none,
        kind_P=torch.zeros(0),
        measures_P6=torch.zeros(0, 6),
        change_PA=torch.zeros(0, len(spec.CHANNELS)),
        beside_P=said[:, 0],
        at_rest_P2=said,
        into_camera_P2=said,
        gaze_P2C=torch.zeros(0, 2, 2),
    )
    return Codes(
        still_NE=still,
        still_rest_NE=torch.randn(600, spec.CODE, generator=g) * known(600),
        still_known_N1=known(600),
        still_weights_NA=truth(still),
        window_BTE=window,
        window_rest_BE=torch.randn(30, spec.CODE, generator=g) * known(30),
        window_known_B1=known(30),
        window_weights_BTA=truth(window),
        pairs=pairs,
    )


def test_the_gram_matrix_measures_errors_in_millimetres_on_the_face(assets: Path) -> None:
    from mien.rigs.ict import load_ict

    rig = load_ict()
    face = rig.neutral.topology.groups["face"]
    error = np.random.default_rng(0).normal(0, 0.3, len(spec.CHANNELS)).astype(np.float32)
    moved = rig.evaluate(error, spec.CHANNELS)[face] - rig.neutral.vertices[face]
    assert error @ vertex_gram() @ error == pytest.approx((moved**2).sum(axis=1).mean(), rel=1e-4)


def test_a_folder_without_shards_is_one_line_whose_advice_can_be_followed(smoke: CaptureConfig, tmp_path: Path) -> None:
    gone = {name: tmp_path / f"some {name}" for name in ("stills", "sequences")}
    for name, frames in (("stills", 1), ("sequences", 8)):
        with pytest.raises(MienError, match="no shards") as raised:
            train(replace(after_one_step(smoke), **{name: str(gone[name])}, out=str(tmp_path / name)))
        advice = re.search(r"'mien synth (.+)'", str(raised.value))
        assert advice is not None
        options = tyro.extras.subcommand_cli_from_dict({"dataset": Dataset, "_": Preview}, args=shlex.split(advice[1]))
        assert isinstance(options, Dataset) and options.out == gone[name] and options.frames == frames


def test_a_command_line_without_real_faces_says_how_to_name_them_or_go_without(
    smoke: CaptureConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_FACES", str(tmp_path / "gone"))
    with pytest.raises(MienError, match=r"MIEN_FACES names.*`faces`.*mien train capture --faces none"):
        train(replace(smoke, faces="", out=str(tmp_path / "run")))
    config = replace(smoke, faces="none", samples=smoke.batch, landmark_share=1.0, out=str(tmp_path / "run"))
    assert train(config).exists() and BatchSource(config).pairs is None
