"""Styles at hand: pictures kept under a name, each with a thumbnail and the settings that suit it.

A folder of the user's: ``NAME.jpg`` (or another suffix) is the picture, as it was given; ``NAME.json`` holds
settings by name, where there are any; ``thumbnails/NAME.png`` shows it small. Whoever looks for styles need
only list the pictures. Several styles travel as one JSON file, which like any picture is taken for hostile.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nst_core.errors import ErrorCode, NstError, nearest
from nst_core.images.files import opened, replace_file
from nst_core.images.names import shown
from nst_core.images.read import read_picture
from nst_core.images.resize import fit, resize_picture
from nst_core.images.write import write_picture
from nst_core.settings import make_settings

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif")
"""Suffixes of pictures in the folder."""

THUMBNAIL_SIDE = 256
LONGEST_NAME = 64
LARGEST_PICTURE = 256 << 20
"""Bytes of a picture that are kept."""

LARGEST_FILE = 1 << 30
"""Bytes of a file of styles that are read."""

FORMAT = 1
"""Number in a file of styles; a reader refuses others."""

NO_CHARACTERS = frozenset('<>:"/\\|?*')
"""What some platform does not allow in a file's name."""


@dataclass(frozen=True)
class KeptStyle:
    """A style under a name; ``settings`` are names and values, only those that were given."""

    name: str
    path: Path
    thumbnail: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


class _Packed(BaseModel):
    """A style in a file of styles; ``picture`` is its file in Base64."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    suffix: str
    settings: dict[str, Any] = {}
    picture: str


class _File(BaseModel):
    """A file of styles."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    nst_styles: int
    styles: list[_Packed]


class StyleLibrary:
    """The styles in one folder: ``root``, else ``NST_STYLES``, else the user's data folder."""

    def __init__(self, root: Path | None = None) -> None:
        named = root or os.environ.get("NST_STYLES")
        self.root = Path(named) if named else platformdirs.user_data_path("nst", appauthor=False) / "styles"

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
        return next((style for style in self.kept() if style.name == name), None)

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
                f"No style is kept as {shown(name)}.{nearest(name, names)}",
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
        with opened(picture) as file:
            data = file.read(LARGEST_PICTURE + 1)
        return self._add(
            data, PurePath(picture).suffix.lower(), name or PurePath(picture).stem, settings, force
        )

    def remove(self, name: str) -> None:
        """Delete a style and all that belongs to it.

        Raises:
            NstError: ``missing-file``, ``unwritable-output``.
        """
        style = self.get(name)
        try:
            # The picture first: what is left of a style without one is not a style.
            for path in (style.path, self._settings_path(style.name), self._thumbnail_path(style.name)):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT, f"{shown(style.path)} cannot be deleted: {error.strerror}."
            ) from None

    def rename(self, name: str, new: str, *, force: bool = False) -> KeptStyle:
        """Call a style ``new`` from now on, with all that belongs to it.

        Raises:
            NstError: ``missing-file``; ``bad-setting`` for a name that is none; ``output-exists`` (and not
                ``force``); ``unwritable-output``.
        """
        style = self.get(name)
        _check_name(new)
        if new == name:
            return style
        if self.find(new) is not None:
            if not force:
                raise _taken(new)
            self.remove(new)
        path = self.root / f"{new}{style.path.suffix}"
        try:
            # The picture last: until then the style has its old name.
            for old, moved in (
                (self._settings_path(name), self._settings_path(new)),
                (self._thumbnail_path(name), self._thumbnail_path(new)),
                (style.path, path),
            ):
                if old.exists():
                    old.replace(moved)
        except OSError as error:
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT, f"{shown(style.path)} cannot be renamed: {error.strerror}."
            ) from None
        return self._style(path)

    def packed(self, names: Iterable[str] = ()) -> bytes:
        """Return a file of styles: those named, else all.

        Raises:
            NstError: ``missing-file`` for a name that is none.
        """
        styles = [self.get(name) for name in names] or self.kept()
        packed = [
            {
                "name": style.name,
                "suffix": style.path.suffix.lower(),
                "settings": dict(style.settings),
                "picture": base64.b64encode(style.path.read_bytes()).decode("ascii"),
            }
            for style in styles
        ]
        return json.dumps({"nst_styles": FORMAT, "styles": packed}, ensure_ascii=False).encode()

    def unpack(self, path: str | Path, *, force: bool = False) -> list[KeptStyle]:
        """Keep all styles of a file of styles; everything in it is checked before anything is kept.

        Raises:
            NstError: ``bad-setting`` for a file that is none, ``output-exists``, or as :meth:`add`.
        """
        with opened(path) as file:
            data = file.read(LARGEST_FILE + 1)
        wrong = NstError(
            ErrorCode.BAD_SETTING, f"{shown(path)} is no file of styles.", "`nst styles export` writes one."
        )
        if len(data) > LARGEST_FILE:
            raise wrong
        try:
            whole = _File.model_validate_json(data)
            pictures = [base64.b64decode(style.picture, validate=True) for style in whole.styles]
        except (ValidationError, binascii.Error, RecursionError):
            raise wrong from None
        if whole.nst_styles != FORMAT:
            raise wrong
        for style, picture in zip(whole.styles, pictures, strict=True):
            self._check(picture, style.suffix, style.name, style.settings, force)
        return [
            self._add(picture, style.suffix, style.name, style.settings, force)
            for style, picture in zip(whole.styles, pictures, strict=True)
        ]

    def _check(
        self, data: bytes, suffix: str, name: str, settings: Mapping[str, Any] | None, force: bool
    ) -> None:
        _check_name(name)
        make_settings(settings or {})
        if suffix not in SUFFIXES:
            raise NstError(
                ErrorCode.BAD_IMAGE,
                f"Pictures of styles end in {', '.join(SUFFIXES)}, not {shown(suffix) or 'nothing'}.",
                "Save it as PNG or JPEG.",
            )
        if len(data) > LARGEST_PICTURE:
            raise NstError(
                ErrorCode.TOO_LARGE, f"{name} is larger than {LARGEST_PICTURE >> 20} MB.", "Make it smaller."
            )
        if not force and self.find(name) is not None:
            raise _taken(name)

    def _add(
        self, data: bytes, suffix: str, name: str, settings: Mapping[str, Any] | None, force: bool
    ) -> KeptStyle:
        self._check(data, suffix, name, settings, force)
        given = {key.replace("-", "_") for key in settings or {}}
        named = make_settings(settings or {}).model_dump(mode="json", include=given)
        thumbnails = self._thumbnail_path(name).parent
        try:
            thumbnails.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT,
                f"{shown(self.root)} cannot be made: {error.strerror}.",
                "Choose another folder with NST_STYLES.",
            ) from None
        path = self.root / f"{name}{suffix}"
        old = self.find(name)
        # Read before it is in place: what cannot be read is no style.
        beside = self.root / f".{name}.new{suffix}"
        replace_file(beside, data, force=True)
        try:
            picture = read_picture(beside)
            side = min(THUMBNAIL_SIDE, max(picture.height, picture.width))
            small = resize_picture(picture, *fit(picture.height, picture.width, side))
            write_picture(small, self._thumbnail_path(name), force=True)
            if named:
                replace_file(self._settings_path(name), json.dumps(named, indent=1).encode(), force=True)
            else:
                self._settings_path(name).unlink(missing_ok=True)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        if old is not None and old.path != path:
            old.path.unlink(missing_ok=True)
        return self._style(path)

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


def _read_settings(path: Path) -> Mapping[str, Any]:
    """Read a style's settings; a damaged file is none."""
    try:
        found = json.loads(path.read_bytes())
        make_settings(found)
    except (OSError, ValueError, AttributeError, RecursionError, NstError):
        return {}
    return dict(found)


def is_name(name: str) -> bool:
    """Whether a style may be called so: a file could everywhere, and it looks like no weight or path."""
    printable = all(unicodedata.category(character)[0] not in "CZ" or character == " " for character in name)
    plain = name == name.strip() and not name.startswith(".") and not name.endswith(".")
    return 0 < len(name) <= LONGEST_NAME and printable and plain and not NO_CHARACTERS & set(name)


def _taken(name: str) -> NstError:
    return NstError(
        ErrorCode.OUTPUT_EXISTS,
        f"A style is kept as {name} already.",
        "Choose another name, or replace it with --force.",
    )


def _check_name(name: str) -> None:
    if not is_name(name):
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"{shown(name)!r} cannot be the name of a style.",
            f"Choose up to {LONGEST_NAME} letters, digits, spaces, dashes or underscores.",
        )
