from pathlib import Path

import numpy as np
import pytest

from mien.core import FIVE, MienError
from mien.systems.capture import spec
from mien.systems.capture.training.portraits import (
    WEBMORPH_TO_MIEN70,
    landmarks_from_template,
    load_portraits,
    read_template,
    split,
)


@pytest.fixture(scope="module")
def folder(assets: Path) -> Path:
    return assets / "faces" / "webmorph_canada"


def test_the_halves_are_disjoint_and_cover_the_set(folder: Path) -> None:
    train, held_out = split(folder, held_out=False), split(folder, held_out=True)
    assert len(train) == len(held_out) == 20
    assert not set(train) & set(held_out)


def test_a_folder_without_portraits_is_not_trained_without_a_word(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(MienError, match=r"holds no portraits.*assets get portraits"):
            load_portraits(folder, held_out=False)


def test_mapped_landmarks_mirror_into_each_other(folder: Path) -> None:
    # Faces are nearly symmetric: each left point's mean place is its right partner's, mirrored at the bridge.
    shapes = []
    for path in sorted(folder.glob("*.tem")):
        points, trust = landmarks_from_template(read_template(path))
        middle, eyes = points[[68, 69]].mean(axis=0), np.linalg.norm(points[69] - points[68])
        shapes.append((points - middle) / eyes)
    mean = np.mean(shapes, axis=0)
    known = trust > 0
    np.testing.assert_allclose(mean[known], (mean[list(spec.LAYOUT.mirror)] * (-1, 1))[known], atol=0.05)
    assert all(trust[a] == trust[b] for a, b in enumerate(spec.LAYOUT.mirror))


def test_points_lie_where_their_names_say(folder: Path) -> None:
    points, trust = landmarks_from_template(read_template(sorted(folder.glob("*.tem"))[0]))
    x, y = points.T
    assert x[36] < x[68] < x[39] < x[27] < x[42] < x[69] < x[45]  # eye corners around irises, the bridge between
    assert y[37] < y[68] < y[41] < y[30] < y[33] < y[51] < y[57] < y[8]  # top to bottom
    assert (trust > 0).sum() == len(WEBMORPH_TO_MIEN70)


def test_aligned_portraits_have_their_eyes_where_the_template_puts_them(folder: Path) -> None:
    from mien.track.align import TEMPLATE

    portraits = load_portraits(folder, held_out=True)
    assert len(portraits) == 20
    eyes = np.stack([p.landmarks[[68, 69]] - spec.MARGIN for p in portraits])
    expected = TEMPLATE[[FIVE.groups["eye_right"][0], FIVE.groups["eye_left"][0]]] * spec.CROP
    assert np.abs(np.median(eyes, axis=0) - expected).max() < 3.0
    assert portraits[0].crop.shape == (160, 160, 3)


def test_points_that_templates_lack_are_where_a_face_has_them(folder: Path) -> None:
    """Brows above the lids, a jaw line as wide as the cheeks and low enough, the chin in line with it."""
    for portrait in load_portraits(folder, held_out=True):
        x, y = portrait.landmarks.T
        eyes = np.linalg.norm(portrait.landmarks[45] - portrait.landmarks[36])
        assert (y[37] - y[17:22] > 0.12 * eyes).all() and (y[44] - y[22:27] > 0.12 * eyes).all()
        assert x[16] - x[0] > 1.3 * eyes and y[4:13].min() > y[33]
        assert np.abs(portrait.landmarks[8] - (portrait.landmarks[7] + portrait.landmarks[9]) / 2).max() < 0.12 * eyes
        assert (portrait.trust > 0).all() and (portrait.trust == 1).sum() == 33


@pytest.mark.parametrize("text", ["", "3\n1 2\n", "189\nx y\n", "189\n" + "1 2\n" * 100])
def test_a_foreign_template_is_one_clear_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.tem"
    path.write_text(text)
    with pytest.raises(MienError, match=r"a\.tem"):
        read_template(path)
