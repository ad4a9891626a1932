import numpy as np
import pytest

from mien.engine.fingerprint import fingerprint

A = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_equal_contents_have_equal_fingerprints_wherever_they_lie() -> None:
    wide = np.zeros((2, 6), np.float32)
    wide[:, ::2] = A
    assert fingerprint(["a", b"b", A]) == fingerprint(iter(["a", b"b", wide[:, ::2]]))


@pytest.mark.parametrize(
    "other",
    [
        ["a", b"b", A + np.float32(1e-6)],
        ["a", b"b", A.astype(np.float64)],
        ["a", b"b", A.reshape(3, 2)],
        ["ab", b"", A],
        ["a", b"b"],
        [b"b", "a", A],
        ["a", b"b", A, np.zeros((0, 3))],
    ],
)
def test_any_other_contents_have_another(other: list[bytes | str | np.ndarray]) -> None:
    assert fingerprint(other) != fingerprint(["a", b"b", A])
