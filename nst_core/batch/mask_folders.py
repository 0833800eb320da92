"""Masks for the pictures of a folder: one file for all of them, or a folder with one for each, by its name.

A :class:`~nst_core.job.control_files.ControlFiles` whose masks may be folders comes in; for each picture, one with the masks
that are its own goes out. Looks at names alone.
"""

from __future__ import annotations

from pathlib import Path

from nst_core.errors import ErrorCode, NstError
from nst_core.images.display_name import display_name
from nst_core.images.picture_folder import list_pictures
from nst_core.job.control_files import ControlFiles


class MaskFolders:
    """The folders among the masks of ``control``, listed once; ``pictures`` is the folder of the pictures.

    Raises:
        NstError: ``unreadable-file`` for a folder that cannot be read; ``bad-setting`` where masks are sought
            among the pictures themselves.
    """

    def __init__(self, control: ControlFiles, pictures: Path) -> None:
        self.control = control
        self.files: dict[str, list[Path]] = {}
        for mask in control.masks:
            try:
                if not Path(mask).is_dir():
                    continue
                if Path(mask).samefile(pictures):
                    raise NstError(
                        ErrorCode.BAD_SETTING,
                        f"{display_name(mask)} is the folder of the pictures themselves.",
                        "Put the masks into a folder of their own.",
                    )
                self.files[mask] = list_pictures(Path(mask))
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise NstError(
                    ErrorCode.UNREADABLE_FILE,
                    f"The masks in {display_name(mask)} cannot be read: {reason}.",
                    "Name a folder of masks, or one mask for all pictures.",
                ) from None

    @property
    def shared(self) -> list[str]:
        """The masks that are one file for all pictures."""
        return [mask for mask in self.control.masks if mask not in self.files]

    def of(self, picture: Path) -> ControlFiles:
        """Return the control of ``picture``, every folder of masks replaced by the mask for it.

        Raises:
            NstError: ``missing-file`` where a folder has no mask for it, ``bad-setting`` where it has two.
        """
        return self.control.moved({folder: str(self._mask(folder, picture)) for folder in self.files})

    def _mask(self, folder: str, picture: Path) -> Path:
        files = self.files[folder]
        name, stem = picture.name.casefold(), picture.stem.casefold()
        # photo.jpg.png, where photo.jpg has a photo.tif beside it; photo.jpg itself; photo.png.
        for found in (
            [file for file in files if file.stem.casefold() == name],
            [file for file in files if file.name.casefold() == name],
            [file for file in files if file.stem.casefold() == stem],
        ):
            if len(found) > 1:
                raise NstError(
                    ErrorCode.BAD_SETTING,
                    f"{display_name(folder)} has several masks for {picture.name}: "
                    f"{' and '.join(file.name for file in found)}.",
                    "Leave one of them there.",
                )
            if found:
                return found[0]
        raise NstError(
            ErrorCode.MISSING_FILE,
            f"There is no mask for {picture.name} in {display_name(folder)}.",
            f"Put one there, named {picture.stem}.png.",
        )
