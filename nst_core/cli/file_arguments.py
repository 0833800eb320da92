"""Pictures and output files named on the command line.

Parses names, reads the input pictures, and checks that the output can be written. Does not depend on how a
run works.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from nst_core.cli.setting_options import SettingOptions
from nst_core.contract import is_style_name
from nst_core.errors import ErrorCode, NstError
from nst_core.events import OnEvent
from nst_core.images.display_name import display_name
from nst_core.images.file_io import check_not_an_input
from nst_core.images.file_names import LONGEST_STEM, fit_name
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.images.write import check_writable
from nst_core.job.control_files import StyleFile
from nst_core.job.metadata import RunRecord, read_run_record
from nst_core.job.model import BUILT_IN_STARTS, WeightedStyle, init_image_path
from nst_core.settings import Settings
from nst_core.style_library.library import StyleLibrary
from nst_core.style_library.ready_styles import READY_FOLDER

RESERVED = re.compile(r'[<>:"/\\|?*,\x00-\x1f]+')
"""Characters that some platform does not allow in a file name, and the commas between layers."""

SIDES = re.compile(r"(\d{1,5})[x×](\d{1,5})")


def parse_style(text: str) -> StyleFile:
    r"""Parse ``painting.jpg`` or ``painting.jpg:2``, a style with its weight.

    If there is a file whose name is the whole text, colon included, it is that file. Text after a colon that
    is not a number belongs to the name, so drives (``C:\painting.jpg``) need no quoting. If there is no such
    file, the name of a kept style means its picture and its settings.

    Raises:
        NstError: ``bad-setting`` if the weight is negative or not finite.
    """
    path, colon, weight = text.rpartition(":")
    is_drive = os.name == "nt" and len(path) == 1
    if not colon or not path or is_drive or os.path.exists(text):  # noqa: PTH110 -- a hostile name raises in Path
        return _find_style(text, 1.0)
    try:
        value = float(weight)
    except ValueError:
        return _find_style(text, 1.0)
    if not math.isfinite(value) or value < 0:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"The weight of the style {display_name(path)} must be a finite number, 0 or more, not {weight}.",
        )
    return _find_style(path, value)


def _find_style(name: str, weight: float) -> StyleFile:
    """Return the file ``name``, or else the kept style; a folder of that name does not hide a kept style."""
    if os.path.isfile(name):  # noqa: PTH113 -- a hostile name raises in Path
        return StyleFile(name, weight)
    kept_style = StyleLibrary().find(name) if is_style_name(name) else None
    if kept_style is None:
        return StyleFile(name, weight)
    return StyleFile(str(kept_style.path), weight, kept_style.settings)


def parse_sides(text: str) -> tuple[int, int]:
    """Parse ``WIDTHxHEIGHT`` and return (height, width).

    Raises:
        NstError: ``bad-setting``.
    """
    match = SIDES.fullmatch(text.strip().lower())
    if match is None or not int(match[1]) or not int(match[2]):
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"texture-size must be WIDTHxHEIGHT, such as 512x512, not {text!r}.",
        )
    return int(match[2]), int(match[1])


def read_stored_settings(options: SettingOptions) -> RunRecord:
    """Read the file of ``--settings``; return an empty record if there is none.

    Raises:
        NstError: the file cannot be read, or contains no settings.
    """
    return read_run_record(options.file) if options.file else RunRecord(settings={})


def read_styles(files: Iterable[StyleFile], on_event: OnEvent) -> tuple[WeightedStyle, ...]:
    """Read the style pictures."""
    return tuple(WeightedStyle(read_picture(file.path, on_notice=on_event), file.weight) for file in files)


def read_start(settings: Settings, on_event: OnEvent) -> Picture | None:
    """Read the picture that the setting ``init`` names, if it names one.

    Raises:
        NstError: ``bad-setting`` if ``init`` is neither a built-in start nor a file.
    """
    path = init_image_path(settings)
    if path is None:
        return None
    try:
        return read_picture(path, on_notice=on_event)
    except NstError as error:
        if error.code is not ErrorCode.MISSING_FILE:
            raise
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"init must be {', '.join(BUILT_IN_STARTS)}, or the path of a picture that exists, "
            f"not {display_name(path)!r}.",
        ) from None


def default_output(first: str, *others: str) -> Path:
    """Return the default path of the result: a PNG next to the first picture, named after all inputs.

    If the first picture is a kept or a ready style, the result goes to the working folder: in the style
    library it would become one more style.
    """
    folder = Path(first).parent
    if folder in (StyleLibrary().root, READY_FOLDER):
        folder = Path()
    stems = [PurePath(name).stem for name in (first, *others)]
    return folder / fit_name(RESERVED.sub("_", "-".join(stems)), ".png", folder, longest_stem=LONGEST_STEM)


def check_output(path: Path, force: bool, inputs: Sequence[str]) -> None:
    """Check, before anything is computed, that the result can be written and overwrites no input.

    Raises:
        NstError: ``output-exists``, ``unwritable-output``, ``disk-full``.
    """
    check_not_an_input(path, inputs)
    try:
        check_writable(path, force=force)
    except NstError as error:
        raise with_force_hint(error) from None


def with_force_hint(error: NstError) -> NstError:
    """Return ``error`` with a hint at ``--force`` if the output exists; other errors unchanged."""
    if error.code is not ErrorCode.OUTPUT_EXISTS:
        return error
    return NstError(error.code, error.message, "Choose another name, or overwrite it with --force.")
