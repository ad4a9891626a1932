"""Which machine a figure was measured on; run as a script it prints it."""

import json

from mien.cli.machine import describe

__all__ = ["describe"]

if __name__ == "__main__":
    print(json.dumps(describe(), indent=2))
