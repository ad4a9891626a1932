"""The read-out of identity that ships."""

from pathlib import Path

import numpy as np

from mien.runtime import Bundle
from mien.systems.capture import spec
from mien.systems.capture.runtime.identity_readout import Readout


def test_the_shipped_readout_fits_the_shipped_network_and_tells_people_apart(assets: Path) -> None:
    from mien.systems.capture.predict import Capture

    readout = Readout.from_arrays(Bundle.load("capture").arrays)
    assert readout is not None
    state = next(state for state in Bundle.load("capture").manifest.states if state.input == "code_past")
    assert readout.mean.shape == (state.shape[1] // spec.PAST,)
    folder = assets / "faces" / "webmorph_canada"
    capture = Capture()
    one, other = (readout.guess(capture.video(path).codes[:, 0]).mean for path in sorted(folder.glob("*.jpg"))[:2])
    assert np.linalg.norm(one - other) > 0.3
