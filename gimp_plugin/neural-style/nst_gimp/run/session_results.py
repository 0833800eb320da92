"""The results of this GIMP: each trial and painting since the dialog was first opened.

Decides what is kept of a result. A result that cannot be kept changes nothing else.
"""

from __future__ import annotations

from gi.repository import Gimp

from nst_gimp.image import layers, previews, result_files
from nst_gimp.process import gimp_session
from nst_gimp.process.result_store import LAYER, PAINTING, PHOTO, PICTURE, TRIAL, Facts, Result, ResultStore
from nst_gimp.run import stored_values
from nst_gimp.text.messages import to_user_error

PICTURE_SIDE = 800
"""Long side, in pixels, of the picture of a painting; a trial's is as large as the trial."""


def open_store(*, create: bool = False):
    """Return the store of this GIMP, or None. ``create`` makes it: results are kept from now on."""
    folder = gimp_session.find_folder(Gimp.getpid(), create=create)
    return ResultStore(folder) if folder is not None else None


def results_of(store, image) -> list:
    """Return the results of an image, the latest first, also those from before its file was opened again."""
    number, file = image.get_id(), _file_of(image)
    return [
        result
        for result in store.results()
        if result.facts.image == number or (file and result.facts.file == file)
    ]


def keep_trial(store, image, trial, photo, *, is_automatic: bool) -> Result:
    """Keep a finished trial and return it. ``photo`` is a picture of what was tried.

    One that has started by itself takes the place of the last such of the image, so that they do not fill
    the strip.

    Raises:
        OSError: the disk is full.
    """

    def write_files(folder) -> None:
        result_files.write_picture(trial.picture, folder / PICTURE)
        result_files.write_picture(photo, folder / PHOTO)

    facts = Facts(
        kind=TRIAL,
        title=trial.title,
        image=image.get_id(),
        file=_file_of(image),
        values=trial.values,
        side=max(trial.picture.get_width(), trial.picture.get_height()),
        is_automatic=is_automatic,
    )
    before = [result for result in results_of(store, image) if is_automatic and result.facts.is_automatic]
    kept = store.add(facts, write_files)
    for result in before:
        store.remove(result)
    return kept


def keep_painting(subject, layer, title: str, painted_side: int) -> None:
    """Keep a finished painting if the dialog was opened before. ``layer`` is the new layer of the image."""
    try:
        store = open_store()
        if store is None:
            return

        def write_files(folder) -> None:
            picture = previews.of_layer(layer, previews.full_box(layer), PICTURE_SIDE)
            result_files.write_picture(picture, folder / PICTURE)
            if subject.layer.is_valid():
                photo = previews.of_layer(subject.layer, subject.box, PICTURE_SIDE)
                result_files.write_picture(photo, folder / PHOTO)
            result_files.write_layer(layer, folder / LAYER)

        record = layers.read_record(layer)
        facts = Facts(
            kind=PAINTING,
            title=title,
            image=layer.get_image().get_id(),
            file=_file_of(layer.get_image()),
            values=stored_values.of_record(record),
            side=painted_side,
            seconds=float(record.get("seconds") or 0.0),
        )
        store.add(facts, write_files)
    except OSError:
        return
    except Exception as error:  # the painting is in the image, whatever becomes of its copy here
        to_user_error(error)


def _file_of(image) -> str:
    file = image.get_file() or image.get_imported_file()
    return file.get_uri() if file is not None else ""
