"""From options that say which style goes where to the parts of a job.

Paths named on the command line come in; a :class:`Control` with them goes out, and is read into a job. Knows
nothing of how regions are painted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import click

from nst_core.cli.control import NAMES
from nst_core.cli.inputs import StyleFile, parse_style
from nst_core.errors import ErrorCode, NstError
from nst_core.events import OnEvent
from nst_core.images.masks import read_mask
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.preparing import Job, Region, WeightedStyle


@dataclass(frozen=True)
class RegionFile:
    """One ``--region``: a mask, and a style or the part of one that ``part`` masks."""

    mask: str
    style: StyleFile
    part: str | None = None


@dataclass(frozen=True)
class Control:
    """The files of a run that say what goes where."""

    regions: tuple[RegionFile, ...] = ()
    mask: str | None = None
    strength_mask: str | None = None
    fine_style: StyleFile | None = None

    @property
    def files(self) -> list[str]:
        """All of them, for whoever must not write over one."""
        return [path for _, path in self.named()]

    def named(self) -> Iterator[tuple[str, str]]:
        """Give each file with the name of its option."""
        for region in self.regions:
            yield "region", region.mask
            yield "region", region.style.path
            if region.part:
                yield "region", region.part
        for name, path in (("mask", self.mask), ("strength-mask", self.strength_mask)):
            if path:
                yield name, path
        if self.fine_style:
            yield "fine-style", self.fine_style.path

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
        }
        return {key: value for key, value in found.items() if value}


def parse_control(
    styles: Sequence[str], given: Mapping[str, Any]
) -> tuple[tuple[StyleFile, ...], Control, dict[str, Any]]:
    """Read the options of :func:`control_options`: returns all styles, the rest of them, and other options.

    Raises:
        NstError: ``bad-setting`` for a combination that means nothing.
        click.UsageError: there is no style anywhere.
    """
    others = {name: value for name, value in given.items() if name not in NAMES}
    coarse = given["coarse_style"]
    if coarse and not given["fine_style"]:
        raise NstError(
            ErrorCode.BAD_SETTING,
            "--coarse-style says where the composition comes from, but no --fine-style where the strokes do.",
            "Add --fine-style PICTURE, or give the picture as STYLE.",
        )
    named = [*styles, *given["more_styles"], *([coarse] if coarse else [])]
    regions = [RegionFile(mask, parse_style(style)) for mask, style in given["regions"]]
    regions += [RegionFile(mask, parse_style(style), part) for mask, style, part in given["regions_from"]]
    if not named and not regions:
        raise click.UsageError("Missing argument 'STYLE...'.", ctx=click.get_current_context(silent=True))
    fine = parse_style(given["fine_style"]) if given["fine_style"] else None
    control = Control(tuple(regions), given["mask"], given["strength_mask"], fine)
    return tuple(parse_style(style) for style in named), control, others


def controlled(job: Job, control: Control, on_event: OnEvent) -> Job:
    """Read the files of ``control`` into ``job``.

    Raises:
        NstError: what is wrong with one of them.
    """
    fine = _read(control.fine_style.path, on_event) if control.fine_style else None
    regions: dict[str, Region] = {}
    for number, file in enumerate(control.regions, start=1):
        part = read_mask(file.part, on_event) if file.part else None
        style = WeightedStyle(_read(file.style.path, on_event), file.style.weight, part, fine)
        if file.mask in regions:
            known = regions[file.mask]
            regions[file.mask] = replace(known, styles=(*known.styles, style))
        else:
            name = PurePath(file.mask).stem or str(number)
            regions[file.mask] = Region(read_mask(file.mask, on_event), (style,), name)
    return replace(
        job,
        styles=tuple(replace(style, fine=fine) for style in job.styles),
        regions=tuple(regions.values()),
        selection=read_mask(control.mask, on_event) if control.mask else None,
        strength_mask=read_mask(control.strength_mask, on_event) if control.strength_mask else None,
    )


def _read(path: str, on_event: OnEvent) -> Picture:
    return read_picture(path, on_notice=on_event)
