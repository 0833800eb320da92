"""Selections taken as regions in the dialog: kept here, out of the image, until the painting begins.

A kept selection is a mask like a channel (see ``masks``). At the beginning of the painting it becomes one, so
that the painting's record, presets and Repeat Filter can name it. Until then the image stays as it is.
"""

from __future__ import annotations

import hashlib

from gi.repository import Gegl, Gimp

from nst_gimp.text.messages import CallError
from nst_gimp.text.words import _

SELECTION = "selection:"
FORMAT = "Y u8"

_kept: dict = {}
"""The kept selections by their names as masks: "selection:1"."""


class KeptSelection:
    """A copy of a selection, with those methods of GIMP's drawables that masks are read with."""

    def __init__(self, number: int, image) -> None:
        self.number = number
        self.rect = Gegl.Rectangle.new(0, 0, image.get_width(), image.get_height())
        self.values = _values(image)
        self.fingerprint = hashlib.sha256(self.values).digest()
        self.buffer = Gegl.Buffer.new(FORMAT, 0, 0, self.rect.width, self.rect.height)
        self.buffer.set(self.rect, FORMAT, self.values)

    def get_name(self) -> str:
        """Return the name that the dialog shows, and that the channel gets."""
        return _("Selection {number}").format(number=self.number)

    def get_id(self) -> int:
        """Return a number that no item of an image has."""
        return -self.number

    def get_buffer(self):
        """Return the values, as large as the image."""
        return self.buffer


def _values(image) -> bytes:
    rect = Gegl.Rectangle.new(0, 0, image.get_width(), image.get_height())
    return bytes(image.get_selection().get_buffer().get(rect, 1.0, FORMAT, Gegl.AbyssPolicy.NONE))


def keep(image) -> str:
    """Keep the image's selection and return its name as a mask.

    Raises:
        CallError: nothing is selected.
    """
    if Gimp.Selection.is_empty(image):
        raise CallError(_("Nothing is selected."), _("Select a part of the picture in its window first."))
    number = 1 + max((kept.number for kept in _kept.values()), default=0)
    name = f"{SELECTION}{number}"
    _kept[name] = KeptSelection(number, image)
    return name


def find(name: str) -> KeptSelection:
    """Return the kept selection with this name as a mask.

    Raises:
        CallError: it is not kept any more; it was a dialog's that is closed.
    """
    if name not in _kept:
        raise CallError(
            _("The selection of this region is gone."), _("Take the region from a selection again.")
        )
    return _kept[name]


def choices() -> list:
    """Return (name as a mask, name to show) of the kept selections."""
    return [(name, kept.get_name()) for name, kept in _kept.items()]


def forget_all_but(names) -> None:
    """Forget the kept selections that no region uses any more."""
    for name in [name for name in _kept if name not in names]:
        del _kept[name]


def is_region(image) -> bool:
    """Return whether the image's selection is a region now, and does not limit the painting."""
    if not _kept or Gimp.Selection.is_empty(image):
        return False
    fingerprint = hashlib.sha256(_values(image)).digest()
    return any(kept.fingerprint == fingerprint for kept in _kept.values())


def make_channels(image, config) -> None:
    """Turn the kept selections that regions use into channels, and let ``config`` name those.

    A selection that is a region now is lifted, in the same undo step: the painting would be limited to it.
    """
    masks = list(config.get_property("region-masks") or [])
    used = [name for name in masks if name in _kept]
    if not used:
        return
    image.undo_group_start()
    try:
        if is_region(image):
            Gimp.Selection.none(image)
        channels = {name: _make_channel(image, _kept[name]) for name in dict.fromkeys(used)}
    finally:
        image.undo_group_end()
    names = {name: f"channel:{channel.get_name()}" for name, channel in channels.items()}
    config.set_property("region-masks", [names.get(name, name) for name in masks])


def _make_channel(image, kept: KeptSelection):
    size = kept.rect.width, kept.rect.height
    channel = Gimp.Channel.new(image, kept.get_name(), *size, 50.0, Gegl.Color.new("black"))
    channel.set_visible(False)
    image.insert_channel(channel, None, 0)
    buffer = channel.get_buffer()
    buffer.set(kept.rect, FORMAT, kept.values)
    buffer.flush()
    channel.update(0, 0, *size)
    return channel
