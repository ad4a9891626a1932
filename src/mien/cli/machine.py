"""Which machine a figure was measured on."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["describe"]

_LIBRARIES = ("numpy", "scipy", "av", "opencv-python-headless", "onnxruntime", "ncnn", "torch", "moderngl")


def describe() -> dict[str, Any]:
    """Processor, cores this process may use, memory [GiB], system, Python and library versions; no names of hosts."""
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
    except (AttributeError, ValueError, OSError):  # no sysconf, or not these names
        return None
