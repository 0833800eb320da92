"""Opening a film of any kind, and writing one so that an interruption never leaves half a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from nst_core.errors import DISK_FULL_ERRNOS, ErrorCode, NstError
from nst_core.events import OnNotice
from nst_core.film.animation import ANIMATIONS, AnimationFile, FrameFolder, write_animation
from nst_core.film.model import FilmFrame, FilmSource, FilmTraits
from nst_core.film.video import VideoFile
from nst_core.film.video_writer import CODECS, write_video
from nst_core.images.display_name import display_name
from nst_core.images.file_io import check_replaceable, open_input
from nst_core.images.part_files import fill_part
from nst_core.images.write import write_picture

USUAL_RATE = 25.0
"""Frames of a folder to a second."""


def open_film(path: Path, *, rate: float = USUAL_RATE) -> FilmSource:
    """Open a video, an animation, or a folder of numbered pictures, ``rate`` to a second.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``, or ``bad-image`` if it is no film.
    """
    if path.is_dir():
        return FrameFolder(path, rate)
    with open_input(path):
        pass
    return AnimationFile(path) if path.suffix.lower() in ANIMATIONS else VideoFile(path)


def is_folder(path: Path) -> bool:
    """Return whether a film of that name is written as a folder of pictures."""
    return path.suffix == "" or path.is_dir()


def check_film_output(path: Path, *, force: bool) -> None:
    """Check that a film can be written to ``path`` now.

    Raises:
        NstError: ``bad-setting`` for an unknown suffix; ``output-exists``, ``unwritable-output``,
            ``disk-full``.
    """
    if is_folder(path):
        if path.exists() and not force and any(path.iterdir()):
            raise NstError(
                ErrorCode.OUTPUT_EXISTS,
                f"The folder {display_name(path)} is not empty.",
                "Choose another folder, or write into it with --force.",
            )
        return
    if path.suffix.lower() not in (*CODECS, *ANIMATIONS):
        known = ", ".join((*CODECS, *ANIMATIONS))
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"{display_name(path)} has the suffix of no film.",
            f"Use one of {known}, or no suffix for a folder of pictures.",
        )
    check_replaceable(path, force=force)


def write_film(
    path: Path, frames: Iterable[FilmFrame], traits: FilmTraits, on_notice: OnNotice, *, force: bool
) -> None:
    """Write ``frames``, at least one. A file is complete, the old one, or missing, at any moment.

    Raises:
        NstError: ``bad-setting``, ``output-exists``, ``unwritable-output``, ``disk-full``.
    """
    check_film_output(path, force=force)
    if is_folder(path):
        _write_folder(path, frames, traits, on_notice, force=force)
        return
    suffix = path.suffix.lower()
    try:
        with fill_part(
            path.resolve().parent,
            lambda file: (
                write_video(file, suffix, frames, traits, on_notice)
                if suffix in CODECS
                else write_animation(file, suffix, frames, traits)
            ),
        ) as part:
            check_replaceable(path, force=force)
            part.replace(path.resolve())
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            message = f"The disk is too full to write {display_name(path)}."
            raise NstError(ErrorCode.DISK_FULL, message, "Free some space.") from None
        message = f"{display_name(path)} cannot be written: {error.strerror or error}."
        raise NstError(ErrorCode.UNWRITABLE_OUTPUT, message) from None


def _write_folder(
    path: Path, frames: Iterable[FilmFrame], traits: FilmTraits, on_notice: OnNotice, *, force: bool
) -> None:
    """Write each frame as a picture, named as in the source, or numbered."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{display_name(path)} cannot be made: {error.strerror}."
        raise NstError(ErrorCode.UNWRITABLE_OUTPUT, message) from None
    for number, frame in enumerate(frames):
        name = f"{number + 1:06}.png"
        if number < len(traits.names):
            name = Path(traits.names[number]).with_suffix(".png").name
        write_picture(replace(frame.picture, source=""), path / name, force=force, on_notice=on_notice)
