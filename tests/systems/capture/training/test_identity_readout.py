"""The identity read off codes: against a world whose people and codes are drawn from the model itself."""

from pathlib import Path

import numpy as np
import pytest

from mien.core import MienError
from mien.runtime import Bundle
from mien.systems.capture.runtime.identity_readout import Readout
from mien.systems.capture.training.identity_readout import learn, learn_readout


def world(people: int, frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(codes [N, 12], who [N], coefficients [P, 4]): codes say two of four coefficients, under noise of two kinds."""
    rng = np.random.default_rng([1, seed])
    said = np.random.default_rng(2).normal(size=(12, 2))
    coefficients = rng.normal(size=(people, 4))
    own = coefficients[:, :2] @ said.T + 0.5 * rng.normal(size=(people, 12)) + 7.0
    who = np.repeat(np.arange(people), frames)
    return own[who] + rng.normal(0, 2.0, (len(who), 12)), who, coefficients


def test_what_codes_say_is_read_what_they_do_not_stays_open() -> None:
    readout = learn(*world(4000, 6))
    codes, who, truth = world(1000, 16, seed=1)
    errors: list[float] = []
    for count in (1, 4, 16):
        guesses = [readout.guess(codes[who == p][:count]) for p in range(1000)]
        off = np.array([g.mean for g in guesses]) - truth
        said = np.diag(guesses[0].covariance)
        errors.append(float((off[:, :2] ** 2).mean()))
        # The covariance is what the error turns out to be, on the safe side by what `_bounded` keeps open.
        assert ((off**2).mean(axis=0) < 1.15 * said).all() and ((off**2).mean(axis=0) > 0.6 * said).all()
        assert np.linalg.eigvalsh(guesses[0].covariance).min() > 0
        np.testing.assert_allclose(said[2:], 1.0, atol=0.05)
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.25


def test_units_and_offsets_of_codes_do_not_matter() -> None:
    codes, who, truth = world(500, 4)
    scale = np.geomspace(1e-3, 1e3, 12)
    plain, moved = learn(codes, who, truth), learn(codes * scale + 5.0, who, truth)
    for count in (1, 4):
        one, other = plain.guess(codes[:count]), moved.guess(codes[:count] * scale + 5.0)
        np.testing.assert_allclose(one.mean, other.mean, atol=2e-3)
        np.testing.assert_allclose(one.covariance, other.covariance, atol=2e-3)


def test_bad_input_is_refused(tmp_path: Path) -> None:
    codes, who, truth = world(20, 3)
    with pytest.raises(ValueError, match="twice"):
        learn(codes[:-2], who[:-2], truth)
    readout = learn(codes, who, truth)
    for bad in (codes[:0], np.full((1, 12), np.nan)):
        with pytest.raises(ValueError, match="finite"):
            readout.guess(bad)
    with pytest.raises(MienError, match=f"{tmp_path.name}: no shards"):
        learn_readout(Bundle.load("capture"), [tmp_path])
    assert Readout.from_arrays({}) is None
    back = Readout.from_arrays(readout.arrays())
    assert back is not None
    np.testing.assert_allclose(back.modes, readout.modes, rtol=1e-6)
