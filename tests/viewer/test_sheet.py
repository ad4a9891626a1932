from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mien.core import ARKIT, Corrective, Rig
from mien.rigs.mo.load import load_mo
from mien.viewer.sheet import EXPRESSIONS, contact_sheet, expression_weights, turntable

CELL, HEADING = 48, 12


@cache
def plain() -> Rig:
    return replace(load_mo(), correctives=(), corrective_shapes=None)


@cache
def drawn() -> np.ndarray:
    return contact_sheet(plain(), visemes=(), cell=CELL)


def test_three_views_six_expressions_and_every_channel():
    sheet = drawn()
    assert sheet.shape == (3 * CELL + 9 * CELL // 6 + 6 * CELL + 3 * HEADING, 9 * CELL, 3)
    assert len(np.unique(sheet[-CELL:].reshape(-1, 3), axis=0)) > 100


def test_visemes_and_correctives_have_rows_of_their_own():
    mouth = Corrective(name="corrected", channels=("jawOpen", "mouthSmileLeft"))
    over = Corrective(name="over", channels=("mouthClose", "jawOpen"), rule="excess")
    shapes = np.stack([-plain().shape("jawOpen"), -plain().shape("mouthClose")])
    rig = replace(plain(), correctives=(mouth, over), corrective_shapes=shapes)
    sheet = contact_sheet(rig, cell=CELL)
    assert len(sheet) == len(drawn()) + 2 * CELL + HEADING + CELL + HEADING
    last = sheet[-CELL:, : 4 * CELL].reshape(CELL, 4, CELL, 3).transpose(1, 0, 2, 3).astype(int)
    face = last[:, : round(0.88 * CELL)]  # above the labels
    assert np.abs(face[0] - face[1]).max() > 60 and np.abs(face[2] - face[3]).max() > 20


def test_a_rig_with_few_shapes_has_few_cells():
    kept = [ARKIT.index("jawOpen"), ARKIT.index("eyeBlinkLeft")]
    rig = replace(plain(), shape_names=("jawOpen", "eyeBlinkLeft"), shapes=plain().shapes[kept])
    assert len(contact_sheet(rig, visemes=(), cell=CELL)) == len(drawn()) - 5 * CELL


def test_the_turntable_turns_once():
    pictures = turntable(plain(), side=64, frames=8)
    assert len(pictures) == 8 and pictures[0].shape == (64, 64, 3)
    apart = [np.abs(picture.astype(int) - pictures[0]).mean() for picture in pictures]
    assert apart[0] == 0 and min(apart[1:]) > 1
    # Light comes from one side, so the picture of the other profile is no exact mirror; its outline is.
    outline = [np.abs(picture.astype(int) - pictures[0][0, 0]).max(axis=-1) > 8 for picture in pictures]
    assert (outline[2][:, ::-1] == outline[6]).mean() > 0.97


def test_expressions_use_real_channels():
    assert len(EXPRESSIONS) == 6
    for weights in EXPRESSIONS.values():
        vector = expression_weights(weights)
        assert vector.max() <= 1
        assert np.count_nonzero(vector) == len(weights)
    with pytest.raises(KeyError):
        expression_weights({"smirk": 1.0})
