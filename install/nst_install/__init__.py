"""The installer: the engine, its weights and GIMP's plug-in, put in place, looked at and taken away again.

Python 3.9 or newer and its standard library are all it needs. ``cli`` reads the command line, ``commands``
holds what the commands do; each other module knows one thing.
"""
