"""The plug-in's own code: everything but the registration.

It runs in GIMP's Python and uses nothing but the standard library and gi. The modules ``places``,
``engine``, ``job``, ``messages``, ``words`` and ``settings_table`` do not need GIMP and can be tested
without it.
"""

import os

VERSION = "0.1.0"

PLUG_IN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder that holds neural-style.py, the catalogues and the help pages."""
