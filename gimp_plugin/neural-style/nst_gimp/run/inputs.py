"""Reads the pixels of styles and masks, and returns the fields of the engine request that name them.

Takes a :class:`nst_gimp.run.run_request.RunRequest` and returns fields of the request (see the engine's
protocol). A whole run and a small trial of it are read in the same way, each at its own size.
"""

from __future__ import annotations

from nst_gimp.image import masks, pixels, style
from nst_gimp.process.job_folder import PixelFile, disk_error
from nst_gimp.run import detail
from nst_gimp.text.messages import CallError
from nst_gimp.text.words import _


class InputReader:
    """Reads the inputs of one engine request. ``scale``, at most 1, is that of the content.

    A picture that is used several times is read once. ``cache`` has the pictures read before. A caller may
    pass one dictionary to all readers of a job folder as long as files, layers and sizes stay the same.
    """

    def __init__(self, subject, settings: dict, job_folder, scale: float = 1.0, cache=None) -> None:
        self.subject, self.settings, self.job_folder, self.scale = subject, settings, job_folder, scale
        self.cache = {} if cache is None else cache
        self._style_share = None
        self._read_here = set()
        self._mask_count = 0

    def read(self, run_request) -> dict:
        """Write all pixels and return the fields styles, regions, selection and strength_mask.

        Raises:
            CallError: a region's mask or the strength mask is black everywhere on the layer.
            UserError: a style cannot be opened.
        """
        styles, fine = run_request.styles, run_request.fine
        regions = [(region, self._read_mask(region.mask, region.name)) for region in run_request.regions]
        crops = [self.settings.get("style-crop", "")] + [""] * len(styles)  # only the first style is cropped
        fields = {
            "styles": [self._read_style(source, fine, crop) for source, crop in zip(styles, crops)]  # noqa: B905
        }
        if run_request.regions:
            fields["regions"] = [
                {
                    "mask": mask,
                    "name": region.name,
                    "styles": [self._read_style(source, fine) for source in region.styles],
                    **({"keep_colors": region.colors} if region.colors else {}),
                }
                for region, mask in regions
                if mask is not None
            ]
        if run_request.strength is not None:
            name = masks.item_name(run_request.strength)
            fields["strength_mask"] = self._read_mask(run_request.strength, name)
            if fields["strength_mask"] is None:
                raise _nothing_here()
        if self.subject.selection:
            fields["selection"] = self._read_selection()
        return fields

    def read_part(self, run_request, style_share: float) -> dict:
        """Return the same fields for a subject that is a part of the layer.

        ``style_share`` is the share of the sides of each style that is read. Regions elsewhere are left out.

        Raises:
            CallError: nothing is painted in this part.
            UserError: a style cannot be opened.
        """
        self._style_share = style_share
        fields = self.read(run_request)
        if not (fields["styles"] or fields.get("regions")):
            raise _nothing_here()
        return fields

    def _read_style(self, source, fine, crop: str = "") -> dict:
        picture = self._read_picture(source, crop)
        fields = dict(picture._asdict(), name=source.name, weight=source.weight)
        if fine is not None:
            fields["fine"] = dict(self._read_picture(fine)._asdict(), name=fine.name)
        return fields

    def _read_picture(self, source, crop: str = "") -> PixelFile:
        identity = source.file.get_uri() if source.file is not None else source.layer.get_id()
        size, scale = self.settings["size"], self.settings["style-scale"]
        key = (identity, crop, self._style_share, size, scale)
        cached = self.cache.get(key)
        # A layer may have changed since another reader has read it.
        if cached is None or (source.layer is not None and key not in self._read_here):
            new_name = f"style-{len(self.cache)}.f32"
            path = cached.path if cached is not None else self.job_folder.path(new_name)
            with style.open_layer(source) as layer:
                area = style.area(layer, crop)
                if self._style_share is not None:
                    area = detail.middle(area, self._style_share)
                self.cache[key] = style.read(layer, area, self.subject, self.settings, path)
            self._read_here.add(key)
        return self.cache[key]

    def _read_mask(self, item, name: str):
        """Write a mask and return its fields; None for a region that is not in the part that is read."""
        box = pixels.scaled_box(self.subject.box, self.scale)
        _ok, left, top = self.subject.layer.get_offsets()
        plane = masks.read(item, box, (left, top), self.scale)
        if plane.count(0) == len(plane) and self._style_share is not None:
            return None
        if plane.count(0) == len(plane):
            raise CallError(
                _("The mask “{name}” is black everywhere on the layer.").format(name=name),
                _("White marks the area to paint. Move the mask over the layer, or leave it out."),
            )
        return self._write_plane(plane, box)

    def _read_selection(self) -> dict:
        """Write 1 where anything is selected, else 0. The soft edge becomes the new layer's mask."""
        box = pixels.scaled_box(self.subject.box, self.scale)
        plane = pixels.shrink_plane(self.subject.selection, self.subject.box[2:], box[2:])
        if plane.count(0) == len(plane) and self._style_share is not None:
            raise _nothing_here()
        return self._write_plane(pixels.nonzero_plane(plane, box[2:]), box)

    def _write_plane(self, plane: bytes, box) -> dict:
        self._mask_count += 1
        path = self.job_folder.path(f"mask-{self._mask_count}.f32")
        try:
            with open(path, "wb") as file:
                file.write(plane)
        except OSError as error:
            raise disk_error(error) from None
        return PixelFile(path, box[2], box[3], 1)._asdict()


def _nothing_here() -> CallError:
    return CallError(_("Nothing is painted in this place."), _("Drag the picture to another place."))
