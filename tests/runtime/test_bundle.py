import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mien
from mien.core import MIEN70, MienError
from mien.runtime import Bundle, Manifest, StateSpec, TensorSpec, packaged_bundles
from mien.runtime import bundle as bundle_module

from .conftest import MANIFEST, Net


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_what_was_written_is_what_loads(bundle: Bundle) -> None:
    again = Bundle.load(bundle.path)
    assert again.manifest == bundle.manifest
    assert replace(again.manifest, files={}) == MANIFEST
    assert set(again.manifest.files) == {"model.onnx", "model.ncnn.param", "model.ncnn.bin", "arrays.npz"}
    assert again.manifest.layout is MIEN70
    np.testing.assert_array_equal(again.arrays["mean"], np.arange(6, dtype=np.float32).reshape(2, 3))
    assert again.ncnn == (bundle.path / "model.ncnn.param", bundle.path / "model.ncnn.bin")


def test_the_card_states_licence_data_and_figures(bundle: Bundle) -> None:
    card = (bundle.path / "README.md").read_text()
    for text in ("Apache-2.0", "| noise | CC0-1.0 | 10 | a seed |", "1 x 3 x 7 x 9", "pearson.mean: 0.5", "seed 3"):
        assert text in card


def test_writing_again_replaces_the_whole_folder(bundle: Bundle, net: Net) -> None:
    Bundle.write(bundle.path, replace(MANIFEST, version="2.0"), model=net.onnx(), card="mine\n")
    again = Bundle.load(bundle.path)
    assert again.manifest.version == "2.0"
    assert again.ncnn is None
    assert again.arrays == {}
    assert set(tree(bundle.path)) == {"model.onnx", "manifest.json", "README.md"}
    assert [entry.name for entry in bundle.path.parent.iterdir()] == ["net"]


@pytest.mark.parametrize("stage", ["first", "swap"])
def test_an_interrupted_write_leaves_the_old_bundle(
    bundle: Bundle, net: Net, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    before = tree(bundle.path)
    if stage == "first":
        monkeypatch.setattr(bundle_module, "model_card", _interrupt)
    else:
        rename, calls = Path.rename, []

        def second_fails(self: Path, target: Path) -> Path:
            calls.append(target)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(KeyboardInterrupt):
        Bundle.write(bundle.path, replace(MANIFEST, version="2.0"), model=net.onnx())
    assert tree(bundle.path) == before
    assert [entry.name for entry in bundle.path.parent.iterdir()] == ["net"]


def _interrupt(_: Manifest) -> str:
    raise KeyboardInterrupt


def test_a_folder_that_is_no_bundle_is_not_overwritten(tmp_path: Path, net: Net) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.txt").write_text("keep")
    with pytest.raises(MienError, match="exists and is not a bundle"):
        Bundle.write(tmp_path / "photos", MANIFEST, model=net.onnx())
    assert tree(tmp_path) == {"photos/a.txt": b"keep"}


def test_a_missing_parent_is_one_line(tmp_path: Path, net: Net) -> None:
    with pytest.raises(MienError, match="cannot write there"):
        Bundle.write(tmp_path / "none" / "net", MANIFEST, model=net.onnx())


def test_object_arrays_are_refused_on_write_and_on_read(bundle: Bundle, tmp_path: Path, net: Net) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(MienError, match="Python objects"):
        Bundle.write(tmp_path / "bad", MANIFEST, model=net.onnx(), arrays={"x": objects})
    file = bundle.path / "arrays.npz"
    np.savez(file, x=objects)
    # A stranger's bundle may carry any file with the right checksum.
    for content in (file.read_bytes(), file.read_bytes()[:-30], b"", b"junk"):
        file.write_bytes(content)
        edit(bundle, lambda m: m["files"].update({"arrays.npz": bundle_module._sha256(file)}))
        with pytest.raises(MienError, match=r"arrays\.npz cannot be read"):
            _ = Bundle.load(bundle.path).arrays


def edit(bundle: Bundle, change) -> None:
    path = bundle.path / "manifest.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def damage(file: str):
    def change(bundle: Bundle) -> None:
        data = bytearray((bundle.path / file).read_bytes())
        data[len(data) // 2] ^= 1
        (bundle.path / file).write_bytes(bytes(data))

    return change


def text(content: bytes):
    return lambda bundle: (bundle.path / "manifest.json").write_bytes(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damage("model.onnx"), "model.onnx is damaged"),
        (damage("model.ncnn.bin"), "model.ncnn.bin is damaged"),
        (damage("arrays.npz"), "arrays.npz is damaged"),
        (lambda b: (b.path / "model.onnx").unlink(), "model.onnx is missing"),
        (lambda b: (b.path / "manifest.json").unlink(), "manifest.json is missing"),
        (text(b"{"), "not valid JSON"),
        (text(b"\xff\xfe"), "cannot be read"),
        (text(b"[1]"), "not a mien manifest"),
        (text(b"{}"), "not a mien manifest"),
        (lambda b: edit(b, lambda m: m.update(format=2)), "has format 2; this mien reads format 1"),
        (lambda b: edit(b, lambda m: m.pop("inputs")), "lacks 'inputs'"),
        (lambda b: edit(b, lambda m: m.update(sede=3)), "unknown field 'sede'"),
        (lambda b: edit(b, lambda m: m.update(seed="3")), "'seed' is not of the type int"),
        (lambda b: edit(b, lambda m: m.update(seed=True)), "'seed' is not of the type int"),
        (lambda b: edit(b, lambda m: m["inputs"][0].update(shape=[1, 0])), "sizes must be positive"),
        (lambda b: edit(b, lambda m: m["inputs"][0].update(name="leak")), "names an input twice"),
        (lambda b: edit(b, lambda m: m["inputs"][0].update(ncnn_shape=[3, 3])), "in NCNN"),
        (lambda b: edit(b, lambda m: m["files"].pop("model.onnx")), "lists no model.onnx"),
        (lambda b: edit(b, lambda m: m["files"].update({"../x": "0"})), "not inside the bundle"),
    ],
)
def test_every_kind_of_damage_is_one_clear_line(bundle: Bundle, change, message: str) -> None:
    change(bundle)
    with pytest.raises(MienError) as caught:
        Bundle.load(bundle.path)
    assert message in str(caught.value)
    assert str(bundle.path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_lists_the_ones_that_ship() -> None:
    with pytest.raises(MienError, match="no such bundle"):
        Bundle.load("nobody")


def test_packaged_bundles_are_the_weights_of_the_systems_and_load() -> None:
    systems = Path(mien.__file__).parent / "systems"
    found = packaged_bundles()
    assert set(found.values()) == {m.parent for m in systems.glob("*/weights/manifest.json")}
    for name in found:
        bundle = Bundle.load(name)
        assert bundle.manifest.name == name
        assert bundle.manifest.licence
        assert bundle.manifest.training_data


def test_an_unknown_layout_asks_for_an_upgrade() -> None:
    with pytest.raises(MienError, match="unknown landmark layout 'dlib5'"):
        _ = replace(MANIFEST, landmarks="dlib5").layout


def test_feeds_and_fetches_put_states_last() -> None:
    assert [s.name for s in MANIFEST.feeds] == ["image", "history", "leak"]
    assert [s.name for s in MANIFEST.fetches] == ["output", "history_next", "leak_next"]


def test_a_mat_drops_the_batch_axis_unless_told() -> None:
    assert TensorSpec(name="a", shape=(1, 3, 7)).mat_shape == (3, 7)
    assert TensorSpec(name="a", shape=(1,)).mat_shape == (1,)
    assert TensorSpec(name="a", shape=(1, 3), ncnn_shape=(1, 3)).mat_shape == (1, 3)
    state = StateSpec(input="a", output="b", shape=(1, 3), ncnn_shape=(1, 3))
    assert replace(MANIFEST, states=(state,)).feeds[-1].mat_shape == (1, 3)
