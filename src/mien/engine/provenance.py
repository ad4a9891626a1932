"""The origin of a result: the revision of the code and the machine it ran on."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from mien.core.errors import MienError

__all__ = ["UNKNOWN", "check_clean", "describe_machine", "git_revision"]

UNKNOWN = "unknown"
"""The revision when the code is not in a git checkout."""
_DIRTY = "-dirty"
_HERE = Path(__file__).resolve()
_NOT_MEASURED = (":/", ":(top,exclude)benchmarks/results", ":(top,exclude)docs", ":(top,exclude,glob)**/*.md")
"""All files but documents and earlier results: changes of these do not change what is measured, and after a benchmark
writes its result the checkout still counts as clean for the next one."""
_LIBRARIES = ("numpy", "scipy", "av", "opencv-python-headless", "onnxruntime", "ncnn", "torch", "moderngl")


def git_revision() -> str:
    """The checkout's commit, with "-dirty" when code differs from it; "unknown" when mien is not run from a checkout.

    Code is every tracked file except documents and results of benchmarks.
    """

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=_HERE.parent, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "--", _HERE.name)  # mien may be installed inside another checkout
        dirty = _DIRTY if git("status", "--porcelain", "--untracked-files=no", "--", *_NOT_MEASURED) else ""
        return git("rev-parse", "--short=12", "HEAD") + dirty
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN


def check_clean(path: Path, *, dirty: bool) -> None:
    """Raise MienError when a result written to `path` would name a commit that is not what was measured.

    That is when code differs from the checkout's commit; `dirty` allows it, and the revision in the result ends in
    "-dirty".
    """
    if not dirty and git_revision().endswith(_DIRTY):
        raise MienError(
            f"{path} would name a commit whose code differs from the measured code; "
            "commit the changes, or write the file all the same with `dirty`"
        )


def describe_machine() -> dict[str, Any]:
    """Processor, cores this process may use, memory [GiB], system, Python and library versions; no host name."""
    versions: dict[str, str] = {}
    for name in ("mien", *_LIBRARIES):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": versions,
    }


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # no sysconf, or sysconf without these names
        return None
