"""On ICT-FaceKit's own topology, with weights that have seen a single step: what matters here is not how it looks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import ARKIT, Clip, Mesh, MeshSequence, MienError, Topology
from mien.rigs.ict_topology import FACE, SKIN, VERTICES
from mien.runtime import Bundle
from mien.synth.expressions import ExpressiveFace, sample_takes, write_expressions
from mien.systems.express.config import PRESETS
from mien.systems.express.evaluate import frames_per_second
from mien.systems.express.export import export
from mien.systems.express.predict import Express
from mien.systems.express.runtime.wrinkles import REGIONS
from mien.systems.express.train import train

pytestmark = pytest.mark.filterwarnings("ignore:.*legacy TorchScript:DeprecationWarning")
TEXT = "happy 0.0-0.1-0.15-0.25; surprise 0.1-0.2-0.25-0.3"


@pytest.fixture(scope="module")
def bundle(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("ict")
    write_expressions(folder / "data", subjects=4, per_expression=1)
    config = replace(PRESETS["smoke"], data=str(folder / "data"), out=str(folder / "run"))
    return export(train(config, stop_after=1), folder / "bundle")


@pytest.fixture(scope="module")
def express(bundle: Bundle) -> Express:
    return Express(bundle)


def test_large_tables_are_stored_in_half_precision_and_indices_short(bundle: Bundle) -> None:
    # 16 blendshapes 0.9 MB, indices 0.45 MB, everything else 1 MB; the export has compared it with torch.
    assert (bundle.path / "model.onnx").stat().st_size < 2.6e6


def test_a_whole_head_moves_with_its_face(express: Express) -> None:
    from mien.rigs.ict import load_ict

    head = load_ict().neutral
    whole = express.generate(head, TEXT)
    face = express.generate(head.vertices[:FACE], TEXT)
    assert whole.vertices.shape[1:] == (VERTICES, 3) and np.array_equal(
        whole.topology.triangles, head.topology.triangles
    )
    np.testing.assert_allclose(whole.vertices[:, :FACE], face.vertices, atol=1e-4)
    np.testing.assert_allclose(whole.vertices[0], head.vertices, atol=1e-4)  # no drift at time 0
    assert np.isfinite(whole.vertices).all()


def test_the_movement_is_read_as_weights_and_wrinkles(express: Express) -> None:
    sequence = express.generate(express.mean, TEXT)
    clip = express.clip(sequence)
    assert clip.weights.shape == (len(sequence.times), 52) and not clip.weights[0].any()
    assert clip.weights.min() >= 0 and clip.weights.max() <= 1 + 1e-6 and clip.weights.any()
    signal = express.wrinkles(sequence)
    assert signal.shape == (len(sequence.times), len(REGIONS)) and signal[0].max() < 1e-6


def test_faces_moved_by_weights_give_these_weights_back(express: Express) -> None:
    from mien.rigs.ict import load_ict

    takes = sample_takes(1, 3, 1)
    face, weights = ExpressiveFace(takes.coefficients), takes.weights[0][::6]
    moved = np.concatenate([np.zeros((1, FACE, 3), np.float32), face.displacements(weights)])
    sequence = MeshSequence(
        times=np.arange(len(moved)) / 5, vertices=(face.neutral + moved).astype(np.float32), topology=express.topology
    )
    found = express.clip(sequence).weights[1:]
    # The face is another person's and not linear: what is asked is the same units, as strongly.
    assert np.corrcoef(found.ravel(), weights.ravel())[0, 1] > 0.9
    left = np.linalg.norm(np.tensordot(found, load_ict().basis()[:, :FACE], axes=1) - moved[1:], axis=2).mean()
    assert left < 0.25 * np.linalg.norm(moved[1:], axis=2).mean()
    assert found[:, ARKIT.index("mouthSmileLeft")].max() > 0.2


def test_raised_brows_fold_the_forehead_and_knit_ones_the_glabella(express: Express) -> None:
    from mien.rigs.ict import load_ict

    rig = load_ict()
    raised, knit = (
        express.mean + sum(rig.shape(name)[:FACE] for name in names)
        for names in (("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), ("browDownLeft", "browDownRight"))
    )
    frames = np.stack([express.mean, raised, knit]).astype(np.float32)
    signal = express.wrinkles(MeshSequence(times=np.arange(3.0), vertices=frames, topology=express.topology))
    shown = {name: signal[1:, column] for column, name in enumerate(REGIONS)}
    assert shown["forehead"][0] > 0.6 and shown["forehead"][1] < 0.15
    assert shown["glabella"][1] > 0.6 and shown["glabella"][0] < 0.15


def test_the_command_writes_what_it_is_asked_for(bundle: Bundle, assets: Path, tmp_path: Path) -> None:
    from mien.cli.express import main

    common = ["--timeline", TEXT, "--bundle", str(bundle.path)]
    for name in ("x.glb", "x.pc2", "x.mdd", "x.npz", "frames"):
        main(["mean", "--out", str(tmp_path / name), *common])
        assert MeshSequence.load(tmp_path / name).vertices.shape == (16, FACE, 3)
    more = ["--clip", str(tmp_path / "x.csv"), "--wrinkles", str(tmp_path / "w.csv")]
    main(["mean", "--out", str(tmp_path / "x.npz"), *common, *more])
    assert len(Clip.load(tmp_path / "x.csv").times) == 16
    assert (tmp_path / "w.csv").read_text().startswith("time,forehead,")
    for words, complaint in (
        (["mean", "--out", str(tmp_path / "frames")], "there already"),
        (["mean", "--out", str(tmp_path / "y.npz"), "--clip", str(tmp_path / "y.glb")], "csv or .npz"),
        (["mean", "--out", str(tmp_path / "y.npz"), "--wrinkles", str(tmp_path / "y.png")], ".csv"),
        (["mean", "--out", str(tmp_path / "y.npz"), "--transfer"], "as the neutral"),
    ):
        with pytest.raises(MienError, match=complaint):
            main([*words, *common])


def test_a_mesh_of_another_topology_is_refused_with_the_way_out_and_taken_by_transfer(
    bundle: Bundle, tmp_path: Path
) -> None:
    from mien.cli.express import main
    from mien.rigs.ict import load_ict

    skin = load_ict().neutral  # without eyes, teeth and mouth: 11,248 vertices
    triangles = skin.topology.triangles[(skin.topology.triangles < SKIN).all(axis=1)]
    Mesh(vertices=skin.vertices[:SKIN], topology=Topology(triangles=triangles)).save(tmp_path / "skin.obj")
    words = [str(tmp_path / "skin.obj"), "--unit", "mm", "--out", str(tmp_path / "x.npz"), "--timeline", TEXT]
    with pytest.raises(MienError, match="`transfer`"):
        main([*words, "--bundle", str(bundle.path)])
    more = ["--clip", str(tmp_path / "x.csv"), "--wrinkle-maps", str(tmp_path / "maps")]
    main([*words, "--bundle", str(bundle.path), "--transfer", *more])
    sequence = MeshSequence.load(tmp_path / "x.npz")
    np.testing.assert_allclose(sequence.vertices[0], skin.vertices[:SKIN], atol=1e-2)
    assert len(sequence.times) == len(Clip.load(tmp_path / "x.csv").times) == 16
    # The mean head is the mean person: the face moves as it does on its own topology.
    own = Express(bundle).generate(skin.vertices[:FACE], TEXT).vertices
    apart = np.linalg.norm(sequence.vertices[:, :FACE] - own, axis=2).mean(axis=1)
    assert apart.max() < 0.2 * np.linalg.norm(own - own[0], axis=2).mean(axis=1).max()
    maps = sorted(path.stem for path in (tmp_path / "maps").iterdir())
    assert maps == sorted(REGIONS)


def test_speed_is_a_number(bundle: Bundle) -> None:
    assert frames_per_second(bundle, frames=5) > 0
