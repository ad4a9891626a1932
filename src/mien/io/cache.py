"""The folder where mien caches downloads and results of long computations."""

from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """mien's folder in the user's cache (`~/.cache/mien` on Linux); it may not exist yet."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("mien"))
