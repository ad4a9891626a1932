"""`Bundle`: a folder with a network, the data that are needed to run it, and its provenance.

model.onnx                            the network (canonical)
model.ncnn.param, model.ncnn.bin      the same network for NCNN (optional)
arrays.npz                            constants that its system needs (optional; never pickled)
manifest.json                         see `Manifest`
README.md                             the model card
"""

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.errors import MienError
from mien.runtime.card import model_card
from mien.runtime.manifest import Manifest

__all__ = ["Bundle", "packaged_bundles"]

_MODEL, _PARAM, _BIN, _ARRAYS = "model.onnx", "model.ncnn.param", "model.ncnn.bin", "arrays.npz"
_MANIFEST, _CARD = "manifest.json", "README.md"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A network on disk whose files were checked against its manifest."""

    path: Path
    """The bundle's folder."""
    manifest: Manifest

    @classmethod
    def load(cls, source: str | Path) -> "Bundle":
        """Open a bundle and verify the checksum of every file in it.

        `source` is a folder, or a string with the name of a bundle that ships with mien ("capture"). Raises MienError
        when there is no such bundle, a file is missing or damaged, or a newer mien wrote it.
        """
        packaged = packaged_bundles()
        path = packaged[source] if isinstance(source, str) and source in packaged else Path(source)
        if not path.is_dir():
            names = ", ".join(packaged) or "none"
            raise MienError(f"{path}: no such bundle; give a bundle's folder or the name of a built-in one ({names})")
        try:
            manifest = Manifest.from_json((path / _MANIFEST).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            raise MienError(f"{path}: not a bundle: manifest.json is missing or cannot be read") from None
        except MienError as error:
            raise MienError(f"{path}: {error}") from None
        _verify(path, manifest)
        return cls(path=path, manifest=manifest)

    @classmethod
    def write(
        cls,
        path: str | Path,
        manifest: Manifest,
        *,
        model: Path | bytes,
        ncnn: tuple[Path | bytes, Path | bytes] | None = None,
        arrays: Mapping[str, np.ndarray] | None = None,
        card: str | None = None,
    ) -> "Bundle":
        """Write a bundle, the whole folder or nothing; an existing bundle at `path` is replaced.

        `model` is the ONNX file (a path or its bytes), `ncnn` the (param, bin) pair. The checksums in `manifest.files`
        are filled in here; `card` defaults to a model card made from the manifest. Raises MienError when the parent
        folder is missing or cannot be written, or when `path` is an existing folder that is not a bundle.
        """
        path = Path(path)
        manifest.check()
        if path.exists() and not (path / _MANIFEST).is_file():
            raise MienError(f"{path}: exists and is not a bundle; choose another folder")
        try:
            temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        except OSError as error:
            raise MienError(f"{path}: cannot write there ({error.strerror}); choose another folder") from None
        try:
            _put(temporary / _MODEL, model)
            if ncnn is not None:
                _put(temporary / _PARAM, ncnn[0])
                _put(temporary / _BIN, ncnn[1])
            if arrays:
                _save_arrays(temporary / _ARRAYS, arrays)
            files = {file.name: _sha256(file) for file in sorted(temporary.iterdir())}
            manifest = replace(manifest, files=files)
            (temporary / _MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
            (temporary / _CARD).write_text(card if card is not None else model_card(manifest), encoding="utf-8")
            temporary.chmod(0o755)  # mkdtemp creates a private folder
            _swap(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return cls(path=path, manifest=manifest)

    @property
    def onnx(self) -> Path:
        """Path of the ONNX model."""
        return self.path / _MODEL

    @property
    def ncnn(self) -> tuple[Path, Path] | None:
        """Paths of NCNN's param and bin files, or None when the bundle has no NCNN model."""
        if _PARAM in self.manifest.files and _BIN in self.manifest.files:
            return self.path / _PARAM, self.path / _BIN
        return None

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """The constants of arrays.npz by name; empty when the bundle has none."""
        if _ARRAYS not in self.manifest.files:
            return {}
        try:
            # The file is opened here, because numpy leaves it open when the archive is damaged.
            with (self.path / _ARRAYS).open("rb") as file, np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            raise MienError(f"{self.path}: arrays.npz cannot be read; get the bundle again") from None


def packaged_bundles() -> dict[str, Path]:
    """The bundles that ship with mien: name of the system -> folder."""
    # Bundles are found by their files, because this package must not import the systems, which are in a higher layer.
    systems = Path(str(resources.files("mien"))) / "systems"
    return {manifest.parts[-3]: manifest.parent for manifest in sorted(systems.glob(f"*/weights/{_MANIFEST}"))}


def _verify(path: Path, manifest: Manifest) -> None:
    if _MODEL not in manifest.files:
        raise MienError(f"{path}: manifest.json lists no {_MODEL}; get the bundle again")
    for name, expected in manifest.files.items():
        if Path(name).name != name:
            raise MienError(f"{path}: manifest.json lists '{name}', which is not inside the bundle")
        if not (path / name).is_file():
            raise MienError(f"{path}: {name} is missing; get the bundle again")
        if _sha256(path / name) != expected:
            raise MienError(f"{path}: {name} is damaged (its checksum differs from the manifest); get the bundle again")


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise MienError(f"{path}: cannot be read ({error.strerror})") from None


def _put(to: Path, source: Path | bytes) -> None:
    to.write_bytes(source if isinstance(source, bytes) else source.read_bytes())


def _save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    for name, value in arrays.items():
        if np.asarray(value).dtype.hasobject:
            raise MienError(f"bundle array '{name}' holds Python objects; store numbers or fixed-width text")
    np.savez(path, allow_pickle=False, **arrays)


def _swap(new: Path, path: Path) -> None:
    """Move `new` to `path`; the folder that was there is kept aside until the new one is in place."""
    if not path.exists():
        new.rename(path)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    old = aside / "bundle"
    try:
        path.rename(old)
        try:
            new.rename(path)
        except BaseException:
            os.replace(old, path)  # noqa: PTH105 - one call that cannot be split by Ctrl-C
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
