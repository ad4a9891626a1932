"""Where a result came from: revision, versions, machine, time."""

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np

__all__ = ["fingerprint", "git_revision", "provenance"]


def git_revision() -> str:
    """The checkout's commit, with "-dirty" when files differ from it; "unknown" outside a checkout."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        dirty = "-dirty" if git("status", "--porcelain", "--untracked-files=no") else ""
        return git("rev-parse", "--short=12", "HEAD") + dirty
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def provenance(*packages: str) -> dict[str, str]:
    """Revision, UTC date, Python, processor kind and the versions of `packages`."""
    return {
        "revision": git_revision(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: metadata.version(name) for name in packages},
    }


def fingerprint(parts: Iterable[bytes | str | np.ndarray]) -> str:
    """A hash (SHA-256) of bytes, text and arrays, in order: equal for equal contents, wherever they lie."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            own = part.encode() if isinstance(part, str) else part
            digest.update(f"{len(own)} ".encode() + own)
    return digest.hexdigest()
