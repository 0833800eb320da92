"""The code of the GIMP plug-in, except for its registration.

It runs in GIMP's Python and needs only the standard library and gi. ``settings`` and most modules of ``text``
and ``process`` work without GIMP and are tested without it.
"""

import os

VERSION = "0.1.0"

PLUG_IN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder of neural-style.py, the catalogues and the help pages."""
