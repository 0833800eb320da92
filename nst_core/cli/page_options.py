"""Options that ``nst figures`` and ``nst gallery`` share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import click

from nst_core.cli.options import (
    Command,
    GroupedOption,
    ReportingOptions,
    bundle_options,
    names_of_fields,
    pixel_limit_option,
    reporting_options,
    store_option,
)
from nst_core.cli.setting_options import SettingOptions, setting_options

PAGE_SETTINGS = ("strength", "quality", "size", "seed", "iterations", "model", "engine", "device")
PAGE_DEFAULTS: Mapping[str, object] = MappingProxyType({"size": 256})


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """The options of a command that makes a page of pictures."""

    settings: SettingOptions
    force: bool
    reporting: ReportingOptions
    store: Path | None


def page_options(command: Command) -> Command:
    """Add the options, passed as ``options``."""
    command = bundle_options(command, "options", PageOptions, names_of_fields(PageOptions))
    command = reporting_options(pixel_limit_option(store_option(command)))
    command = click.option(
        "--force",
        cls=GroupedOption,
        is_flag=True,
        help="Overwrite files in OUTDIR that are not of this page.",
    )(command)
    return setting_options(PAGE_SETTINGS, PAGE_DEFAULTS)(command)
