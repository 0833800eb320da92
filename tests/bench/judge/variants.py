"""What the judge compares: pairs of pictures, and variants of the program that paint each of them.

Takes the words of the command line and returns plain data. Reads folders, but paints nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from nst_core.images.picture_folder import list_pictures

WORKING_TREE = "."
"""The commit that stands for the files as they are."""


@dataclass(frozen=True)
class Pair:
    """A photo and a painting."""

    photo: Path
    painting: Path

    @property
    def name(self) -> str:
        """Both names without suffixes."""
        return f"{self.photo.stem} x {self.painting.stem}"


@dataclass(frozen=True)
class Variant:
    """Settings as ``name=value``, and the commit that paints with them."""

    settings: tuple[str, ...]
    commit: str = WORKING_TREE

    @property
    def name(self) -> str:
        """The settings, and the commit if it is not the working tree."""
        settings = " ".join(self.settings) or "defaults"
        return settings if self.commit == WORKING_TREE else f"{settings} @ {self.commit}"

    @property
    def options(self) -> list[str]:
        """The options of ``nst stylize``."""
        named = (setting.partition("=")[::2] for setting in self.settings)
        return [f"--{name.strip().replace('_', '-')}={value.strip()}" for name, value in named]


def find_pairs(contents: Path, styles: Path, names: str) -> list[Pair]:
    """Return the pairs ``photo:painting,...`` of two folders or files; without names, all of them.

    Raises:
        ValueError: a name is not in its folder.
    """
    photos, paintings = pictures_in(contents), pictures_in(styles)
    wanted = [name.strip().partition(":")[::2] for name in names.split(",")]
    pairs = []
    for photo, painting in wanted if names else product(photos, paintings):
        if photo not in photos or painting not in paintings:
            raise ValueError(
                f"there is no pair {photo}:{painting}; there are {', '.join(photos)} : {', '.join(paintings)}"
            )
        pairs.append(Pair(photos[photo], paintings[painting]))
    return pairs


def pictures_in(place: Path) -> dict[str, Path]:
    """Return a file, or the pictures of a folder, by name without suffix; paths are absolute."""
    files = [place] if place.is_file() else list_pictures(place)
    return {path.stem: path.resolve() for path in files}


def make_variants(settings: Sequence[str], commits: Sequence[str], strengths: str) -> list[Variant]:
    """Return every combination of settings (``name=value name=value``), commit and strength.

    Raises:
        ValueError: a setting is not written as ``name=value``.
    """
    added = [[f"strength={strength}"] if strength else [] for strength in strengths.split(",")]
    combinations = product(settings or [""], commits or [WORKING_TREE], added)
    variants = [Variant((*text.split(), *strength), commit) for text, commit, strength in combinations]
    for setting in (setting for variant in variants for setting in variant.settings if "=" not in setting):
        raise ValueError(f"write settings as name=value, not {setting!r}")
    return variants
