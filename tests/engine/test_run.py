"""Opening a training run; going on with one and keeping it is in tests/contract, on every system."""

import random
from dataclasses import replace

import numpy as np
import torch

from mien.engine.config import RunConfig
from mien.engine.run import open_process


def test_what_a_process_draws_first_follows_from_the_seed_of_its_run() -> None:
    before = torch.get_num_threads()

    def drawn(seed: int) -> tuple[float, ...]:
        open_process(replace(RunConfig(), seed=seed, threads=before))
        return random.random(), float(np.random.random()), *torch.rand(3).tolist()  # noqa: NPY002

    one, other, again = drawn(1), drawn(2), drawn(1)
    assert one == again
    assert all(a != b for a, b in zip(one, other, strict=True))
