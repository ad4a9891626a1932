import numpy as np
import pytest

from mien.core import Features, MienError


def features() -> Features:
    times = np.array([0.0, 0.1, 0.3])
    return Features(times=times, values={"weights": np.arange(6.0).reshape(3, 2), "code": np.arange(3.0)[:, None]})


def test_vectors_are_joined_in_the_order_asked_for() -> None:
    assert features().joined(("code", "weights")).tolist() == [[0, 0, 1], [1, 2, 3], [2, 4, 5]]
    with pytest.raises(MienError, match="no features 'audio'; there are: weights, code"):
        features().joined(("audio",))


def test_at_other_times_they_are_linear() -> None:
    moved = features().at(np.array([-1.0, 0.1, 0.2, 9.0]))
    np.testing.assert_allclose(moved.values["code"][:, 0], [0, 1, 1.5, 2])
    np.testing.assert_allclose(moved.values["weights"][2], [3, 4])
    with pytest.raises(ValueError, match="without frames"):
        Features(times=np.zeros(0), values={}).at(np.zeros(1))


def test_inconsistent_features_are_refused() -> None:
    with pytest.raises(ValueError, match="features 'code' have shape"):
        Features(times=np.arange(2.0), values={"code": np.zeros((3, 1))})
    with pytest.raises(ValueError, match="strictly increasing"):
        Features(times=np.zeros(2), values={})
