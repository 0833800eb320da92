"""Masks for the pictures of a folder: one file for all of them, or a folder with one mask per picture.

Takes :class:`~nst_core.job.control_files.ControlFiles` whose masks may be folders, and returns the control
files of each picture. Looks only at names; reads no masks.
"""

from __future__ import annotations

from pathlib import Path

from nst_core.errors import ErrorCode, NstError
from nst_core.images.display_name import display_name
from nst_core.images.picture_folder import list_pictures
from nst_core.job.control_files import ControlFiles


class MaskFolders:
    """The folders among the masks of ``control``, listed once. ``pictures`` is the folder of the pictures.

    Raises:
        NstError: ``unreadable-file`` for a folder that cannot be read; ``bad-setting`` if a mask folder is
            the folder of the pictures.
    """

    def __init__(self, control: ControlFiles, pictures: Path) -> None:
        self.control = control
        self.pictures = pictures
        self.folders: dict[str, list[Path]] = {}
        self.masks: dict[tuple[str, Path], list[Path]] = {}
        for mask in control.masks:
            try:
                if not Path(mask).is_dir():
                    continue
                if Path(mask).samefile(pictures):
                    raise NstError(
                        ErrorCode.BAD_SETTING,
                        f"{display_name(mask)} is the folder of the pictures.",
                        "Put the masks into another folder.",
                    )
                self.folders[mask] = list_pictures(Path(mask))
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise NstError(
                    ErrorCode.UNREADABLE_FILE,
                    f"The masks in {display_name(mask)} cannot be read: {reason}.",
                    "Give a folder of masks, or one mask for all pictures.",
                ) from None

    @property
    def shared_masks(self) -> list[str]:
        """The masks that are one file for all pictures."""
        return [mask for mask in self.control.masks if mask not in self.folders]

    def control_for(self, picture: Path) -> ControlFiles:
        """Return the control files of ``picture``, each mask folder replaced by the mask for it.

        Raises:
            NstError: ``missing-file`` if a folder has no mask for it, ``bad-setting`` if it has several.
        """
        return self.control.with_paths(
            {folder: str(self._find_mask(folder, picture)) for folder in self.folders}
        )

    def _masks_for(self, folder: str, pictures: Path) -> list[Path]:
        """Return the masks for the pictures in ``pictures``: of the same folder in ``folder``, if any."""
        place = pictures.relative_to(self.pictures)
        if (folder, place) not in self.masks:
            same = Path(folder) / place
            self.masks[folder, place] = list_pictures(same) if same.is_dir() else self.folders[folder]
        return self.masks[folder, place]

    def _find_mask(self, folder: str, picture: Path) -> Path:
        files = self._masks_for(folder, picture.parent)
        name, stem = picture.name.casefold(), picture.stem.casefold()
        # For photo.jpg: photo.jpg.png (needed if there is also a photo.tif), then photo.jpg, then photo.png.
        for matches in (
            [file for file in files if file.stem.casefold() == name],
            [file for file in files if file.name.casefold() == name],
            [file for file in files if file.stem.casefold() == stem],
        ):
            if len(matches) > 1:
                raise NstError(
                    ErrorCode.BAD_SETTING,
                    f"{display_name(folder)} has several masks for {picture.name}: "
                    f"{' and '.join(file.name for file in matches)}.",
                    "Keep only one of them.",
                )
            if matches:
                return matches[0]
        raise NstError(
            ErrorCode.MISSING_FILE,
            f"There is no mask for {picture.name} in {display_name(folder)}.",
            f"Add one, named {picture.stem}.png.",
        )
