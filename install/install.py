#!/usr/bin/env python3
"""Install, update, check and remove the engine and the GIMP plug-in: see `install.py --help`.

Needs Python 3.9 or newer, its standard library, and only the user's own rights.
"""

import sys

if sys.version_info < (3, 9):  # noqa: UP036 -- a message instead of a traceback
    sys.exit("This needs Python 3.9 or newer; install/quickstart finds or downloads one.")

from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from nst_install.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
