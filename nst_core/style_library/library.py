"""Styles at hand: pictures kept under a name, each with a thumbnail and the settings that suit it.

A folder of the user's: ``NAME.jpg`` (or another suffix) is the picture, as it was given; ``NAME.json`` holds
settings by name, where there are any; ``thumbnails/NAME.png`` shows it small. Whoever looks for styles need
only list the pictures. One program at a time changes them; several travel as one file
(:mod:`nst_core.style_library.archive`).
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
from nst_core.system.folders import data_folder

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif")
"""Suffixes of pictures in the folder."""

THUMBNAIL_SIDE = 256
LARGEST_PICTURE = 256 << 20
"""Bytes of a picture that are kept."""

LONGEST_NAME = 64
MOST_BYTES = 240
"""Of a name: file systems allow 255 of a file's, suffix included."""

NO_CHARACTERS = frozenset('<>:"/\\|?*')
"""What some platform does not allow in a file's name."""

DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)))
)
"""What Windows takes for a device, whatever the suffix."""

LOCK_SECONDS = 60.0
NEW = ".new-"
"""How the names of pictures begin that are not yet in place."""


@dataclass(frozen=True)
class _Staged:
    """A style whose picture lies in the folder under a name that nobody looks at, and could be read."""

    style: PackedStyle
    picture: Path
    thumbnail: Picture


class StyleLibrary:
    """The styles in one folder: ``root``, else ``NST_STYLES``, else in the installation's data folder."""

    def __init__(self, root: Path | None = None) -> None:
        named = root or os.environ.get("NST_STYLES")
        self.root = Path(named) if named else data_folder() / "styles"

    def kept(self) -> list[KeptStyle]:
        """Return what is kept, by name; what cannot be read costs an entry, no more."""
        try:
            entries = sorted(self.root.iterdir())
        except OSError:
            return []
        found: dict[str, KeptStyle] = {}
        for path in entries:
            if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."):
                found.setdefault(path.stem, self._style(path))
        return sorted(found.values(), key=lambda style: style.name.casefold())

    def find(self, name: str) -> KeptStyle | None:
        """Return the style of that name, if there is one."""
        return next((style for style in self.kept() if _composed(style.name) == _composed(name)), None)

    def get(self, name: str) -> KeptStyle:
        """Return the style of that name.

        Raises:
            NstError: ``missing-file``, naming the nearest there is.
        """
        found = self.find(name)
        if found is None:
            names = [style.name for style in self.kept()]
            raise NstError(
                ErrorCode.MISSING_FILE,
                f"No style is kept as {display_name(name)}.{nearest(name, names)}",
                "`nst styles list` names those that are.",
            )
        return found

    def add(
        self,
        picture: str | Path,
        name: str = "",
        settings: Mapping[str, Any] | None = None,
        *,
        force: bool = False,
    ) -> KeptStyle:
        """Keep the picture at a path under ``name``, else under its file's name.

        Raises:
            NstError: ``bad-setting`` for a name or settings that are none; ``output-exists`` (and not
                ``force``); whatever is wrong with the picture, or with writing.
        """
        with open_input(picture) as file:
            data = file.read(LARGEST_PICTURE + 1)
        path = PurePath(picture)
        return self._keep(
            [PackedStyle(name or path.stem, path.suffix.lower(), settings or {}, data)], force=force
        )[0]

    def remove(self, name: str) -> None:
        """Delete a style and all that belongs to it.

        Raises:
            NstError: ``missing-file``, ``unwritable-output``.
        """
        self.get(name)
        with self._changing():
            self._delete(self.get(name))

    def rename(self, name: str, new: str, *, force: bool = False) -> KeptStyle:
        """Call a style ``new`` from now on, with all that belongs to it.

        Raises:
            NstError: ``missing-file``; ``bad-setting`` for a name that is none; ``output-exists`` (and not
                ``force``); ``unwritable-output``.
        """
        _check_name(new)
        self.get(name)
        with self._changing():
            style = self.get(name)
            if new == style.name:
                return style
            taken = self._like(new)
            if taken is not None and taken.name != style.name:
                if not force:
                    raise _taken(taken.name)
                self._delete(taken)
            path = self.root / f"{new}{style.path.suffix}"
            # The picture last: until then the style has its old name.
            for old, moved in (
                (self._settings_path(style.name), self._settings_path(new)),
                (self._thumbnail_path(style.name), self._thumbnail_path(new)),
                (style.path, path),
            ):
                if old.exists():
                    old.replace(moved)
                else:
                    moved.unlink(missing_ok=True)
            return self._style(path)

    def packed(self, names: Iterable[str] = ()) -> bytes:
        """Return a file of styles: those named, else all.

        Raises:
            NstError: ``missing-file`` for a name that is none.
        """
        return archive.pack([self.get(name) for name in dict.fromkeys(names)] or self.kept())

    def unpack(self, path: str | Path, *, force: bool = False) -> list[KeptStyle]:
        """Keep all styles of a file of styles, or, where one of them will not do, none.

        Raises:
            NstError: ``bad-setting`` for a file that is none, ``output-exists``, or as :meth:`add`.
        """
        return self._keep(archive.unpack(path), force=force)

    def _keep(self, styles: Sequence[PackedStyle], *, force: bool) -> list[KeptStyle]:
        """Keep ``styles``; whatever is wrong with one of them is found before the first is in place."""
        for style in styles:
            _check(style)
        names = [_folded(style.name) for style in styles]
        for style in styles:
            if names.count(_folded(style.name)) > 1:
                raise NstError(
                    ErrorCode.BAD_SETTING,
                    f"Several of the styles are called {style.name}.",
                    "Export them again, each once.",
                )
        with self._changing():
            for style in styles:
                taken = self._like(style.name)
                if taken is not None and not force:
                    raise _taken(taken.name)
            staged = [self._staged(style) for style in styles]
            return [self._placed(each) for each in staged]

    def _staged(self, style: PackedStyle) -> _Staged:
        """Write a style's picture and read it as a picture: what cannot be read is no style."""
        path = self.root / f"{NEW}{secrets.token_hex(8)}{style.suffix}"
        replace_file(path, style.picture, force=False)
        try:
            picture = read_picture(path)
        except NstError as error:
            message = error.message.replace(display_name(path), f"The picture of {style.name}")
            raise NstError(error.code, message, error.hint) from None
        side = min(THUMBNAIL_SIDE, max(picture.height, picture.width))
        small = resize_picture(picture, *fit(picture.height, picture.width, side))
        return _Staged(style, path, small)

    def _placed(self, staged: _Staged) -> KeptStyle:
        """Put a style in its place, and what had that name away."""
        style = staged.style
        path = self.root / f"{style.name}{style.suffix}"
        old = self._like(style.name)
        self._thumbnail_path(style.name).parent.mkdir(exist_ok=True)
        write_picture(staged.thumbnail, self._thumbnail_path(style.name), force=True)
        settings = style_settings(style.settings)
        if settings:
            data = json.dumps(settings, indent=1).encode()
            replace_file(self._settings_path(style.name), data, force=True)
        else:
            self._settings_path(style.name).unlink(missing_ok=True)
        staged.picture.replace(path)
        new = self._style(path)
        if old is not None:
            # Names that differ in case alone may be those of one file.
            mine = [file for file in self._files(new) if file.exists()]
            for file in self._files(old):
                if file.exists() and not any(file.samefile(other) for other in mine):
                    file.unlink()
        return new

    def _delete(self, style: KeptStyle) -> None:
        for path in self._files(style):
            path.unlink(missing_ok=True)

    def _files(self, style: KeptStyle) -> tuple[Path, ...]:
        """Return a style's files, the picture first: what is left without one is no style."""
        return style.path, self._settings_path(style.name), self._thumbnail_path(style.name)

    def _like(self, name: str) -> KeptStyle | None:
        """Return the style whose files some platform takes for those of ``name``."""
        return next((style for style in self.kept() if _folded(style.name) == _folded(name)), None)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Make the folder, hold it against other programs, and clear away what is not in place.

        Raises:
            NstError: ``unwritable-output``, whatever the system says.
        """
        lock = FileLock(self.root / ".lock", timeout=LOCK_SECONDS)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with lock:
                try:
                    yield
                finally:
                    for unplaced in self.root.glob(f"{NEW}*"):
                        unplaced.unlink(missing_ok=True)
        except Timeout:
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT,
                f"Another program has been changing {display_name(self.root)} for a minute.",
                "Wait for it to finish, or end it, and try again.",
            ) from None
        except OSError as error:
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT,
                f"{display_name(self.root)} cannot be changed: {error.strerror}.",
                "Choose another folder with NST_STYLES.",
            ) from None

    def _style(self, path: Path) -> KeptStyle:
        thumbnail = self._thumbnail_path(path.stem)
        return KeptStyle(
            path.stem,
            path,
            thumbnail if thumbnail.is_file() else None,
            _read_settings(path.with_suffix(".json")),
        )

    def _settings_path(self, name: str) -> Path:
        return self.root / f"{name}.json"

    def _thumbnail_path(self, name: str) -> Path:
        return self.root / "thumbnails" / f"{name}.png"


def style_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of ``settings`` is kept with a style, by its names in the table, checked.

    Raises:
        NstError: ``bad-setting``.
    """
    checked = make_settings(settings)
    given = {name for name in with_underscores(settings) if is_style_setting(name)}
    return checked.model_dump(mode="json", include=given)


def _read_settings(path: Path) -> dict[str, Any]:
    """Read a style's settings; a damaged file is none."""
    try:
        return style_settings(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, NstError):
        return {}


def is_name(name: str) -> bool:
    """Whether a style may be called so: a file could everywhere, and it looks like no weight or path."""
    printable = all(unicodedata.category(character)[0] not in "CZ" or character == " " for character in name)
    plain = name == name.strip() and not name.startswith(".") and not name.endswith(".")
    usual = not NO_CHARACTERS & set(name) and name.partition(".")[0].rstrip().lower() not in DEVICES
    return (
        0 < len(name) <= LONGEST_NAME and printable and plain and usual and len(name.encode()) <= MOST_BYTES
    )


def _composed(name: str) -> str:
    """Return a name as keyboards write it; some file systems take accents from their letters."""
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    """Return what file systems that tell neither case nor composition apart make of a name."""
    return _composed(_composed(name).casefold())


def _taken(name: str) -> NstError:
    return NstError(
        ErrorCode.OUTPUT_EXISTS,
        f"A style is kept as {name} already.",
        "Choose another name, or replace it with --force.",
    )


def _check(style: PackedStyle) -> None:
    """Refuse what can be seen to be no style without reading its picture."""
    _check_name(style.name)
    make_settings(style.settings)
    if style.suffix not in SUFFIXES:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"Pictures of styles end in {', '.join(SUFFIXES)}, not {display_name(style.suffix) or 'nothing'}.",
            "Save it as PNG or JPEG.",
        )
    if len(style.picture) > LARGEST_PICTURE:
        raise NstError(
            ErrorCode.TOO_LARGE,
            f"{style.name} is larger than {LARGEST_PICTURE >> 20} MB.",
            "Make it smaller.",
        )


def _check_name(name: str) -> None:
    if not is_name(name):
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"{display_name(name)!r} cannot be the name of a style.",
            f"Choose up to {LONGEST_NAME} letters, digits, spaces, dashes or underscores.",
        )
