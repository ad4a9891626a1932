"""How the memory allocator treats freed memory."""

import ctypes
import ctypes.util

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGEST = 2**31 - 1
"""mallopt takes an int; by itself Linux caps the mmap threshold at 32 MiB, above which every tensor is newly mapped."""


def keep_freed_memory() -> bool:
    """Have glibc's malloc keep freed blocks instead of handing them back to the system; returns True where that worked.

    A training step frees and allocates the same hundreds of megabytes, and by default each of those pages is returned,
    zeroed and faulted in again.
    """
    name = ctypes.util.find_library("c")
    if name is None:
        return False
    try:
        mallopt = ctypes.CDLL(name).mallopt
    except (OSError, AttributeError):  # no glibc: musl, macOS, Windows
        return False
    options = ((_M_MMAP_THRESHOLD, _LARGEST), (_M_TRIM_THRESHOLD, _LARGEST), (_M_TOP_PAD, 256 * 2**20))
    done = [mallopt(option, value) for option, value in options]
    return all(done)
