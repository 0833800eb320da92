"""The files that control which style goes where in a picture: regions, masks, and the fine style.

Paths, as plain data; :func:`read_control_files` reads them into a job. Does not depend on command-line
options, or on how regions are painted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from nst_core.array_types import Array
from nst_core.events import OnEvent
from nst_core.images.display_name import display_name
from nst_core.images.masks import check_mask, read_mask
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.job.model import Job, Region, WeightedStyle
from nst_core.settings import KeepColors

RECORDED_CONTROLS = ("regions", "mask", "strength-mask", "fine-style", "region-colors")
"""Keys that :meth:`ControlFiles.as_metadata` may return."""


@dataclass(frozen=True)
class StyleFile:
    """A style: its file, its weight in a blend, and the settings that were kept with it."""

    path: str
    weight: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RegionFile:
    """A region: its mask, and a style or, with ``style_mask``, a part of one.

    Without a ``name`` it is called after its mask; without ``keep_colors`` the setting of that name applies.
    """

    mask: str
    style: StyleFile
    style_mask: str | None = None
    name: str = ""
    keep_colors: KeepColors | None = None

    @property
    def title(self) -> str:
        """The region's name in reports."""
        return self.name or PurePath(self.mask).stem


@dataclass(frozen=True)
class ControlFiles:
    """The control files of a run."""

    regions: tuple[RegionFile, ...] = ()
    mask: str | None = None
    strength_mask: str | None = None
    fine_style: StyleFile | None = None

    @property
    def masks(self) -> list[str]:
        """The masks of the content, each once."""
        paths = [*(region.mask for region in self.regions), self.mask, self.strength_mask]
        return list(dict.fromkeys(path for path in paths if path))

    @property
    def style_masks(self) -> list[str]:
        """The masks of styles, each once."""
        return list(dict.fromkeys(region.style_mask for region in self.regions if region.style_mask))

    @property
    def pictures(self) -> list[str]:
        """The style pictures, each once."""
        fine = [self.fine_style.path] if self.fine_style else []
        return list(dict.fromkeys([*(region.style.path for region in self.regions), *fine]))

    @property
    def files(self) -> list[str]:
        """All files, which no result may overwrite."""
        return [*self.masks, *self.style_masks, *self.pictures]

    def with_paths(self, new_paths: Mapping[str, str]) -> ControlFiles:
        """Return a copy that reads the files named in ``new_paths`` from there, under their old names."""

        def moved(path: str) -> str:
            return new_paths.get(path, path)

        def moved_style(style: StyleFile) -> StyleFile:
            return replace(style, path=moved(style.path))

        return ControlFiles(
            regions=tuple(
                replace(
                    region,
                    mask=moved(region.mask),
                    style=moved_style(region.style),
                    style_mask=moved(region.style_mask) if region.style_mask else None,
                    name=region.title,
                )
                for region in self.regions
            ),
            mask=moved(self.mask) if self.mask else None,
            strength_mask=moved(self.strength_mask) if self.strength_mask else None,
            fine_style=moved_style(self.fine_style) if self.fine_style else None,
        )

    def as_metadata(self) -> dict[str, object]:
        """Describe the control files by their file names alone, for the result's metadata."""

        def name(path: str | None) -> str:
            return PurePath(path).name if path else ""

        regions = [
            [name(region.mask), name(region.style.path), region.style.weight, name(region.style_mask)]
            for region in self.regions
        ]
        described: dict[str, object] = {
            "regions": regions,
            "mask": name(self.mask),
            "strength-mask": name(self.strength_mask),
            "fine-style": name(self.fine_style.path if self.fine_style else None),
            "region-colors": {
                name(region.mask): region.keep_colors for region in self.regions if region.keep_colors
            },
        }
        return {key: value for key, value in described.items() if value}


def read_control_files(job: Job, control: ControlFiles, on_event: OnEvent) -> Job:
    """Read the files of ``control`` and return ``job`` with them.

    Raises:
        NstError: a file is missing, unreadable, or not what it should be.
    """
    fine = _read(control.fine_style.path, on_event) if control.fine_style else None
    return replace(
        job,
        styles=tuple(replace(style, fine=fine) for style in job.styles),
        regions=tuple(_read_regions(job, control, fine, on_event)),
        selection=_read_mask_of(job.content, control.mask, on_event),
        strength_mask=_read_mask_of(job.content, control.strength_mask, on_event),
    )


def _read_mask_of(picture: Picture | None, path: str | None, on_event: OnEvent) -> Array | None:
    """Read the mask of ``picture`` at ``path``, and check it here, where its file's name is known."""
    if not path:
        return None
    mask = read_mask(path, on_event)
    if picture is not None:
        check_mask(mask, picture.height, picture.width, f"mask {display_name(PurePath(path).name)}")
    return mask


def _read_regions(
    job: Job, control: ControlFiles, fine: Picture | None, on_event: OnEvent
) -> Iterator[Region]:
    """Read the regions. Styles with the same mask are blended in one region."""
    files_of_mask: dict[str, list[RegionFile]] = {}
    for file in control.regions:
        files_of_mask.setdefault(file.mask, []).append(file)
    for number, (mask, files) in enumerate(files_of_mask.items(), start=1):
        styles = []
        for file in files:
            picture = _read(file.style.path, on_event)
            style_mask = _read_mask_of(picture, file.style_mask, on_event)
            styles.append(WeightedStyle(picture, file.style.weight, mask=style_mask, fine=fine))
        region_mask = _read_mask_of(job.content, mask, on_event)
        assert region_mask is not None  # noqa: S101 -- a region has a mask
        yield Region(region_mask, tuple(styles), files[0].title or str(number), files[0].keep_colors)


def _read(path: str, on_event: OnEvent) -> Picture:
    return read_picture(path, on_notice=on_event)
