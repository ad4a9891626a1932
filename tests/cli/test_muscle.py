"""`mien muscle`: the file is what the verb returns, the options act, and bad input gets one line."""

from pathlib import Path

import numpy as np
import pytest

import mien
from mien.cli.main import main

CHANNELS = ("mouthSmileLeft", "mouthSmileRight", "jawOpen", "eyeBlinkLeft", "eyeBlinkRight")


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("muscle") / "take.npz"
    weights = np.array([[0, 0, 0, 0, 0], [0.8, 0.8, 0, 0, 0], [0.2, 0.2, 0.5, 1, 1]], np.float32)
    mien.Clip(times=np.arange(3) / 10, weights=weights, channels=CHANNELS).save(path)
    return path


def test_the_file_is_what_the_verb_returns(take: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, table = tmp_path / "x.npz", tmp_path / "a.csv"
    assert main(["muscle", str(take), "--out", str(out), "--activations", str(table)]) == 0
    assert "3 frames" in capsys.readouterr().out
    written, sequence = mien.MeshSequence.load(out), mien.muscle(take)
    np.testing.assert_allclose(written.vertices, sequence.vertices, atol=1e-3)
    np.testing.assert_array_equal(written.times, sequence.times)
    moved = np.linalg.norm(sequence.vertices - mien.load_rig("ict").neutral.vertices, axis=2)[:, :9409].max(axis=1)
    assert moved[0] < 0.5 and moved[1] > 5 and moved[2] > 10
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    names = header.split(",")
    values = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    assert names[0] == "time" and len(names) == 57 and values.shape == (3, 57)
    assert (values[:, 1:] >= 0).all() and (values[:, 1:] <= 1).all()
    smile = values[:, names.index("zygomaticus_major_left")]
    assert smile[1] > 0.2 and smile[1] > 2 * smile[2]
    assert values[2, names.index("jaw_open")] == pytest.approx(0.5, abs=0.01)


def test_without_dynamics_the_lids_are_shut_at_once(take: Path, tmp_path: Path) -> None:
    def lids(*options: str) -> float:
        assert main(["muscle", str(take), "--out", str(tmp_path / "y.npz"), *options]) == 0
        header, *rows = (tmp_path / "b.csv").read_text(encoding="utf-8").splitlines()
        return float(rows[2].split(",")[header.split(",").index("orbicularis_oculi_palpebral_upper_left")])

    table = ("--activations", str(tmp_path / "b.csv"))
    assert lids(*table, "--no-dynamics") == 1.0
    assert 0.99 < lids(*table) < 1.0  # ten time constants later


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["muscle", "missing.csv", "--out", "x.glb"], "missing.csv"),
        (["muscle", "TAKE", "--rig", "mo", "--out", "x.glb"], "not 'mo'"),
        (["muscle", "TAKE", "--out", "x.txt"], "x.txt"),
        (["muscle", "show", "--level", "1.5", "--out", "x.png"], "--level is an activation, from 0 to 1"),
        (["muscle", "show", "--out", "x.obj"], ".png or .jpg"),
    ],
)
def test_bad_input(
    take: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([str(take) if word == "TAKE" else word for word in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())
