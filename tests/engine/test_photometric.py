import numpy as np

from mien.engine.photometric import Patch, photometric

SIDE = 128


def test_a_window_changes_alike_in_all_frames_but_for_noise() -> None:
    frames = [np.full((SIDE, SIDE, 3), 120, np.uint8)] * 3
    for seed in range(20):
        out, _ = photometric(np.random.default_rng(seed), frames)
        means = [frame.mean() for frame in out]
        assert np.ptp(means) < 0.3


def test_a_patch_covers_exactly_the_pixels_that_it_paints() -> None:
    found = 0
    for seed in range(60):
        frame = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
        (with_patch,), patch = photometric(np.random.default_rng(seed), [frame])
        if patch is None:
            continue
        found += 1
        points = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1)
        covered = patch.covers(points)
        assert (with_patch[covered] == patch.color).all() and 0 < covered.mean() < 0.5
        flat = (with_patch == patch.color).all(axis=-1)
        assert flat[~covered].mean() < 0.01  # nowhere else, but for chance
    assert found > 5
    edge = Patch(top=1, bottom=3, left=2, right=5, color=np.zeros(3, np.uint8))
    assert edge.covers(np.array([[2.0, 1.0], [5.0, 1.0], [4.99, 2.99], [2.0, 0.99]])).tolist() == [
        True,
        False,
        True,
        False,
    ]
