from dataclasses import replace

import numpy as np
import pytest

from mien.core import Mesh, MeshSequence, Topology

TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])


def sequence(frames: int = 4) -> MeshSequence:
    rng = np.random.default_rng(frames)
    return MeshSequence(
        times=np.cumsum(rng.uniform(0.01, 0.1, frames)),
        vertices=rng.normal(size=(frames, 4, 3)).astype(np.float32),
        topology=Topology(triangles=TRIANGLES),
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"times": np.arange(5.0)}, r"shape \(4, 4, 3\), not \[5, V, 3\]"),
        ({"times": np.zeros(4)}, "strictly increasing"),
        ({"vertices": np.zeros((4, 4, 2))}, "vertices have shape"),
        ({"vertices": np.zeros((4, 3, 3))}, "vertices beyond the 3"),
    ],
)
def test_inconsistent_sequences_are_refused(changes: dict[str, np.ndarray], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(sequence(), **changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"triangles": np.zeros((2, 4), int)}, "triangles have shape"),
        ({"triangles": np.zeros((2, 3))}, "triangles have shape"),
        ({"uv": np.zeros((4, 3))}, "uv has shape"),
        ({"uv": np.zeros((4, 2)), "uv_triangles": np.zeros((1, 3), int)}, "uv_triangles have shape"),
    ],
)
def test_inconsistent_topologies_are_refused(changes: dict[str, np.ndarray], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Topology(**{"triangles": TRIANGLES, **changes})


def test_inconsistent_meshes_are_refused() -> None:
    with pytest.raises(ValueError, match="mesh vertices have shape"):
        Mesh(vertices=np.zeros((4, 2)), topology=Topology(triangles=TRIANGLES))
    with pytest.raises(ValueError, match="vertices beyond the 3"):
        Mesh(vertices=np.zeros((3, 3)), topology=Topology(triangles=TRIANGLES))
    with pytest.raises(ValueError, match="vertices beyond"):
        Mesh(vertices=np.zeros((4, 3)), topology=Topology(triangles=np.array([[0, 1, -1]])))


def test_what_holds_arrays_is_compared_by_being_the_same() -> None:
    one, other = sequence(), sequence()
    mesh = Mesh(vertices=one.vertices[0], topology=one.topology)
    assert one == one and one != other  # noqa: PLR0124
    assert one.topology != other.topology
    assert mesh != Mesh(vertices=one.vertices[0], topology=one.topology)
    assert len({one, other, mesh, one.topology}) == 4


def test_at_its_own_times_a_sequence_is_itself_and_between_them_straight() -> None:
    whole = sequence()
    same = whole.at(whole.times)
    assert np.array_equal(same.vertices, whole.vertices) and same.topology is whole.topology
    middle = whole.at((whole.times[:-1] + whole.times[1:]) / 2)
    np.testing.assert_allclose(middle.vertices, (whole.vertices[:-1] + whole.vertices[1:]) / 2, atol=1e-6)
    assert middle.vertices.dtype == np.float32
    ends = whole.at(np.array([-1.0, 99.0]))
    assert np.array_equal(ends.vertices, whole.vertices[[0, -1]])
    empty = MeshSequence(times=np.zeros(0), vertices=np.zeros((0, 4, 3)), topology=whole.topology)
    with pytest.raises(ValueError, match="without frames"):
        empty.at(np.zeros(1))
