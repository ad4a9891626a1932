import pytest
from benchmarks.layers import VARIANTS, macs, measure
from benchmarks.layers import encoder as made

from mien.systems.capture.model import BLOCKS, STEM


def test_multiplications_are_those_of_the_layers_by_hand() -> None:
    side = (128 - 3) // 2 + 1
    total, channels = 27 * STEM * side**2, STEM
    for expansion, outputs, stride in BLOCKS:
        wide, next_side = channels * expansion, (side - 3) // stride + 1
        total += channels * wide * side**2 * (expansion > 1) + (9 * wide + wide * outputs) * next_side**2
        channels, side = outputs, next_side
    assert macs(made(**VARIANTS["as it ships: no padding, channels in eights"])) == pytest.approx(total / 1e6)


@pytest.mark.filterwarnings("ignore:.*legacy TorchScript:DeprecationWarning")
def test_every_variant_runs_in_both_runtimes() -> None:
    rows = measure(1)
    assert list(rows) == list(VARIANTS)
    assert all(row["onnx_ms"] > 0 and row["ncnn_ms"] > 0 for row in rows.values())
