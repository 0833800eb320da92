"""Pillow's plug-ins for HEIC and JPEG XL, if they are installed (``pip install 'nst-core[formats]'``)."""

from __future__ import annotations

import functools
import importlib
from contextlib import suppress

from PIL import Image


@functools.cache
def open_plug_ins() -> None:
    """Let Pillow read all formats that it can on this machine."""
    Image.init()
    with suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener(thumbnails=False)
    with suppress(ImportError):
        importlib.import_module("pillow_jxl")
