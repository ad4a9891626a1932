"""Where a result came from: revision, versions, machine, time."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

__all__ = ["git_revision", "provenance"]


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
