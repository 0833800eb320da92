"""Opens picture files through GIMP, with workarounds for faults of GIMP 3.0.

Takes a Gio.File and returns a Gimp.Image, which the caller deletes.
"""

from __future__ import annotations

from gi.repository import Gimp

from nst_gimp.text.messages import CallError, UserError
from nst_gimp.text.words import _


def display_name(file) -> str:
    """Return a file's name in messages: its path, or else its URI."""
    return file.get_path() or file.get_uri()


def missing_file_error(file) -> CallError:
    """Return the error for a file that does not exist."""
    return CallError(_("There is no file {path}.").format(path=display_name(file)), _("Choose another file."))


def load(file):
    """Open a picture file.

    Raises:
        CallError: the file does not exist.
        UserError: GIMP cannot open it.
    """
    if not file.query_exists(None):
        raise missing_file_error(file)
    image = _load_svg(file) or Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    if image is None:
        raise UserError(
            _("GIMP cannot open the file {path}.").format(path=display_name(file)),
            _("Choose a picture that GIMP can open."),
        )
    _keep_first_page(image, file)
    return image


def _load_svg(file):
    """Open an SVG by its own procedure. GIMP 3.0's general call passes it an argument that it refuses."""
    if not (file.get_basename() or "").lower().endswith((".svg", ".svgz")):
        return None
    procedure = Gimp.get_pdb().lookup_procedure("file-svg-load")
    if procedure is None:
        return None
    config = procedure.create_config()
    config.set_property("file", file)
    values = procedure.run(config)
    return values.index(1) if values.index(0) == Gimp.PDBStatusType.SUCCESS else None


def _keep_first_page(image, file) -> None:
    """Remove all pages of a TIFF but the first: GIMP writes a thumbnail as a page and reads it as a layer."""
    if not (file.get_basename() or "").lower().endswith((".tif", ".tiff")):
        return
    *pages, first = image.get_layers()
    for page in pages:
        image.remove_layer(page)
    if pages:
        image.crop(first.get_width(), first.get_height(), *first.get_offsets()[1:])
