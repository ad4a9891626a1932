from pathlib import Path

import pytest

from mien.cli.outputs import check_output, check_suffix, expand
from mien.core import Clip, MienError, Rig
from mien.io.atomic import check_writable


def test_name_stands_for_the_input() -> None:
    inputs = [Path("a/one.mp4"), Path("two.mov")]
    assert expand(["{name}.csv", "out/{name}_take.glb"], inputs) == [
        [Path("one.csv"), Path("out/one_take.glb")],
        [Path("two.csv"), Path("out/two_take.glb")],
    ]
    assert expand(["take.csv"], inputs[:1]) == [[Path("take.csv")]]


@pytest.mark.parametrize("inputs", [["one.mp4", "two.mp4"], ["a/one.mp4", "b/one.mp4"]])
def test_two_inputs_never_share_a_file(inputs: list[str]) -> None:
    out = "take.csv" if inputs[0] == "one.mp4" else "{name}.csv"
    with pytest.raises(MienError, match="would be written for both"):
        expand([out], [Path(name) for name in inputs])


def test_an_input_is_never_overwritten() -> None:
    with pytest.raises(MienError, match="is an input"):
        expand(["./x/../{name}.mp4"], [Path("one.mp4")])


def test_the_format_is_known_before_the_work(tmp_path: Path) -> None:
    check_output(tmp_path / "take.CSV", Clip)
    with pytest.raises(MienError, match=r"a clip is written as one of: .*\.csv"):
        check_output(tmp_path / "take.fbx", Clip)
    check_output(tmp_path / "folder", Rig)
    with pytest.raises(MienError, match="none"):
        check_output(tmp_path / "none" / "folder", Rig)
    check_suffix(tmp_path / "preview.MP4", (".mp4",), "a preview")
    with pytest.raises(MienError, match=r"a preview is written as \.mp4"):
        check_suffix(tmp_path / "preview.gif", (".mp4",), "a preview")
    assert list(tmp_path.iterdir()) == []


def test_what_is_read_is_never_written(tmp_path: Path) -> None:
    (tmp_path / "take.csv").write_text("curves")
    (tmp_path / "link.csv").symlink_to("take.csv")
    with pytest.raises(MienError, match="overwritten"):
        check_output(tmp_path / "link.csv", Clip, never=[None, tmp_path / "gone.csv", tmp_path / "take.csv"])
    check_output(tmp_path / "other.csv", Clip, never=[tmp_path / "take.csv"])


def test_checking_leaves_nothing_and_keeps_what_is_there(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.csv")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.csv").write_text("old")
    check_writable(tmp_path / "old.csv")
    assert (tmp_path / "old.csv").read_text() == "old"
    for bad in (tmp_path / "none" / "x.csv", tmp_path / "old.csv" / "x.csv", tmp_path):
        with pytest.raises(MienError):
            check_writable(bad)
