from pathlib import Path

import pytest

from mien.core import Clip, MeshSequence, MienError
from mien.io import formats


def test_the_table():
    assert set(formats.suffixes(Clip)) >= {".csv", ".npz", ".glb", ".gltf"}
    assert ".gltf" not in formats.suffixes(Clip, writable=True)
    assert ".npz" in formats.suffixes(MeshSequence)


def test_unknown_extensions_name_the_known_ones(tmp_path: Path):
    with pytest.raises(MienError, match=r"a clip is read from one of: .csv"):
        Clip.load(tmp_path / "take.xyz")
    with pytest.raises(MienError, match="a mesh sequence is read from"):
        MeshSequence.load(tmp_path / "take.csv")


def test_extensions_ignore_case(assets: Path, tmp_path: Path):
    target = tmp_path / "TAKE.CSV"
    target.write_bytes((assets / "motion" / "alex_rom_3.csv").read_bytes())
    assert len(Clip.load(target)) == 4030


def test_read_only_formats_say_so(tmp_path: Path, assets: Path):
    clip = Clip.load(assets / "motion" / "alex_rom_3.csv")
    with pytest.raises(MienError, match="can be read but not written"):
        clip.save(tmp_path / "a.gltf")
