"""The figures of rigs as documents show them."""

import pytest
from benchmarks.rigs import figures_of


def test_every_measurement_has_its_row() -> None:
    measured = {
        "speed": {"vertices": 26719.0, "one frame, median [ms]": 0.5, "a frame in a batch of 1,000 [ms]": 2.5},
        "round_trip": {
            "round trip, own range [mm]": 0.8, "round trip, same size [mm]": 1.2, "face left at rest [mm]": 2.1,
        },
        "transfer": {
            "transfer with landmarks [mm]": 0.48, "transfer by shape alone [mm]": 0.47,
            "nearest vertex copied [mm]": 0.54, "motion itself [mm]": 3.7, "identities": 6.0,
        },
    }  # fmt: skip
    figures = figures_of(measured)
    rows = [figure.row() for figure in figures]
    assert len(rows) == 6 and sum(figure.headline for figure in figures) == 3
    assert rows[0][0].endswith("vertices off the take by names [mm]")
    assert rows[0][1:] == ("0.8", "", "face left at rest 2.1")
    assert rows[2][1:] == ("0.48", "", "nearest vertex copied 0.54, no motion 3.7")
    assert rows[4][0].endswith("frame by frame, one thread [ms a frame]")
    assert rows[4][1:] == ("0.5", "≤ 2 reached", "")
    assert figures[5].reached is False


def test_what_is_unknown_is_an_error() -> None:
    with pytest.raises(KeyError):
        figures_of({"speed": {}, "round_trip": {}, "transfer": {}})
