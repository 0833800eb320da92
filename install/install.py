#!/usr/bin/env python3
"""Installs, updates, checks and removes the engine and GIMP's plug-in: see `install.py --help`.

Python 3.9 or newer, its standard library, and no rights beyond the user's own.
"""

import sys

if sys.version_info < (3, 9):  # noqa: UP036 -- said in words, not as a traceback
    sys.exit("This needs Python 3.9 or newer; install/quickstart finds or brings one.")

from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from nst_install.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
