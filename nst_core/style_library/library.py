"""The style library: pictures kept under a name, each with a thumbnail and settings.

A folder of the user's. ``NAME.jpg`` (or another suffix) is the picture, unchanged; ``NAME.json`` holds its
settings, if there are any; ``thumbnails/NAME.png`` is the thumbnail. Other programs need only list the
pictures. One program at a time may change the folder. :mod:`nst_core.style_library.archive` puts several
styles into one file.
"""

from __future__ import annotations

import json
import os
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from filelock import FileLock, Timeout

from nst_core.contract import LONGEST_STYLE_NAME, STYLE_SUFFIXES, is_style_name
from nst_core.errors import ErrorCode, NstError, nearest
from nst_core.images.display_name import display_name
from nst_core.images.file_io import open_input, replace_file
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.images.resize import fit, resize_picture
from nst_core.images.write import write_picture
from nst_core.settings import is_style_setting, make_settings, with_underscores
from nst_core.style_library import archive
from nst_core.style_library.model import KeptStyle, PackedStyle
from nst_core.style_library.ready_styles import find_ready_style, ready_styles
from nst_core.system.folders import data_folder

THUMBNAIL_SIDE = 256
LARGEST_PICTURE = 256 << 20
"""Most bytes of a picture that is kept."""

LOCK_SECONDS = 60.0
STAGED_PREFIX = ".new-"
"""First characters of the names of pictures that are not yet in place."""


@dataclass(frozen=True)
class _StagedStyle:
    """A style whose picture is in the folder under a temporary name and could be read."""

    style: PackedStyle
    path: Path
    thumbnail: Picture


class StyleLibrary:
    """The styles in a folder: ``root``, or else ``NST_STYLES``, or else ``styles`` in the data folder."""

    def __init__(self, root: Path | None = None) -> None:
        folder = root or os.environ.get("NST_STYLES")
        self.root = Path(folder) if folder else data_folder() / "styles"

    def styles(self) -> list[KeptStyle]:
        """Return the kept styles, by name. Unreadable entries are skipped."""
        try:
            entries = sorted(self.root.iterdir())
        except OSError:
            return []
        styles: dict[str, KeptStyle] = {}
        for path in entries:
            if path.suffix.lower() in STYLE_SUFFIXES and path.is_file() and not path.name.startswith("."):
                styles.setdefault(path.stem, self._load(path))
        return sorted(styles.values(), key=lambda style: style.name.casefold())

    def all_styles(self) -> list[KeptStyle]:
        """Return the kept styles, then the ready styles whose names no kept style has taken."""
        kept = self.styles()
        taken = {_folded(style.name) for style in kept}
        return kept + [style for style in ready_styles() if _folded(style.name) not in taken]

    def find(self, name: str) -> KeptStyle | None:
        """Return the kept style of that name, or else the ready style, or None."""
        return self._find_kept(name) or find_ready_style(name)

    def get(self, name: str) -> KeptStyle:
        """Return the kept style of that name, or else the ready style.

        Raises:
            NstError: ``missing-file``, with the most similar name.
        """
        style = self.find(name)
        if style is None:
            names = [style.name for style in self.all_styles()]
            raise NstError(
                ErrorCode.MISSING_FILE,
                f"There is no style {display_name(name)}.{nearest(name, names)}",
                "`nst styles list` shows the styles.",
            )
        return style

    def _find_kept(self, name: str) -> KeptStyle | None:
        return next((style for style in self.styles() if _composed(style.name) == _composed(name)), None)

    def _get_kept(self, name: str) -> KeptStyle:
        """Return the kept style of that name.

        Raises:
            NstError: ``missing-file``, or ``bad-setting`` if it is a ready style.
        """
        style = self.get(name)
        if style.is_ready:
            raise NstError(
                ErrorCode.BAD_SETTING,
                f"{style.name} is a ready style. It cannot be removed or renamed.",
                f"To replace it, keep a picture under its name: nst styles add PICTURE --as '{style.name}'.",
            )
        return style

    def add(
        self,
        picture: str | Path,
        name: str = "",
        settings: Mapping[str, Any] | None = None,
        *,
        force: bool = False,
    ) -> KeptStyle:
        """Keep the picture at a path under ``name``, by default its file's name.

        Raises:
            NstError: ``bad-setting`` for an invalid name or settings; ``output-exists`` without ``force``;
                the picture cannot be read, or the folder not be written.
        """
        with open_input(picture) as file:
            data = file.read(LARGEST_PICTURE + 1)
        path = PurePath(picture)
        style = PackedStyle(name or path.stem, path.suffix.lower(), settings or {}, data)
        return self._add_all([style], force=force)[0]

    def remove(self, name: str) -> None:
        """Delete a style with its files.

        Raises:
            NstError: ``missing-file``, ``unwritable-output``; ``bad-setting`` for a ready style.
        """
        self._get_kept(name)
        with self._locked():
            self._delete(self._get_kept(name))

    def rename(self, name: str, new_name: str, *, force: bool = False) -> KeptStyle:
        """Rename a style with its files.

        Raises:
            NstError: ``missing-file``; ``bad-setting`` for an invalid name or a ready style;
                ``output-exists`` without ``force``; ``unwritable-output``.
        """
        _check_name(new_name)
        self._get_kept(name)
        with self._locked():
            style = self._get_kept(name)
            if new_name == style.name:
                return style
            existing = self._find_same_files(new_name)
            if existing is not None and existing.name != style.name:
                if not force:
                    raise _exists_error(existing.name)
                self._delete(existing)
            new_path = self.root / f"{new_name}{style.path.suffix}"
            # The picture last: until then, the style has its old name.
            for old_file, new_file in (
                (self._settings_path(style.name), self._settings_path(new_name)),
                (self._thumbnail_path(style.name), self._thumbnail_path(new_name)),
                (style.path, new_path),
            ):
                if old_file.exists():
                    old_file.replace(new_file)
                else:
                    new_file.unlink(missing_ok=True)
            return self._load(new_path)

    def export(self, names: Iterable[str] = ()) -> bytes:
        """Return an archive of the named styles, or of all kept styles if there are no ``names``.

        Raises:
            NstError: ``missing-file`` for an unknown name.
        """
        return archive.pack([self.get(name) for name in dict.fromkeys(names)] or self.styles())

    def import_archive(self, path: str | Path, *, force: bool = False) -> list[KeptStyle]:
        """Keep all styles of an archive or, if one of them cannot be kept, none.

        Raises:
            NstError: ``bad-setting`` if the file is not an archive, ``output-exists``, or as for :meth:`add`.
        """
        return self._add_all(archive.unpack(path), force=force)

    def _add_all(self, styles: Sequence[PackedStyle], *, force: bool) -> list[KeptStyle]:
        """Keep ``styles``. All of them are checked before the first is put in place."""
        for style in styles:
            _check(style)
        names = set[str]()
        for style in styles:
            if _folded(style.name) in names:
                raise NstError(
                    ErrorCode.BAD_SETTING,
                    f"Several of the styles have the name {style.name}.",
                    "Export them again, each once.",
                )
            names.add(_folded(style.name))
        with self._locked():
            kept = {_folded(style.name): style for style in reversed(self.styles())}
            for style in styles:
                existing = kept.get(_folded(style.name))
                if existing is not None and not force:
                    raise _exists_error(existing.name)
            staged_styles = [self._stage(style) for style in styles]
            return [
                self._put_in_place(staged, kept.get(_folded(staged.style.name))) for staged in staged_styles
            ]

    def _stage(self, style: PackedStyle) -> _StagedStyle:
        """Write a style's picture under a temporary name, and check that it can be read."""
        path = self.root / f"{STAGED_PREFIX}{secrets.token_hex(8)}{style.suffix}"
        replace_file(path, style.picture, force=False)
        picture = read_picture(path, name=f"The picture of {style.name}")
        side = min(THUMBNAIL_SIDE, max(picture.height, picture.width))
        thumbnail = resize_picture(picture, *fit(picture.height, picture.width, side))
        return _StagedStyle(style, path, thumbnail)

    def _put_in_place(self, staged: _StagedStyle, old: KeptStyle | None) -> KeptStyle:
        """Give a staged style its name, and delete the files of ``old``, the style that had it."""
        style = staged.style
        path = self.root / f"{style.name}{style.suffix}"
        self._thumbnail_path(style.name).parent.mkdir(exist_ok=True)
        write_picture(staged.thumbnail, self._thumbnail_path(style.name), force=True)
        settings = style_settings(style.settings)
        if settings:
            data = json.dumps(settings, indent=1).encode()
            replace_file(self._settings_path(style.name), data, force=True)
        else:
            self._settings_path(style.name).unlink(missing_ok=True)
        staged.path.replace(path)
        new = self._load(path)
        if old is not None:
            # On some systems, names that differ only in case are one file.
            new_files = [file for file in self._files(new) if file.exists()]
            for old_file in self._files(old):
                if old_file.exists() and not any(old_file.samefile(new_file) for new_file in new_files):
                    old_file.unlink()
        return new

    def _delete(self, style: KeptStyle) -> None:
        for path in self._files(style):
            path.unlink(missing_ok=True)

    def _files(self, style: KeptStyle) -> tuple[Path, ...]:
        """Return a style's files, the picture first: without it, the others are not a style."""
        return style.path, self._settings_path(style.name), self._thumbnail_path(style.name)

    def _find_same_files(self, name: str) -> KeptStyle | None:
        """Return the style whose files are those of ``name`` on some file system, or None."""
        return next((style for style in self.styles() if _folded(style.name) == _folded(name)), None)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Create the folder, lock it against other programs, and delete temporary files in the end.

        Raises:
            NstError: ``unwritable-output``.
        """
        lock = FileLock(self.root / ".lock", timeout=LOCK_SECONDS)
        try:
            self.root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # the user's data folder
            self.root.mkdir(exist_ok=True)
            with lock:
                try:
                    yield
                finally:
                    for temporary in self.root.glob(f"{STAGED_PREFIX}*"):
                        temporary.unlink(missing_ok=True)
        except Timeout:
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT,
                f"Another program has been changing {display_name(self.root)} for a minute.",
                "Wait until it has finished, or end it, and try again.",
            ) from None
        except OSError as error:
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT,
                f"{display_name(self.root)} cannot be changed: {error.strerror}.",
                "Set NST_STYLES to another folder.",
            ) from None

    def _load(self, path: Path) -> KeptStyle:
        thumbnail = self._thumbnail_path(path.stem)
        return KeptStyle(
            name=path.stem,
            path=path,
            thumbnail=thumbnail if thumbnail.is_file() else None,
            settings=_read_settings(path.with_suffix(".json")),
        )

    def _settings_path(self, name: str) -> Path:
        return self.root / f"{name}.json"

    def _thumbnail_path(self, name: str) -> Path:
        return self.root / "thumbnails" / f"{name}.png"


def style_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of ``settings`` that are kept with a style, checked, by their names in the table.

    Raises:
        NstError: ``bad-setting``.
    """
    checked = make_settings(settings)
    names = {name for name in with_underscores(settings) if is_style_setting(name)}
    return checked.model_dump(mode="json", include=names)


def _read_settings(path: Path) -> dict[str, Any]:
    """Read a style's settings; return none if the file is missing or damaged."""
    try:
        return style_settings(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, NstError):
        return {}


def _composed(name: str) -> str:
    """Return a name in composed form (NFC), as keyboards type it; some file systems decompose accents."""
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    """Return a key that is equal for names that some file system takes for the same."""
    return _composed(_composed(name).casefold())


def _exists_error(name: str) -> NstError:
    return NstError(
        ErrorCode.OUTPUT_EXISTS,
        f"There is already a style {name}.",
        "Choose another name, or replace it with --force.",
    )


def _check(style: PackedStyle) -> None:
    """Check everything about a style except its picture."""
    _check_name(style.name)
    make_settings(style.settings)
    if style.suffix not in STYLE_SUFFIXES:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"Style pictures must end in {', '.join(STYLE_SUFFIXES)}"
            + (f", not {display_name(style.suffix)}." if style.suffix else "."),
            "Save the picture as PNG or JPEG.",
        )
    if len(style.picture) > LARGEST_PICTURE:
        raise NstError(
            ErrorCode.TOO_LARGE,
            f"{style.name} is larger than {LARGEST_PICTURE >> 20} MB.",
            "Make the picture smaller.",
        )


def _check_name(name: str) -> None:
    if not is_style_name(name):
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"{display_name(name)!r} is not a valid name for a style.",
            f"Choose up to {LONGEST_STYLE_NAME} letters, digits, spaces, dashes or underscores.",
        )
