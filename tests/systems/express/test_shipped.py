"""What ships: the movement that people get, on the mean face and on people who trained nothing."""

from pathlib import Path

import numpy as np
import pytest

from mien.core.mesh import vertex_normals
from mien.synth.expressions import SUBJECTS, ExpressiveFace
from mien.synth.performer import identity_coefficients
from mien.systems.express.predict import Express
from mien.systems.express.spec import EXPRESSIONS, FPS


@pytest.fixture(scope="module")
def express(assets: Path) -> Express:
    return Express()


@pytest.fixture(scope="module", params=[None, SUBJECTS - 1, SUBJECTS + 3], ids=["mean", "held out", "stranger"])
def neutral(request: pytest.FixtureRequest, express: Express) -> np.ndarray:
    if request.param is None:
        return express.mean
    return ExpressiveFace(identity_coefficients(1, request.param)).neutral


def test_it_starts_and_ends_at_the_neutral_and_holds_its_apex(express: Express, neutral: np.ndarray) -> None:
    for name in EXPRESSIONS:
        moved = express.generate(neutral, f"{name} 0.2-0.6-3.6-4.0 @0.8", duration=5.0).vertices - neutral
        away = np.linalg.norm(moved, axis=2)
        assert away[: round(0.2 * FPS) + 1].max() < 0.01
        assert away[-1].max() < 0.05 * away.max(), f"{name} does not come back"
        held = moved[round(1.0 * FPS) : round(3.5 * FPS)]
        assert np.linalg.norm(held - held[-1], axis=2).mean() < 0.03 * away.max(axis=0).mean(), f"{name} is not held"
        assert away.mean(axis=1).max() > 0.3, f"{name} is hardly seen"


def test_the_surface_stays_whole(express: Express, neutral: np.ndarray) -> None:
    triangles = express.topology.triangles
    before, edges = vertex_normals(neutral, triangles), np.concatenate([triangles[:, :2], triangles[:, 1:]])
    length = np.linalg.norm(neutral[edges[:, 0]] - neutral[edges[:, 1]], axis=1)
    for name in EXPRESSIONS:
        apex = express.generate(neutral, f"{name} 0.0-0.4-1.0-1.4").vertices[round(0.7 * FPS)]
        cosine = (vertex_normals(apex, triangles) * before).sum(axis=1)
        assert (cosine < 0).mean() < 0.02, f"{name} turns the skin over"  # lips roll
        stretched = np.linalg.norm(apex[edges[:, 0]] - apex[edges[:, 1]], axis=1) - length
        assert stretched.max() < 12.0, f"{name} tears the mesh"  # [mm]; corners of an open mouth stretch most


def test_intensity_grows_and_a_blend_lies_between(express: Express, neutral: np.ndarray) -> None:
    def apex(text: str) -> np.ndarray:
        return express.generate(neutral, text).vertices[round(0.7 * FPS)] - neutral

    sizes = [np.linalg.norm(apex(f"happy 0.0-0.4-1.0-1.4 @{i}"), axis=1).mean() for i in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert sizes[0] < 1e-4 and (np.diff(sizes) > 0).all()
    happy, surprised = (apex(f"{name} 0.0-0.4-1.0-1.4 @0.9") for name in ("happy", "surprise"))
    blend = apex("happy 0.0-0.4-1.0-1.4 @0.45; surprise 0.0-0.4-1.0-1.4 @0.45")
    apart = np.linalg.norm(happy - surprised, axis=1).mean()
    assert max(np.linalg.norm(blend - end, axis=1).mean() for end in (happy, surprised)) < apart


def test_streaming_is_generating(express: Express, neutral: np.ndarray) -> None:
    from mien.systems.express.runtime.timeline import Timeline

    timeline = Timeline.parse("anger 0.0-0.3-0.6-0.9; surprise 0.8-1.0-1.2-1.5 @0.7")
    whole = express.generate(neutral, timeline)
    rows = timeline.signal(np.arange(len(whole.times)) / FPS, express.expressions)
    np.testing.assert_array_equal(np.stack(list(express.stream(neutral, iter(rows)))), whole.vertices)
