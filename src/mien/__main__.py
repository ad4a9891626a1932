"""`python -m mien` is `mien`."""

import sys

from mien.cli.main import main

sys.exit(main())
