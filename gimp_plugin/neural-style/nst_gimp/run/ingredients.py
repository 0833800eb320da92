"""All that a run reads besides the layer: the pixels of styles and masks, as the request names them.

Comes from a resolved recipe, goes out as fields of the request (see the engine's protocol). A whole run and a
small trial of it read the same way, each at its own size.
"""

from __future__ import annotations

from nst_gimp.image import masks, pixels, style
from nst_gimp.process.job import Pixels, disk_error
from nst_gimp.text.messages import CallError
from nst_gimp.text.words import _


class Reader:
    """Reads for one request. ``scale``, at most 1, is that of the content; ``kept`` has what was read before.

    What is several styles is read once. ``kept`` is a dictionary that a caller may hand from reader to reader
    in the same job while files, layers and sizes stay the same.
    """

    def __init__(self, subject, settings: dict, job, scale: float = 1.0, kept=None) -> None:
        self.subject, self.settings, self.job, self.scale = subject, settings, job, scale
        self.kept = {} if kept is None else kept
        self._own = set()
        self._masks = 0

    def fields(self, recipe) -> dict:
        """Return the fields styles, regions, selection and strength_mask, their pixels written.

        Raises:
            CallError: a region or the strength's mask is black wherever the layer is.
            UserError: a style cannot be opened.
        """
        crops = [self.settings.get("style-crop", "")] + [""] * len(recipe.styles)  # of the first alone
        fields = {
            "styles": [self._style(each, recipe.fine, crop) for each, crop in zip(recipe.styles, crops)]  # noqa: B905
        }
        if recipe.regions:
            fields["regions"] = [
                {
                    "mask": self._mask(region.mask, region.name),
                    "name": region.name,
                    "styles": [self._style(each, recipe.fine) for each in region.styles],
                    **({"keep_colors": region.colors} if region.colors else {}),
                }
                for region in recipe.regions
            ]
        if recipe.strength is not None:
            fields["strength_mask"] = self._mask(recipe.strength, masks.plain_name(recipe.strength))
        if self.subject.selection:
            fields["selection"] = self._selection()
        return fields

    def _style(self, source, fine, crop: str = "") -> dict:
        read = dict(self._picture(source, crop)._asdict(), name=source.name, weight=source.weight)
        if fine is not None:
            read["fine"] = dict(self._picture(fine)._asdict(), name=fine.name)
        return read

    def _picture(self, source, crop: str = "") -> Pixels:
        place = source.file.get_uri() if source.file is not None else source.layer.get_id()
        key = (place, crop, self.settings["size"], self.settings["style-scale"])
        known = self.kept.get(key)
        # A layer may have been painted on since another reader has read it.
        if known is None or (source.layer is not None and key not in self._own):
            path = known.path if known is not None else self.job.path(f"style-{len(self.kept)}.f32")
            with style.opened(source) as layer:
                self.kept[key] = style.read(layer, self.subject, self.settings, path, crop)
            self._own.add(key)
        return self.kept[key]

    def _mask(self, item, name: str) -> dict:
        box = pixels.scaled_box(self.subject.box, self.scale)
        _ok, left, top = self.subject.layer.get_offsets()
        plane = masks.read(item, box, (left, top), self.scale)
        if plane.count(0) == len(plane):
            raise CallError(
                _("“{name}” is black wherever the layer is.").format(name=name),
                _("White is where it counts; move it over the layer, or leave it out."),
            )
        return self._plane(plane, box)

    def _selection(self) -> dict:
        """Write where anything is selected: how much of it is shown is the new layer's mask's business."""
        box = pixels.scaled_box(self.subject.box, self.scale)
        plane = pixels.shrunk_plane(self.subject.selection, self.subject.box[2:], box[2:])
        return self._plane(pixels.any_of_it(plane, box[2:]), box)

    def _plane(self, plane: bytes, box) -> dict:
        self._masks += 1
        path = self.job.path(f"mask-{self._masks}.f32")
        try:
            with open(path, "wb") as file:
                file.write(plane)
        except OSError as error:
            raise disk_error(error) from None
        return Pixels(path, box[2], box[3], 1)._asdict()
