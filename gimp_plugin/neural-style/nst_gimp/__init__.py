"""The plug-in's own code: everything but the registration.

It runs in GIMP's Python and uses nothing but the standard library and gi. The modules ``places``,
``engine``, ``job``, ``messages``, ``words`` and ``settings_table`` do not need GIMP and can be tested
without it.
"""

VERSION = "0.1.0"
