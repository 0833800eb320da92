"""Paints a picture with the filter and saves it with its layers. Run by GIMP's own Python, in batch mode.

``JOB`` names a JSON file with content, style, size, seconds, and the paths for the flat picture and the
layers. Any failure raises an exception, so that GIMP's exit code is not 0.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio  # noqa: E402

JOB: str
"""Set by ``runpy.run_path``."""


def paint(job: dict[str, Any]) -> None:
    """Load the content, paint it and save the results."""
    mode = Gimp.RunMode.NONINTERACTIVE
    image = Gimp.file_load(mode, Gio.File.new_for_path(job["content"]))
    if image is None:
        raise RuntimeError(f"GIMP cannot read {job['content']}")
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style")
    if procedure is None:
        raise RuntimeError("the filter is not registered in this GIMP")
    config = procedure.create_config()
    config.set_property("run-mode", mode)
    config.set_property("image", image)
    config.set_core_object_array("drawables", image.get_layers()[:1])
    config.set_property("style-file", Gio.File.new_for_path(job["style"]))
    config.set_property("size", job["size"])
    config.set_property("time-limit", float(job["seconds"]))
    result = procedure.run(config)
    if result.index(0) != Gimp.PDBStatusType.SUCCESS:
        raise RuntimeError(str(result.index(1) or "the filter failed"))
    for path in (job["layers"], job["picture"]):
        if not Gimp.file_save(mode, image, Gio.File.new_for_path(path), None):
            raise RuntimeError(f"GIMP cannot write {path}")
    image.delete()


with Path(JOB).open(encoding="utf-8") as file:  # noqa: F821 -- set by runpy  # noqa: F821 -- set by runpy
    paint(json.load(file))
