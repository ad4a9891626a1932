from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core import MienError
from mien.systems.express.config import ExpressConfig
from mien.systems.express.training.corpus import load_corpus
from mien.systems.express.training.scan_folders import estimate_timing, read_folder


def test_a_folder_becomes_sequences_in_millimetres(smoke: ExpressConfig, folder: Path, actor) -> None:
    recordings, triangles = read_folder(folder, unit_mm=1000.0, fps=30.0)
    assert [(r.subject, r.expression) for r in recordings[:3]] == [
        ("subject0", "happiness"),
        ("subject0", "surprise"),
        ("subject1", "happiness"),
    ]
    neutral, shapes, faces = actor(0)
    np.testing.assert_array_equal(triangles, faces)
    np.testing.assert_allclose(recordings[0].vertices[7], neutral + shapes["happiness"], atol=1e-3)
    np.testing.assert_allclose(estimate_timing(recordings[0].vertices, recordings[0].times) * 30, [1, 5, 9, 13], atol=1)
    corpus = load_corpus(smoke)
    assert corpus.expressions == ("happiness", "surprise") and corpus.train.sum() == 8
    np.testing.assert_allclose(corpus.displacements(0, np.array([7]))[0], shapes["happiness"], atol=1e-3)
    assert corpus.signal[0, 7, 0] == pytest.approx(corpus.extremeness[0]) and not corpus.signal[0, :, 1].any()
    assert corpus.apex(0, 30.0) == 7


def test_folders_that_hold_nothing_usable_are_one_clear_line(
    smoke: ExpressConfig, tmp_path: Path, folder: Path
) -> None:
    with pytest.raises(MienError, match="no sequences"):
        load_corpus(replace(smoke, data=str(tmp_path)))
    with pytest.raises(MienError, match="no such folder"):
        load_corpus(replace(smoke, data=str(tmp_path / "none")))
    with pytest.raises(MienError, match="train_subjects"):
        load_corpus(replace(smoke, train_subjects=0))
    place = tmp_path / "a" / "happiness"
    place.mkdir(parents=True)
    for t in range(3):
        (place / f"{t}.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n" + ("v 1 1 1\n" if t == 2 else "") + "f 1 2 3\n")
    with pytest.raises(MienError, match="topology"):
        load_corpus(replace(smoke, data=str(tmp_path)))
