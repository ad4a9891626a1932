import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import tyro

from mien.cli.synth import Expressions, Preview
from mien.core import MienError
from mien.engine.checkpoint import load_checkpoint
from mien.systems.express import losses
from mien.systems.express.config import ExpressConfig
from mien.systems.express.data import BatchSource
from mien.systems.express.evaluate import bundle_predictor, error_table, f1_table, held_out, measure
from mien.systems.express.export import export
from mien.systems.express.predict import Express
from mien.systems.express.runtime.identity_code import IdentityCode, LocalShape
from mien.systems.express.train import train
from mien.systems.express.training.corpus import load_corpus

pytestmark = pytest.mark.filterwarnings("ignore:.*legacy TorchScript:DeprecationWarning")


@pytest.fixture(scope="module")
def learnt(smoke: ExpressConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An identity-aware run of 160 steps on the scans."""
    out = tmp_path_factory.mktemp("learnt")
    config = replace(smoke, out=str(out), model="identity", epochs=80, decay=0.99, fall=0.0, pairs=4, save_every=100)
    return train(config)


def test_a_killed_run_of_the_pca_decoder_goes_on_exactly(smoke: ExpressConfig, tmp_path: Path) -> None:
    """Its blendshapes are computed at the start alone; the other decoders are in tests/contract."""
    config = replace(smoke, model="pca", epochs=3)
    whole = load_checkpoint(train(replace(config, out=str(tmp_path / "whole"))))
    killed = replace(config, out=str(tmp_path / "killed"))
    train(killed, stop_after=2)
    resumed = load_checkpoint(train(killed))
    assert whole is not None and resumed is not None and whole["step"] == resumed["step"] == 6
    for name, value in whole["net"].items():
        torch.testing.assert_close(value, resumed["net"][name], rtol=0, atol=0, msg=name)


def test_a_run_starts_from_anothers_weights(smoke: ExpressConfig, learnt: Path, tmp_path: Path) -> None:
    first = load_checkpoint(learnt)
    config = replace(smoke, model="identity", out=str(tmp_path / "more"), start=str(learnt), learning_rate=1e-12)
    more = load_checkpoint(train(config))
    assert first is not None and more is not None and more["step"] == 4
    for name, value in first["net"].items():
        torch.testing.assert_close(value, more["net"][name], rtol=0, atol=1e-6, msg=name)
    assert more["seen"] == first["seen"] + 4 * 4 * 2 * 2  # steps, sequences, pairs, frames
    for start, model in ((tmp_path / "none.pt", "identity"), (learnt, "plain")):
        with pytest.raises(MienError, match="to start from"):
            train(replace(smoke, model=model, out=str(tmp_path / model), start=str(start)))


def test_batches_are_a_function_of_seed_and_step_and_an_epoch_sees_everything_once(smoke: ExpressConfig) -> None:
    corpus = load_corpus(smoke)
    code = IdentityCode.fit(corpus.train_neutrals(), np.arange(10), smoke.code)
    shape = LocalShape(corpus.neutral(0), corpus.triangles)
    one, other = (BatchSource(smoke, corpus, code, shape) for _ in range(2))
    for step in (0, 3):
        a, b = vars(one[step]), vars(other[step])
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert one.steps_per_epoch == 2
    signals = torch.cat([one[0].signal, one[1].signal])
    assert len(torch.unique(signals.flatten(1), dim=0)) == 8
    frames = one[0].frames.unflatten(1, (-1, 2))
    assert (frames.diff(dim=2) == 1).all() and frames.max() < 15


def test_the_temporal_loss_ignores_what_does_not_change() -> None:
    true = torch.rand(5, 2, 3, 2, 3)
    offset = torch.rand(5, 2, 3, 1, 3)
    torch.testing.assert_close(losses.reconstruction_loss(true + offset, true), offset.mean())
    torch.testing.assert_close(losses.temporal_loss(true + offset, true), torch.tensor(0.0), atol=1e-6, rtol=0)
    later = torch.tensor([0.0, 0.5])[:, None]
    torch.testing.assert_close(losses.temporal_loss(true + later, true), torch.tensor(0.5))


def test_training_learns_and_the_held_out_subject_is_better_than_still(learnt: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (learnt.parent / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["reconstruction"] < rows[0]["reconstruction"] / 3
    state = load_checkpoint(learnt)
    assert state is not None
    corpus = load_corpus(ExpressConfig(**state["config"]))
    bundle = export(learnt, tmp_path / "bundle")
    rows = held_out(corpus)
    assert rows.tolist() == np.flatnonzero(~corpus.train).tolist()  # each take once
    ours = {
        "ours": measure(corpus, bundle_predictor(bundle, corpus), rows),
        "still": measure(corpus, lambda i: 0 * corpus.displacements(i, np.arange(15)), rows),
    }
    table = error_table(corpus, ours, rows)
    assert table["ours"]["total"] < 0.6 * table["still"]["total"]
    assert set(table["ours"]) == {"happiness", "surprise", "total", "course"}
    assert f1_table(corpus, ours, rows)["ours"]["f1"] == 1.0


def test_a_generated_sequence_starts_at_the_neutral_and_obeys_its_timeline(learnt: Path, tmp_path: Path, actor) -> None:
    express = Express(export(learnt, tmp_path / "bundle"))
    neutral, shapes, _ = actor(4)
    sequence = express.generate(neutral, "happy 0.1-0.3-0.6-0.8 @0.9", fps=60.0, duration=1.0)
    assert len(sequence.times) == 61 and sequence.vertices.shape == (61, len(neutral), 3)
    moved = sequence.vertices - neutral.astype(np.float32)
    drift = np.linalg.norm(moved[:6], axis=2).max()
    assert drift < 1e-5  # zero before the onset, but for rounding
    top = shapes["happiness"][:, 1].argmax()
    assert moved[30, top, 1] > 0.4 * shapes["happiness"][top, 1]
    strong, weak = (
        express.generate(neutral, f"happy 0.1-0.3-0.6-0.8 @{i}").vertices[15, top, 1] - neutral[top, 1]
        for i in (0.9, 0.3)
    )
    assert strong > weak > 0
    still = express.generate(neutral, "happy 0-1-2-3 @0").vertices
    np.testing.assert_allclose(still, np.broadcast_to(neutral, still.shape), atol=1e-4)
    again = express.generate(neutral, "happy 0.1-0.3-0.6-0.8 @0.9", fps=60.0, duration=1.0)
    np.testing.assert_array_equal(again.vertices, sequence.vertices)


def test_what_cannot_be_expressed_is_one_clear_line(learnt: Path, tmp_path: Path, actor) -> None:
    express = Express(export(learnt, tmp_path / "bundle"))
    neutral, *_ = actor(0)
    for bad, complaint in (
        (neutral[:-1], "topology"),
        (np.where(np.arange(len(neutral))[:, None] == 3, np.nan, neutral), "no number"),
        (np.random.default_rng(0).permutation(neutral), "another order"),
        (neutral / 10, "millimetres"),
    ):
        with pytest.raises(MienError, match=complaint):
            express.generate(bad, "happy 0-1-2-3")
    with pytest.raises(MienError, match="'fear'"):
        express.generate(neutral, "fear 0-1-2-3")  # not among the expressions of these scans
    with pytest.raises(MienError, match="frame rate"):
        express.generate(neutral, "happy 0-1-2-3", fps=0)
    with pytest.raises(MienError, match="at most"):
        express.generate(neutral, "happy 0-1-2-9999")
    with pytest.raises(MienError, match="one per expression"):
        list(express.stream(neutral, [np.array([np.nan, 0.0])]))


def test_missing_data_are_one_line_whose_advice_can_be_followed(smoke: ExpressConfig, tmp_path: Path) -> None:
    with pytest.raises(MienError, match="no such folder") as raised:
        train(replace(smoke, data=str(tmp_path / "some data")))
    advice = re.search(r"'mien synth (.+)'", str(raised.value))
    assert advice is not None
    options = tyro.extras.subcommand_cli_from_dict(
        {"expressions": Expressions, "_": Preview}, args=shlex.split(advice[1])
    )
    assert isinstance(options, Expressions) and options.out == tmp_path / "some data"


def test_the_command_writes_a_sequence_and_names_what_it_cannot_read(learnt: Path, tmp_path: Path, actor) -> None:
    import trimesh

    from mien.cli.express import main
    from mien.core import MeshSequence

    bundle = export(learnt, tmp_path / "bundle").path
    neutral, _, triangles = actor(2)
    trimesh.Trimesh(neutral / 1000, triangles, process=False).export(tmp_path / "face.obj")
    out, common = tmp_path / "x.npz", ["--bundle", str(bundle), "--unit", "m"]
    main([str(tmp_path / "face.obj"), "--timeline", "happy 0.1-0.3-0.6-0.8", "--out", str(out), *common])
    sequence = MeshSequence.load(out)
    np.testing.assert_allclose(sequence.vertices[0], neutral, atol=1e-3)
    np.testing.assert_array_equal(sequence.topology.triangles, triangles)
    assert np.linalg.norm(sequence.vertices[14] - neutral, axis=1).mean() > 0.2
    for words, complaint in (
        (["mean", "--out", str(tmp_path / "x.txt")], "npz"),
        (["face.stl", "--out", str(out)], ".obj, .ply"),
        (["mean", "--timeline", "bored 0-1-2-3", "--out", str(out)], "bored"),
        (["mean", "--out", str(tmp_path / "none" / "x.npz")], "none"),
    ):
        with pytest.raises(MienError, match=complaint):
            main([*words, *common])
