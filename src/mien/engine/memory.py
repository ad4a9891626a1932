"""How the process keeps memory."""

import ctypes
import ctypes.util

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGEST = 2**31 - 1
"""mallopt takes an int; Linux caps the mmap threshold itself at 32 MiB, above which every tensor is mapped afresh."""


def keep_freed_memory() -> bool:
    """Have glibc's malloc keep freed blocks instead of handing them back to the system; True where it did.

    A training step frees and takes the same hundreds of megabytes each time, and by default every one of those pages is
    returned, zeroed and faulted in again.
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
