"""Which files say what goes where in a picture: regions, masks, the picture that gives the strokes.

Paths come in as plain data; :func:`read_control_files` reads them into a job. Knows nothing of options, nor of how
regions are painted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from nst_core.events import OnEvent
from nst_core.images.masks import read_mask
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.job.model import Job, Region, WeightedStyle
from nst_core.settings import KeepColors

RECORDED_CONTROLS = ("regions", "mask", "strength-mask", "fine-style", "region-colors")
"""What :meth:`Control.recorded` may tell of."""


@dataclass(frozen=True)
class StyleFile:
    """A style by name: its file, its share in a blend, and settings that suit it."""

    path: str
    weight: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RegionFile:
    """A region: its mask, and a style or the part of one that ``part`` masks.

    Without a ``name`` it is called after its mask; without ``keep_colors`` the setting holds.
    """

    mask: str
    style: StyleFile
    part: str | None = None
    name: str = ""
    keep_colors: KeepColors | None = None

    @property
    def title(self) -> str:
        """What reports call it."""
        return self.name or PurePath(self.mask).stem


@dataclass(frozen=True)
class ControlFiles:
    """The files of a run that say what goes where."""

    regions: tuple[RegionFile, ...] = ()
    mask: str | None = None
    strength_mask: str | None = None
    fine_style: StyleFile | None = None

    @property
    def masks(self) -> list[str]:
        """The masks of the content, each once."""
        named = [*(region.mask for region in self.regions), self.mask, self.strength_mask]
        return list(dict.fromkeys(path for path in named if path))

    @property
    def parts(self) -> list[str]:
        """The masks of styles, each once."""
        return list(dict.fromkeys(region.part for region in self.regions if region.part))

    @property
    def pictures(self) -> list[str]:
        """The pictures that styles are taken from, each once."""
        fine = [self.fine_style.path] if self.fine_style else []
        return list(dict.fromkeys([*(region.style.path for region in self.regions), *fine]))

    @property
    def files(self) -> list[str]:
        """All of them, for whoever must not write over one."""
        return [*self.masks, *self.parts, *self.pictures]

    def moved(self, places: Mapping[str, str]) -> ControlFiles:
        """Return the same, names included, with the files that ``places`` names taken from there."""

        def at(path: str) -> str:
            return places.get(path, path)

        def style(file: StyleFile) -> StyleFile:
            return replace(file, path=at(file.path))

        return ControlFiles(
            tuple(
                RegionFile(
                    at(region.mask),
                    style(region.style),
                    at(region.part) if region.part else None,
                    region.title,
                    region.keep_colors,
                )
                for region in self.regions
            ),
            at(self.mask) if self.mask else None,
            at(self.strength_mask) if self.strength_mask else None,
            style(self.fine_style) if self.fine_style else None,
        )

    def recorded(self) -> dict[str, object]:
        """Say what went where, by the files' names alone, for the result's metadata."""

        def name(path: str | None) -> str:
            return PurePath(path).name if path else ""

        regions = [
            [name(region.mask), name(region.style.path), region.style.weight, name(region.part)]
            for region in self.regions
        ]
        found: dict[str, object] = {
            "regions": regions,
            "mask": name(self.mask),
            "strength-mask": name(self.strength_mask),
            "fine-style": name(self.fine_style.path if self.fine_style else None),
            "region-colors": {
                name(region.mask): region.keep_colors for region in self.regions if region.keep_colors
            },
        }
        return {key: value for key, value in found.items() if value}


def read_control_files(job: Job, control: ControlFiles, on_event: OnEvent) -> Job:
    """Read the files of ``control`` into ``job``.

    Raises:
        NstError: what is wrong with one of them.
    """
    fine = _read(control.fine_style.path, on_event) if control.fine_style else None
    return replace(
        job,
        styles=tuple(replace(style, fine=fine) for style in job.styles),
        regions=tuple(_regions(control, fine, on_event)),
        selection=read_mask(control.mask, on_event) if control.mask else None,
        strength_mask=read_mask(control.strength_mask, on_event) if control.strength_mask else None,
    )


def _regions(control: ControlFiles, fine: Picture | None, on_event: OnEvent) -> Iterator[Region]:
    """Read the regions; styles with the same mask are one region, blended."""
    firsts = {region.mask: region for region in reversed(control.regions)}
    for number, mask in enumerate(dict.fromkeys(region.mask for region in control.regions), start=1):
        styles = tuple(
            WeightedStyle(
                _read(file.style.path, on_event),
                file.style.weight,
                read_mask(file.part, on_event) if file.part else None,
                fine,
            )
            for file in control.regions
            if file.mask == mask
        )
        first = firsts[mask]
        yield Region(read_mask(mask, on_event), styles, first.title or str(number), first.keep_colors)


def _read(path: str, on_event: OnEvent) -> Picture:
    return read_picture(path, on_notice=on_event)
