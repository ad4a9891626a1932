from pathlib import Path

import numpy as np
import pytest

from mien.core import MienError
from mien.systems.capture.training.teacher import hand_marks, learn_from_renders


def test_hand_marks_are_those_of_people_that_are_trained_on(assets: Path) -> None:
    marks = hand_marks(assets / "real")
    assert marks is not None and len(marks.points) == len(marks.templates) == 122 - 41
    assert np.isfinite(marks.templates).all()


def test_without_the_teachers_model_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(MienError, match=r"gone\.task.*face_landmarker\.task"):
        learn_from_renders(tmp_path / "gone.task", 20)
