"""The installer: sets up, checks, repairs and removes the engine, its networks and the GIMP plug-in.

Needs Python 3.9 or newer and its standard library only. ``cli`` reads the command line, ``commands`` and its
neighbours carry out the commands, and each other module handles one thing.

Dataclasses here are not ``kw_only``, which needs Python 3.10. Those with more than four fields are built with
keywords instead.
"""
