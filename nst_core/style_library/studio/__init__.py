"""The studio that paints the ready styles: scenes, brushes, papers, and one file for each medium.

The engine does not use it. ``python -m nst_core.style_library.studio`` paints the pictures again.
"""
