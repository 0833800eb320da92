"""From arguments to pictures: files named on the command line, read, and places for what will be written.

Paths and words go in; pictures, weights and checked paths come out. Knows nothing of runs.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from nst_core.errors import ErrorCode, NstError
from nst_core.events import OnEvent
from nst_core.images.display_name import display_name
from nst_core.images.file_io import check_not_an_input
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.images.write import check_writable
from nst_core.job.control_files import StyleFile
from nst_core.job.model import BUILT_IN_STARTS, WeightedStyle, start_file
from nst_core.settings import Settings
from nst_core.style_library.library import StyleLibrary, is_name

RESERVED = re.compile(r'[<>:"/\\|?*,\x00-\x1f]+')
"""What some platform does not allow in a file's name, and the commas between layers."""

LONGEST_STEM = 120
"""Characters of a name that was put together: file systems allow 255 bytes."""

SIDES = re.compile(r"(\d{1,5})[x×](\d{1,5})")


def parse_style(text: str) -> StyleFile:
    r"""Read ``painting.jpg`` or ``painting.jpg:2``.

    A file that has the whole text as its name is that file. So is what follows no weight: drives
    (``C:\painting.jpg``) and names with a colon in them need no quoting. Where there is no such file, the
    name of a kept style stands for its picture and its settings.

    Raises:
        NstError: ``bad-setting`` for a weight that is negative or no finite number.
    """
    path, colon, weight = text.rpartition(":")
    drive = os.name == "nt" and len(path) == 1
    if not colon or not path or drive or os.path.exists(text):  # noqa: PTH110 -- a hostile name raises in Path
        return _found(text, 1.0)
    try:
        value = float(weight)
    except ValueError:
        return _found(text, 1.0)
    if not math.isfinite(value) or value < 0:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"The weight of the style {display_name(path)} must be a finite number, 0 or more, not {weight}.",
        )
    return _found(path, value)


def _found(name: str, weight: float) -> StyleFile:
    """Look for a file, then for a kept style, which a folder of its name does not hide."""
    if os.path.isfile(name):  # noqa: PTH113 -- a hostile name raises in Path
        return StyleFile(name, weight)
    kept = StyleLibrary().find(name) if is_name(name) else None
    return StyleFile(name, weight) if kept is None else StyleFile(str(kept.path), weight, kept.settings)


def parse_sides(text: str) -> tuple[int, int]:
    """Read ``WIDTHxHEIGHT`` into (height, width).

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


def read_styles(files: Iterable[StyleFile], on_event: OnEvent) -> tuple[WeightedStyle, ...]:
    """Read the style pictures."""
    return tuple(WeightedStyle(read_picture(file.path, on_notice=on_event), file.weight) for file in files)


def read_start(settings: Settings, on_event: OnEvent) -> Picture | None:
    """Read the picture that ``init`` names, if it names one.

    Raises:
        NstError: ``bad-setting`` where it is neither a word nor a file.
    """
    path = start_file(settings)
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


def default_output(first: str, *words: str) -> Path:
    """Name the result where no name is given: a PNG beside the first picture, named after all of them.

    A result beside a kept style would be one more: it comes into the working folder.
    """
    beside = Path(first).parent
    stems = [PurePath(word).stem for word in (first, *words)]
    name = RESERVED.sub("_", "-".join(stems))[:LONGEST_STEM] + ".png"
    return Path(name) if beside == StyleLibrary().root else beside / name


def check_output(path: Path, force: bool, inputs: Sequence[str]) -> None:
    """Make sure, before anything is computed, that the result can be written, and not over what is read.

    Raises:
        NstError: ``output-exists``, ``unwritable-output``, ``disk-full``.
    """
    check_not_an_input(path, inputs)
    try:
        check_writable(path, force)
    except NstError as error:
        raise with_force_hint(error) from None


def with_force_hint(error: NstError) -> NstError:
    """Name the option that overwrites, where that is what is wanted."""
    if error.code is not ErrorCode.OUTPUT_EXISTS:
        return error
    return NstError(error.code, error.message, "Choose another name, or overwrite it with --force.")
