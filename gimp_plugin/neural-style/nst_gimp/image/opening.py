"""Opening picture files through GIMP, with what GIMP 3.0 needs to be helped over.

Comes from a Gio.File, goes out as a Gimp.Image that the caller deletes.
"""

from __future__ import annotations

from gi.repository import Gimp

from nst_gimp.text.messages import CallError, UserError
from nst_gimp.text.words import _


def shown(file) -> str:
    """Return how a file is called in messages."""
    return file.get_path() or file.get_uri()


def missing(file) -> CallError:
    """Return the error for a file that is not there."""
    return CallError(_("There is no file {path}.").format(path=shown(file)), _("Choose another one."))


def load(file):
    """Open a picture file.

    Raises:
        CallError: there is none.
        UserError: it cannot be opened.
    """
    if not file.query_exists(None):
        raise missing(file)
    image = _load_vector(file) or Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    if image is None:
        raise UserError(
            _("GIMP cannot open the file {path}.").format(path=shown(file)),
            _("Choose a picture that GIMP can open."),
        )
    _keep_first_page(image, file)
    return image


def _load_vector(file):
    """Open an SVG: GIMP 3.0's general call hands its loader an argument that the loader refuses."""
    if not (file.get_basename() or "").lower().endswith((".svg", ".svgz")):
        return None
    procedure = Gimp.get_pdb().lookup_procedure("file-svg-load")
    if procedure is None:
        return None
    config = procedure.create_config()
    config.set_property("file", file)
    answer = procedure.run(config)
    return answer.index(1) if answer.index(0) == Gimp.PDBStatusType.SUCCESS else None


def _keep_first_page(image, file) -> None:
    """Drop a TIFF's further pages: GIMP writes a thumbnail as one and reads it back as a layer on top."""
    if not (file.get_basename() or "").lower().endswith((".tif", ".tiff")):
        return
    *pages, first = image.get_layers()
    for page in pages:
        image.remove_layer(page)
    if pages:
        image.crop(*_size(first), *first.get_offsets()[1:])


def _size(layer):
    return layer.get_width(), layer.get_height()
