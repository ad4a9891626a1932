"""Tests that need Blender's Python: `make test-blender` installs it apart and names it in MIEN_BLENDER."""

import os

collect_ignore_glob = [] if "MIEN_BLENDER" in os.environ else ["test_*.py"]
